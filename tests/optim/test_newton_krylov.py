"""Krylov solves and Newton–Krylov: the dense steps of Levenberg–Marquardt, in fewer iterations with factors."""

from __future__ import annotations

import bisect
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import scipy.sparse.linalg
import small_problems
import torch
from dense_least_squares import SIZE, Dense, Linear, Plain, vector
from torch import Tensor

import pinnml as pm
from pinnml.levels import TwoLevelFactors
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import ResNet
from pinnml.objective import AbstractLeastSquares, Iterate
from pinnml.optim import (
    AbstractInverse,
    GaussNewton,
    GaussNewtonFactors,
    GradientNorm,
    Iterations,
    JacobiFactors,
    KrylovStatus,
    LevenbergMarquardt,
    NewtonKrylov,
    Progress,
    Status,
    minimise,
    solve_by_conjugate_gradients,
)
from pinnml.points import Sobol, sample
from pinnml.schwarz import MultiplicativeSchwarz, SchwarzFactors


def system(n: int = 12) -> tuple[Tensor, Tensor]:
    a = vector(n * n, 1).view(n, n)
    return a @ a.T + 0.1 * torch.eye(n, dtype=torch.float64), vector(n, 2)


def same(v: Tensor) -> Tensor:
    return v


def test_conjugate_gradients_are_those_of_scipy() -> None:
    """The same iterates with a preconditioner, one after another, and the true residual."""
    A, b = system()
    m = 1 / A.diagonal()
    theirs: list[Tensor] = []
    scipy.sparse.linalg.cg(
        A.numpy(),
        b.numpy(),
        M=torch.diag(m).numpy(),
        rtol=1e-14,
        maxiter=9,
        callback=lambda x: theirs.append(torch.from_numpy(x.copy())),
    )
    for k, x in enumerate(theirs, start=1):
        found = solve_by_conjugate_gradients(lambda v: A @ v, b, lambda v: m * v, 0.0, k)
        assert (found.iterations, found.status) == (k, KrylovStatus.LIMIT)
        torch.testing.assert_close(found.x, x, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(found.residual, b - A @ found.x, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rtol", [1e-1, 1e-4, 1e-8])
def test_the_tolerance_is_met_and_not_much_more(rtol: float) -> None:
    A, b = system()
    found = solve_by_conjugate_gradients(lambda v: A @ v, b, same, rtol, 100)
    assert found.status is KrylovStatus.CONVERGED
    assert float((b - A @ found.x).norm()) <= 1.001 * rtol * float(b.norm())
    before = solve_by_conjugate_gradients(lambda v: A @ v, b, same, rtol, found.iterations - 1)
    assert float((b - A @ before.x).norm()) > rtol * float(b.norm())


def test_an_exact_preconditioner_takes_one_iteration() -> None:
    A, b = system()
    inverse = torch.linalg.inv(A)
    found = solve_by_conjugate_gradients(lambda v: A @ v, b, lambda v: inverse @ v, 1e-8, 100)
    assert (found.iterations, found.status) == (1, KrylovStatus.CONVERGED)


def test_breakdowns_are_told() -> None:
    A, b = system()
    assert solve_by_conjugate_gradients(lambda v: -v, b, same, 1e-8, 9).status is KrylovStatus.BREAKDOWN
    assert solve_by_conjugate_gradients(lambda v: A @ v, b, lambda v: -v, 1e-8, 9).status is KrylovStatus.BREAKDOWN
    poisoned = solve_by_conjugate_gradients(lambda v: v * float("nan"), b, same, 1e-8, 9)
    assert poisoned.status is KrylovStatus.BREAKDOWN and not bool(poisoned.x.any())
    assert solve_by_conjugate_gradients(lambda v: A @ v, 0 * b, same, 1e-8, 9).status is KrylovStatus.CONVERGED


PRECONDITIONERS = {"jacobi": JacobiFactors(), "whole": GaussNewtonFactors()}


def tight(**settings: Any) -> GaussNewton:
    return NewtonKrylov(forcing=1e-13, **settings)


def note_theta(thetas: list[torch.Tensor], progress: Progress) -> None:
    thetas.append(progress.iterate.theta)


@pytest.mark.parametrize("geodesic", [True, False])
@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_steps_are_those_of_levenberg_and_marquardt(name: str, geodesic: bool) -> None:
    """Six steps with tight solves agree with six dense ones."""
    problem, near = Dense(), 0.3 * vector(SIZE, 2)
    problem.b = torch.tanh(problem.A @ near) + 0.1 * vector(len(problem.b), 4)
    start, ways = near + 0.3 * vector(SIZE, 3), []
    for solver in (
        LevenbergMarquardt(geodesic=geodesic, corrections=0),
        tight(preconditioner=PRECONDITIONERS[name], geodesic=geodesic),
    ):
        thetas: list[Tensor] = []
        minimise(problem, start, solver, Iterations(6), callback=partial(note_theta, thetas))
        ways.append(torch.stack(thetas))
    torch.testing.assert_close(ways[1], ways[0], rtol=0, atol=1e-8)
    assert float((ways[0][1] - ways[0][0]).norm()) > 0.1


def heat() -> tuple[PinnObjective, Tensor]:
    problem, generator = small_problems.heat(), torch.Generator().manual_seed(0)
    domain = problem.domain
    network = ResNet(width=5, blocks=6).bind(domain.names, domain.lower, domain.upper, 1)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, Discretisation(network, sample(problem, Sobol(100), generator))), theta


def iterations_to(share: float, A: Tensor, b: Tensor, inverse: AbstractInverse) -> int:
    """The iterations until `share` of the decrease ½b·A⁻¹b of the quadratic model is reached."""
    best = 0.5 * float(b.dot(torch.linalg.solve(A, b)))

    def reached(k: int) -> bool:
        x = solve_by_conjugate_gradients(lambda v: A @ v, b, inverse, 0.0, k).x
        return float(b.dot(x) - 0.5 * x.dot(A @ x)) >= share * best

    return bisect.bisect_left(range(1, 3000), True, key=reached) + 1


@pytest.mark.slow
def test_coarse_levels_save_iterations_on_a_network() -> None:
    """In the tail, with little damping: blocks alone need more iterations than a diagonal, coarse levels a tenth.

    Layers can do the same as one another, and block solves that do not know of it all do it at once.
    """
    objective, theta = heat()
    theta = minimise(objective, theta, MultiplicativeSchwarz(), Iterations(15)).iterate.theta
    model, damping = objective.gauss_newton(theta), 1e-6
    A = model.gram + damping * torch.diag(model.gram.diagonal())
    diagonal, blocks, levels = (
        iterations_to(0.9, A, -model.grad, preconditioner.factors(objective, theta, damping))
        for preconditioner in (JacobiFactors(), SchwarzFactors(), TwoLevelFactors(groups=(2, 6)))
    )
    assert levels < 0.25 * diagonal and levels < 0.25 * blocks


def test_inexact_steps_lower_the_loss_of_a_network() -> None:
    objective, theta = heat()
    losses: list[float] = []
    result = minimise(
        objective,
        theta,
        pm.optim.NewtonKrylov(TwoLevelFactors(), max_iterations=30),
        Iterations(6),
        callback=lambda p: losses.append(float(p.iterate.f)),
    )
    assert all(after < before for before, after in pairwise(losses))
    assert losses[-1] < 0.03 * losses[0]
    assert result.counts.products > 0 and result.counts.jacobians > 0


def test_linear_residuals_take_one_undamped_step() -> None:
    problem = Linear()
    result = minimise(problem, vector(SIZE, 1), tight(damping=0.0), Iterations(1))
    exact = torch.linalg.lstsq(problem.A, problem.b[:, None]).solution[:, 0]
    torch.testing.assert_close(result.iterate.theta, exact, rtol=0, atol=1e-10)


class Walled(Linear):
    """Not finite beyond a distance from the start."""

    def __init__(self, start: Tensor, radius: float) -> None:
        super().__init__()
        self.start, self.radius = start, radius

    def residual(self, theta: Tensor) -> Tensor:
        return super().residual(theta) * (1.0 if float((theta - self.start).norm()) < self.radius else float("nan"))


@pytest.mark.parametrize("geodesic", [True, False])
def test_what_is_not_finite_never_enters(geodesic: bool) -> None:
    start = vector(SIZE, 1)
    problem: AbstractLeastSquares = Walled(start, 0.5)
    result = minimise(problem, start, NewtonKrylov(geodesic=geodesic), Iterations(3))
    assert result.iterate.is_finite() and float(result.iterate.f) < float(problem.at(start).f)
    nowhere = minimise(Walled(start, 1e-30), start, NewtonKrylov(geodesic=geodesic), Iterations(3))
    assert nowhere.status is Status.NOT_FINITE and torch.equal(nowhere.iterate.theta, start)


def test_at_the_minimum_the_run_ends_with_a_reason() -> None:
    result = minimise(Linear(), vector(SIZE, 1), NewtonKrylov(), GradientNorm(0.0) | Iterations(60))
    assert result.status in (Status.AT_ROUNDING, Status.CONVERGED) and result.success
    zero = Iterate(vector(SIZE, 1), torch.tensor(1.0, dtype=torch.float64), torch.zeros(SIZE, dtype=torch.float64))
    assert minimise(Linear(), zero, NewtonKrylov(), Iterations(1)).status is Status.CONVERGED


def test_wrong_uses_are_refused() -> None:
    with pytest.raises(TypeError, match="needs a sum of squares"):
        minimise(Plain(), vector(3, 0), NewtonKrylov(), Iterations(1))
    with pytest.raises(ValueError, match="forcing is 0"):
        NewtonKrylov(forcing=0)
    with pytest.raises(ValueError, match="max_iterations is 0"):
        NewtonKrylov(max_iterations=0)


def test_renewed_points_raise_the_damping() -> None:
    problem, solver = Dense(), NewtonKrylov(damping=1e-3)
    iterate = problem.at(vector(SIZE, 3))
    state = solver.renewed(problem, iterate, solver.init(problem, iterate))
    assert float(state.damping) == pytest.approx(1e-2)


def test_a_product_that_is_not_finite_is_made_again() -> None:
    A, b = system()
    count = 0

    def faulty(v: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return A @ v if count % 3 else float("nan") * v

    found = solve_by_conjugate_gradients(faulty, b, same, 1e-12, 50)
    assert found.status is KrylovStatus.CONVERGED and torch.allclose(A @ found.x, b, atol=1e-9)
    assert found.iterations < count
    never = solve_by_conjugate_gradients(lambda v: float("nan") * v, b, same, 1e-12, 50)
    assert never.status is KrylovStatus.BREAKDOWN and torch.equal(never.x, torch.zeros_like(b))
