"""Monotone multigrid on an obstacle problem: feasible, never rising, at the solution, alike on any number of levels."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from dense_least_squares import vector
from hypothesis import given, settings
from hypothesis import strategies as st
from line_of_springs import Halved, Springs, transfers
from scipy.optimize import minimize as by_scipy
from small_problems import heat
from torch import Tensor

import pinnml as pm
from pinnml.errors import DeclarationError
from pinnml.io import plain
from pinnml.levels import CoarseLevel, LineSearched, Multilevel, Smoothing, coarse_bounds
from pinnml.loss import Discretisation, PinnObjective, Threads
from pinnml.methods import monotone_multigrid
from pinnml.objective import (
    AbstractCoarsening,
    AbstractObjective,
    AbstractRestriction,
    HalfDepth,
    HalfWidth,
    ShareOfPoints,
    Subspace,
    Successive,
    Tied,
    everything,
    tilted,
)
from pinnml.optim import LBFGS, Bounds, GradientDescent, Iterations, ProjectedGradient, Status, minimise
from pinnml.points import Uniform, sample

pytestmark = pytest.mark.usefixtures("on_one_thread")

INFINITY = float("inf")


def cycles(bounds: Bounds, count: int) -> Multilevel:
    """V-cycles with two steps before and after corrections, on the coarsest of so many levels 40."""
    smoothing, exact = Smoothing(ProjectedGradient(), 2, 2), Smoothing(ProjectedGradient(), 40, 0)
    coarse = (*[CoarseLevel(Halved(), smoothing)] * (count - 2), CoarseLevel(Halved(), exact))
    return Multilevel(coarse, smoothing, paying=None, bounds=bounds)


def string(exponent: int) -> tuple[Springs, Tensor]:
    """A loaded string, and an obstacle below it that it touches in part."""
    size = 2**exponent - 1
    x = torch.arange(1, size + 1, dtype=torch.float64) / 2**exponent
    return Springs(exponent, torch.full((size,), -8.0, dtype=torch.float64) / 2**exponent), -0.3 - (x - 0.4).square()


def touching(exponent: int, begin: float = 0.3, end: float = 0.6) -> tuple[AbstractObjective, Bounds]:
    """½eᵀAe + λ·e with the solution e = 0, f = 0: contact where λ > 0, and room that grows quadratically beside it."""
    size = 2**exponent - 1
    x = torch.arange(1, size + 1, dtype=torch.float64) / 2**exponent
    beside = (begin - x).clamp_min(0) + (x - end).clamp_min(0)
    force = 8.0 * (beside == 0).to(x.dtype) / 2**exponent
    zero = torch.zeros(size, dtype=torch.float64)
    return tilted(Springs(exponent), force, zero), Bounds(-4 * beside.square())


def factor(solver: pm.optim.AbstractSolver, exponent: int, steps: int, *ends: float) -> float:
    """The mean factor a step of the error in the energy norm, in the second half of some steps."""
    problem, bounds = touching(exponent, *ends)
    values: list[float] = []
    start = problem.at(bounds.project(0.1 * vector(2**exponent - 1, 1).abs()))
    minimise(problem, start, solver, Iterations(steps), callback=lambda p: values.append(p.iterate.value))
    return float((values[-1] / values[len(values) // 2]) ** (1 / steps))


def test_v_cycles_contract_alike_on_any_number_of_levels() -> None:
    """Measured 0.29 to 0.57 on 4 to 7 levels, and 0.96 to 0.997 for the smoother, of which a cycle takes four steps."""
    for exponent in (5, 6, 7, 8):
        bounds = touching(exponent)[1]
        alone = factor(ProjectedGradient(bounds=bounds), exponent, 64)
        found = factor(cycles(bounds, exponent - 1), exponent, 16)
        print(exponent, found, alone)
        assert found < 0.65 and alone**4 > 0.8


def test_contact_that_ends_at_nodes_of_all_levels_costs_cycles_nothing() -> None:
    """Measured 0.04 to 0.06; elsewhere coarse functions that overlap contact are held, and finer levels work more."""
    for exponent in (5, 6, 7, 8):
        bounds = touching(exponent, 0.25, 0.5)[1]
        assert factor(cycles(bounds, exponent - 1), exponent, 16, 0.25, 0.5) < 0.1


def test_it_reaches_what_projected_gauss_seidel_and_scipy_reach() -> None:
    problem, obstacle = string(5)
    start, values = obstacle.clamp_min(0), list[float]()
    solver = cycles(Bounds(obstacle), 4)
    found = minimise(
        problem, start, solver, Iterations(60), callback=lambda p: values.append(p.iterate.value)
    ).iterate.theta
    assert all(after <= before + 1e-12 * abs(before) for before, after in pairwise(values))
    A, load, expected = problem.A.numpy(), problem.load.numpy(), start.numpy().copy()
    for _ in range(2000):
        for i, least in enumerate(obstacle.tolist()):
            expected[i] = max(least, expected[i] + (load[i] - A[i] @ expected) / A[i, i])
    assert 5 < int((found == obstacle).sum()) < 20
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-10)
    theirs = by_scipy(
        lambda x: (0.5 * x @ A @ x - load @ x, A @ x - load), start.numpy(), jac=True, method="L-BFGS-B",
        bounds=[(least, None) for least in obstacle.tolist()], options={"ftol": 0, "gtol": 1e-13, "maxiter": 5000},
    )  # fmt: skip
    np.testing.assert_allclose(found.numpy(), theirs.x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("searched", [False, True], ids=["shortened", "searched"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.floats(0, 2), steps=st.integers(1, 3))
def test_every_iterate_is_within_its_bounds(searched: bool, seed: int, width: float, steps: int) -> None:
    """Bounds of random room, infinite or closed at some entries; the minimum without them is outside."""
    lower = vector(31, seed)
    upper = lower + width * vector(31, seed + 1).clamp_min(0)
    lower[::5], upper[::7] = -INFINITY, INFINITY
    bounds, problem = Bounds(lower, upper), Springs(5, 20 * vector(31, seed + 2))
    whole = cycles(bounds, 4)
    solver = replace(whole, acceptance=LineSearched()) if searched else whole
    seen: list[Tensor] = []
    values: list[float] = []

    def note(progress: pm.optim.Progress) -> None:
        seen.append(progress.iterate.theta)
        values.append(progress.iterate.value)

    minimise(problem, bounds.project(vector(31, seed + 3)), solver, Iterations(steps), callback=note)
    assert all(bool(((theta >= lower) & (theta <= upper)).all()) for theta in seen)
    assert all(after <= before + 1e-12 * abs(before) for before, after in pairwise(values))


def test_bounds_that_are_never_met_change_nothing() -> None:
    problem, _ = string(6)
    bounded, free = (
        minimise(problem, problem.start(), solver, Iterations(6)).iterate.theta
        for solver in (cycles(Bounds(-1e3, 1e3), 5), without_bounds(cycles(Bounds(), 5)))
    )
    assert torch.equal(bounded, free)
    ours, theirs = (
        minimise(problem, problem.start(), solver, Iterations(6)).iterate.theta
        for solver in (ProjectedGradient(bounds=Bounds(-1e3, 1e3)), GradientDescent())
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def without_bounds(solver: Multilevel) -> Multilevel:
    return Multilevel(solver.levels, solver.smoothing, paying=None)


NETWORK = pm.ResNet(width=4, blocks=4).bind(("t", "x"), (0.0, 0.0), (1.0, 3.0), 1)
LOSS = PinnObjective(
    heat(),
    Discretisation(NETWORK, sample(heat(), Uniform(12), torch.Generator().manual_seed(1))),
    threads=Threads(1),
)
RULES: dict[str, AbstractCoarsening] = {
    "points": ShareOfPoints(0.5),
    "depth": HalfDepth(),
    "vertices": HalfDepth(pm.objective.VertexCentred()),
    "width": HalfWidth(),
    "all": Successive((HalfDepth(), ShareOfPoints(0.5), HalfWidth())),
}


def prolongations(theta: Tensor) -> dict[str, AbstractRestriction]:
    found = {name: LOSS.coarse(rule, theta) for name, rule in RULES.items()}
    fine = transfers(63)[0]
    mixed = Subspace(vector(24, 7).view(3, 8))
    tied = Tied((((0, 3), (3, 6)), ((7, 9),)), 12)
    more = {"mixed": mixed, "springs": fine, "twice": transfers(31)[0] @ fine, "tied": tied}
    return {name: problem.restriction for name, problem in found.items() if problem is not None} | more


@pytest.mark.parametrize("name", [*RULES, "mixed", "springs", "twice", "tied"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_coarse_correction_leads_out_of_the_fine_bounds(name: str, seed: int) -> None:
    """Corners of the coarse box included, with room from 0 to 1 on either side, or without an end."""
    restriction = prolongations(vector(NETWORK.size, seed))[name]
    coarse_size, size = restriction.shape
    theta, draw = vector(size, seed), torch.Generator().manual_seed(seed)
    room = torch.rand(2, size, generator=draw, dtype=torch.float64)
    if name != "mixed":  # there every entry is in every row
        room[0, ::6], room[1, ::5], room[0, ::7] = 0.0, 0.0, INFINITY
    bounds, y = Bounds(theta - room[0], theta + room[1]), vector(coarse_size, seed + 1)
    found = coarse_bounds(restriction, bounds, theta, y)
    lower, upper = found.on(y)
    assert bool(((lower <= y) & (y <= upper)).all())
    where = torch.rand(coarse_size, generator=draw, dtype=torch.float64).round()
    corner = torch.where(where == 0, lower.clamp_min(-1e3), upper.clamp_max(1e3))
    reached = theta + restriction.adjoint(corner - y)
    assert bool(((reached >= theta - room[0] - 1e-9) & (reached <= theta + room[1] + 1e-9)).all())


@pytest.mark.parametrize("name", [*RULES, "mixed", "springs", "twice", "tied"])
def test_a_restriction_as_a_sparse_matrix_is_the_restriction(name: str) -> None:
    restriction = prolongations(vector(NETWORK.size, 1))[name]
    v = vector(restriction.shape[1], 2)
    torch.testing.assert_close(restriction.matrix(v).to_dense() @ v, restriction(v))


@pytest.mark.parametrize("restriction", [everything(31), transfers(31)[0]], ids=["same", "springs"])
def test_room_that_is_alike_everywhere_is_that_of_the_coarse_level(restriction: AbstractRestriction) -> None:
    theta, y = vector(31, 1), vector(restriction.shape[0], 2)
    lower, upper = coarse_bounds(restriction, Bounds(theta - 1, theta + 2), theta, y).on(y)
    torch.testing.assert_close(lower, y - 1)
    torch.testing.assert_close(upper, y + 2)


def test_the_named_method_trains_a_network_within_bounds() -> None:
    start = NETWORK.initial(torch.Generator().manual_seed(1), torch.float64, torch.device("cpu"))
    bounds = Bounds(start - 0.05, start + 0.05)
    solver = monotone_multigrid(bounds, (ShareOfPoints(0.5), HalfDepth(), HalfWidth()))
    assert plain.decode(plain.encode(solver), "here") == solver
    result = minimise(LOSS, start, solver, Iterations(10))
    assert torch.equal(bounds.project(result.iterate.theta), result.iterate.theta)
    assert result.iterate.value < 0.9 * float(LOSS.value(start))
    assert int(((result.iterate.theta - start).abs() > 0.05 - 1e-12).sum()) > 0
    assert sum(level.log.accepted for level in result.state.levels[1:]) > 0


def test_where_no_entry_may_follow_the_gradient_a_run_has_converged() -> None:
    problem = Springs(4, -torch.ones(15, dtype=torch.float64))
    zero = torch.zeros(15, dtype=torch.float64)
    result = minimise(problem, zero, ProjectedGradient(bounds=Bounds(0.0)), Iterations(5))
    assert result.status is Status.CONVERGED and torch.equal(result.iterate.theta, zero)


def test_what_cannot_be_bounded_is_refused() -> None:
    with pytest.raises(DeclarationError, match="LBFGS keeps no bounds"):
        Multilevel((), Smoothing(LBFGS()), bounds=Bounds())
    problem = Springs(4)
    for solver in (ProjectedGradient(bounds=Bounds(5.0)), cycles(Bounds(5.0), 3)):
        with pytest.raises(DeclarationError, match="outside of its bounds"):
            minimise(problem, problem.start(), solver, Iterations(1))
    with pytest.raises(DeclarationError, match="shape"):
        minimise(problem, problem.start(), cycles(Bounds(problem.start()[:3]), 3), Iterations(1))
