"""Quasi-Newton methods with a trust region: compact forms, the exact subproblem, and runs on functions of all kinds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from classical_functions import CLASSICS
from dense_least_squares import vector
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import (
    LSR1,
    BFGSUpdate,
    Evaluations,
    Iterations,
    SecantMemory,
    SR1Update,
    Status,
    TrustRegion,
    TrustRegionLBFGS,
    TrustRegionQuasiNewton,
    minimise,
)
from pinnml.optim.compact import Change, Spectrum
from pinnml.optim.secular import secular
from pinnml.optim.trust_region_quasi_newton import _tried

SIZE, PAIRS = 9, 4
SOLVERS = {"lsr1": LSR1(20), "lbfgs": TrustRegionLBFGS(20)}
UPDATES = [SR1Update(), BFGSUpdate()]


def symmetric(values: Tensor, seed: int) -> Tensor:
    """Return a matrix with these eigenvalues."""
    Q, _ = torch.linalg.qr(vector(len(values) ** 2, seed).view(len(values), -1))
    return Q @ values.diag() @ Q.T


def memory_of(H: Tensor, pairs: int = PAIRS, seed: int = 5) -> SecantMemory:
    """Return the pairs (s, Hs) of some steps, of very different lengths."""
    memory = SecantMemory.empty(vector(len(H), 0))
    for number in range(pairs):
        s = 10.0**-number * vector(len(H), seed + number)
        memory = memory.pushed(s, H @ s, pairs)
    return memory


def recursion(memory: SecantMemory, update: Any, gamma: float) -> Tensor:
    """Return B by one update after another (Nocedal, Wright 2006, eq. 6.19 and 6.24)."""
    B = gamma * torch.eye(memory.s.shape[1]).double()
    for s, y in zip(memory.s, memory.y, strict=True):
        if isinstance(update, SR1Update):
            e = y - B @ s
            B = B + torch.outer(e, e) / e.dot(s)
        else:
            B = B - torch.outer(B @ s, B @ s) / s.dot(B @ s) + torch.outer(y, y) / y.dot(s)
    return B


def spectrum(memory: SecantMemory, update: Any, gradient: Tensor | None = None) -> Spectrum:
    found = Spectrum.of(memory, update, memory.y[-1] if gradient is None else gradient)
    assert found is not None
    return found


def dense(B: Spectrum) -> Tensor:
    vectors = B.basis @ B.turns
    return B.gamma * torch.eye(len(vectors)).double() + vectors @ (B.values - B.gamma).diag() @ vectors.T


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: type(update).__name__)
@pytest.mark.parametrize("pairs", [1, 4, 8])
def test_the_compact_form_is_the_recursion_and_keeps_the_secant_equation(update: Any, pairs: int) -> None:
    H = symmetric(torch.linspace(0.5, 4, SIZE).double(), 1)
    memory = memory_of(H, pairs)
    B = spectrum(memory, update)
    gamma = float(update.gamma(memory))
    torch.testing.assert_close(dense(B), recursion(memory, update, gamma), rtol=0, atol=1e-8)
    s, y = memory.s[-1], memory.y[-1]
    assert float((dense(B) @ s - y).norm()) <= 1e-8 * float(y.norm())
    if isinstance(update, SR1Update):  # on a quadratic all pairs are kept (Nocedal, Wright 2006, theorem 6.1)
        errors = (memory.s @ dense(B) - memory.y).norm(dim=1) / memory.y.norm(dim=1)
        assert float(errors.max()) <= 1e-7


def exact(B: Tensor, g: Tensor, radius: float) -> float:
    """Return the least model within a radius, by bisection for σ in a dense eigenbasis."""
    values, vectors = torch.linalg.eigh(B)
    a = vectors.T @ g

    least = max(0.0, -float(values[0]))

    def step(beyond: float) -> Tensor:
        below = (values + least) + beyond
        return torch.where(below.abs() > 1e-12, -a / below, 0.0)

    def model(s: Tensor) -> float:
        return float(a.dot(s) + 0.5 * (values * s).dot(s))

    s = step(0.0)
    if float(a[(values - values[0]).abs() < 1e-9].norm()) < 1e-12 * float(a.norm()) and float(s.norm()) < radius:
        extra = (radius**2 - float(s.square().sum())) ** 0.5 if values[0] < 0 else 0.0
        return model(s + extra * torch.eye(len(a)).double()[0])
    if float(values[0]) > 0 and float(s.norm()) <= radius:
        return model(s)
    low, high = 0.0, float(a.norm()) / radius + 1
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if float(step(middle).norm()) > radius else (low, middle)
    return model(step(high))


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: type(update).__name__)
@pytest.mark.parametrize("radius", [1e-6, 1e-2, 0.3, 2.0, 1e3])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("pairs", [2, 4, 12])
def test_the_step_is_the_minimum_within_the_radius(update: Any, radius: float, seed: int, pairs: int) -> None:
    low = -2.0 if isinstance(update, SR1Update) else 0.1
    H = symmetric(torch.linspace(low, 3, SIZE).double(), seed)
    g = vector(SIZE, 100 + seed)
    B = spectrum(memory_of(H, min(pairs, SIZE - 1), seed), update, g)
    found = B.minimum(radius)
    matrix = dense(B)
    s, value = found.step, float(g.dot(found.step) + 0.5 * found.step.dot(matrix @ found.step))
    expected = exact(matrix, g, radius)
    assert abs(value - expected) <= 1e-10 * abs(expected)
    assert -found.predicted == pytest.approx(value, rel=1e-10)
    assert float(s.norm()) == pytest.approx(found.length, rel=1e-10) and found.length <= radius * (1 + 1e-10)
    size = float((matrix @ s).norm() + g.norm() + found.shift * s.norm())
    assert float((matrix @ s + found.shift * s + g).norm()) <= 1e-9 * size
    assert found.shift * (radius - found.length) <= 1e-9 * radius * max(found.shift, 1)


@pytest.mark.parametrize("radius", [1.0, 30.0])
def test_the_hard_case_leaves_along_the_lowest_eigenvector(radius: float) -> None:
    """∇f has nothing along the eigenvector of a negative eigenvalue, and the rest of the step is short."""
    H = symmetric(torch.linspace(-1, 3, SIZE).double(), 1)
    plain = spectrum(memory_of(H), SR1Update())
    lowest, u = float(plain.values.min()), plain.basis @ plain.turns[:, plain.values.argmin()]
    assert lowest < 0
    g = 0.1 * vector(SIZE, 3)
    B = spectrum(memory_of(H), SR1Update(), g - u.dot(g) * u)
    g, found = g - u.dot(g) * u, B.minimum(radius)
    assert float(found.step.norm()) == pytest.approx(radius, rel=1e-10) and found.shift == pytest.approx(-lowest)
    assert abs(float(u.dot(found.step))) > 0.5 * radius
    assert -found.predicted == pytest.approx(exact(dense(B), g, radius), rel=1e-10)


def test_scalar_subproblems_by_hand() -> None:
    assert secular([2.0], [4.0], 5.0) == (2.0, 2.0, 0.0)  # s = −2
    lowest, tau, extra = secular([2.0], [4.0], 1.0)  # s = −1, σ = 2
    assert (lowest, extra) == (2.0, 0.0) and tau == pytest.approx(4.0)
    lowest, tau, extra = secular([-1.0, 1.0], [0.0, 2.0], 2.0)  # s = (√3, −1), σ = 1
    assert (lowest, tau) == (-1.0, 0.0) and extra == pytest.approx(3**0.5)
    lowest, tau, extra = secular([-1.0, 1.0], [1e-9, 2.0], 2.0)  # all but hard
    assert 1e-9 / tau == pytest.approx(3**0.5, rel=1e-8) and extra == 0


def test_what_a_trial_says_of_its_pair() -> None:
    """s·(y − Bs) and ‖y − Bs‖ without a product with B, from (B + σI)s = −∇f."""
    problem, theta = Saddle(), vector(5, 2)
    start = problem.at(theta)
    B = spectrum(memory_of(problem.H.diag(), 3), SR1Update(), start.grad)
    best = B.minimum(0.3)
    assert best.shift > 0.1
    found, (s, y), change = _tried(problem, start, best)
    error = y - dense(B) @ s
    torch.testing.assert_close(found.theta, theta + s)
    torch.testing.assert_close(y, problem.at(theta + s).grad - start.grad)
    assert change.error == pytest.approx(float(s.dot(error)), rel=1e-10)
    assert change.distance == pytest.approx(float(error.norm()), rel=1e-10)
    assert (change.product, change.s, change.y) == pytest.approx((float(s.dot(y)), float(s.norm()), float(y.norm())))


def test_pairs_that_enter() -> None:
    assert SR1Update(0.1).enters(Change(-1.0, 1.0, 1.0, -0.2, 1.0))
    assert not SR1Update(0.1).enters(Change(-1.0, 1.0, 1.0, -0.05, 1.0))
    assert not SR1Update().enters(Change(1.0, 1.0, 1.0, 0.0, 0.0))
    assert not BFGSUpdate().enters(Change(-1.0, 1.0, 1.0, 1.0, 1.0))
    assert BFGSUpdate(0.1).enters(Change(0.2, 1.0, 1.0, 0.0, 0.0))
    assert not any(update.enters(Change(*[float("nan")] * 5)) for update in UPDATES)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("name", [name for name in CLASSICS if name not in ("powell-singular", "rosenbrock-20")])
def test_a_run_ends_at_a_known_minimum_and_f_never_rises(name: str, solver: TrustRegionQuasiNewton) -> None:
    classic, values = CLASSICS[name], list[float]()
    objective = classic.objective()
    result = minimise(
        objective, classic.theta(), solver, Evaluations(400), callback=lambda p: values.append(p.iterate.value)
    )
    assert result.success and result.status is not Status.STOPPED, result.message
    assert objective.evaluations == result.counts.gradients < 200
    assert abs(result.iterate.value - classic.minimum) <= 20 * classic.rounding
    assert all(after <= before for before, after in pairwise(values))


class Saddle(AbstractObjective):
    """½xᵀHx + ¼Σx⁴ with one negative eigenvalue of H, along the first coordinate: minima at x = (±√μ, 0, …)."""

    H = torch.tensor([-1.0, 0.5, 1.0, 2.0, 3.0]).double()

    def at(self, theta: Tensor) -> Iterate:
        f = 0.5 * (self.H * theta).dot(theta) + 0.25 * theta.pow(4).sum()
        return Iterate(theta, f, self.H * theta + theta**3)


def test_a_run_leaves_a_saddle_from_a_point_where_the_gradient_does_not_show_it() -> None:
    """On the saddle's ridge ∇f has nothing along the first coordinate; SR1 knows the curvature there from its pairs."""
    problem, theta = Saddle(), torch.tensor([0.0, 0.3, 0.2, -0.1, 0.1]).double()
    start = problem.at(theta)
    assert start.grad[0] == 0
    solver = LSR1()
    memory = memory_of(problem.H.diag(), 5)
    state = solver.init(problem, start)
    iterate, state, status = solver.step(problem, start, type(state)(memory, 0.5, state.plateau))
    assert status is Status.RUNNING and abs(float(iterate.theta[0])) > 0.3
    for _ in range(30):
        iterate, state, status = solver.step(problem, iterate, state)
    assert iterate.value == pytest.approx(-0.25, abs=1e-12)
    stuck = minimise(problem, theta, TrustRegionLBFGS(), Iterations(30)).iterate
    assert stuck.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_no_step_is_longer_than_the_radius_from_outside(solver: TrustRegionQuasiNewton) -> None:
    classic = CLASSICS["wood"]
    objective = classic.objective()
    iterate = objective.at(classic.theta())
    state = solver.init(objective, iterate)
    lengths, inside = [], solver.within(0.07)
    for _ in range(30):
        following, state, _ = inside.step(objective, iterate, state)
        lengths.append(float((following.theta - iterate.theta).norm()))
        iterate = following
    assert max(lengths) <= 0.07 * (1 + 1e-10) and sorted(lengths)[15] == pytest.approx(0.07)
    assert inside.within(1.0).region.largest == 0.07
    following, _, _ = solver.step(objective, iterate, state)
    assert float((following.theta - iterate.theta).norm()) > 0.07


def test_a_state_of_another_objective_or_block_keeps_its_radius_alone() -> None:
    solver, problem = LSR1(region=TrustRegion(start=0.3)), Saddle()
    result = minimise(problem, vector(5, 1), solver, Iterations(4))
    state = result.state
    assert len(state.memory) and state.radius > 0
    renewed = solver.renewed(problem, result.iterate, state)
    assert not len(renewed.memory) and renewed.radius == 0.5 * state.radius
    kept = solver.carried(state)
    assert not len(kept.memory) and kept.radius == state.radius and kept.memory.s.shape == (0, 5)
