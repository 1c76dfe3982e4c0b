"""Momentum in the damping and dampings by the ratio of decreases, against the formulae written out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from dense_least_squares import SIZE, Dense, Linear, Wall, vector
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractLeastSquares, Iterate
from pinnml.optim import (
    QR,
    Cholesky,
    ConjugateGradients,
    Damping,
    GaussNewton,
    Geodesic,
    Iterations,
    MinimumNorm,
    Momentum,
    RatioTargeted,
    Status,
    minimise,
)
from pinnml.optim.globalisation import LEAST

HELD = Momentum(start=1.0, decrease=1.0, momentum=0.5)
"""λ stays where it is."""


def steps(problem: AbstractLeastSquares, solver: GaussNewton, theta: Tensor, count: int) -> list[Any]:
    """Return θ and state after every step."""
    iterate = problem.at(theta)
    state, found = solver.init(problem, iterate), []
    for _ in range(count):
        iterate, state, status = solver.step(problem, iterate.with_gradient(problem), state)
        assert status is Status.RUNNING
        found.append((iterate.theta, state))
    return found


@pytest.mark.parametrize("linear", [Cholesky(), QR(), MinimumNorm(), ConjugateGradients(forcing=1e-12)], ids=str)
def test_momentum_holds_a_step_to_a_share_of_the_one_before(linear: Any) -> None:
    """(JᵀJ + λD)d = −Jᵀr + μλDd₋ with λ = 1 and D = diag JᵀJ."""
    problem, theta = Linear(), vector(SIZE, 1)
    (first, _), (second, _), (third, _) = steps(problem, GaussNewton(linear, HELD, None), theta, 3)
    A, D = problem.A, problem.A.square().sum(0)
    previous, at = torch.zeros(SIZE).double(), theta
    for reached in (first, second, third):
        d = torch.linalg.solve(A.T @ A + D.diag(), -A.T @ problem.residual(at) + 0.5 * D * previous)
        torch.testing.assert_close(reached, at + d, rtol=0, atol=1e-10)
        previous, at = d, at + d


@pytest.mark.parametrize("linear", [Cholesky(), QR(), MinimumNorm()], ids=str)
def test_what_a_drawn_factor_says_of_its_step(linear: Any) -> None:
    """JᵀJd, which the predicted decrease is made of, and λD(d − towards) = −∇f − JᵀJd."""
    problem, theta, towards = Linear(), vector(SIZE, 1), vector(SIZE, 2)
    start, D = problem.at(theta), torch.linspace(1, 2, SIZE).double()
    plain = linear.at(problem, start, 0.5, None).factor(0.5, D)
    factor = plain.drawn(towards)
    torch.testing.assert_close(factor.curved, problem.A.T @ problem.A @ factor.step, rtol=0, atol=1e-11)
    torch.testing.assert_close(factor.held, -start.grad - factor.curved, rtol=0, atol=1e-11)
    assert plain.drawn(None) is plain and not torch.allclose(factor.step, plain.step)


def test_chord_steps_hold_to_it_as_well() -> None:
    """δ ← δ − (JᵀJ + λD)⁻¹(Jᵀr(θ + δ) + λD(δ − μd₋)), once, from the step δ of the linear model."""
    problem, theta = Dense(), 0.3 * vector(SIZE, 1)
    solver = GaussNewton(Cholesky(), HELD, Geodesic(chord_steps=1, bend=None))
    (first, state), (second, after) = steps(problem, solver, theta, 2)
    J, held = problem.jacobian(first), after.scale.diag()
    matrix, target = J.T @ J + held, 0.5 * held @ state.previous
    step = torch.linalg.solve(matrix, target - J.T @ problem.residual(first))
    corrected = step - torch.linalg.solve(matrix, J.T @ problem.residual(first + step) + held @ step - target)
    assert float(problem.value(first + corrected)) < float(problem.value(first + step))
    torch.testing.assert_close(second, first + corrected, rtol=0, atol=1e-10)


def test_momentum_is_forgotten_when_the_objective_changes_and_moves_with_its_entries() -> None:
    problem, theta = Linear(), vector(SIZE, 1)
    solver = GaussNewton(Cholesky(), HELD, None)
    reached, state = steps(problem, solver, theta, 1)[0]
    assert torch.equal(state.previous, reached - theta)
    assert solver.renewed(problem, problem.at(reached), state).previous is None
    sources = torch.tensor([3, -1, 0])
    found = solver.rearranged(problem, problem.at(reached), state, sources).previous
    assert found is not None and torch.equal(found, torch.stack([state.previous[3], 0 * theta[0], state.previous[0]]))
    plain = steps(problem, GaussNewton(Cholesky(), Damping(), None), theta, 1)[0][1]
    assert plain.previous is None


def test_a_refused_trial_is_repeated_without_momentum() -> None:
    theta = vector(SIZE, 1)
    problem = Wall(theta, torch.inf)
    solver = GaussNewton(Cholesky(), HELD, None)
    (first, state), (second, _) = steps(problem, solver, theta, 2)
    walled = Wall(first, 0.99 * float((second - first).norm()))
    found, after, _ = solver.step(walled, walled.at(first), state)
    damping = float(after.damping)
    A, D = problem.A, problem.A.square().sum(0)
    expected = first + torch.linalg.solve(A.T @ A + damping * D.diag(), -A.T @ problem.residual(first))
    assert damping > 1
    torch.testing.assert_close(found.theta, expected, rtol=0, atol=1e-10)


def test_the_least_damping_that_keeps_to_the_target_is_taken() -> None:
    """On a linear residual every ratio is one: all are tried, the last is taken; behind a wall the last before it."""
    theta = vector(SIZE, 1)
    rule = RatioTargeted(start=10.0, trials=3)
    problem = Linear()
    A, D = problem.A, problem.A.square().sum(0)
    ways = [torch.linalg.solve(A.T @ A + 10.0 ** (1 - k) * D.diag(), -A.T @ problem.residual(theta)) for k in range(4)]
    assert all(float(b.norm()) > float(a.norm()) for a, b in pairwise(ways))
    for taken in range(4):
        walled = Wall(theta, 1.001 * float(ways[taken].norm()))
        reached, state = steps(walled, GaussNewton(Cholesky(), rule, None), theta, 1)[0]
        torch.testing.assert_close(reached, theta + ways[taken], rtol=0, atol=1e-10)
        assert float(state.damping) == pytest.approx(10.0 ** (2 - taken))


class Bent(AbstractLeastSquares):
    """r = (x − 1, k x²): the model foresees more than there is, and less with a longer step."""

    def residual(self, theta: Tensor) -> Tensor:
        return torch.cat([theta - 1, 3.0 * theta**2])

    def jacobian(self, theta: Tensor) -> Tensor:
        return torch.cat([torch.ones(1, 1).double(), 6.0 * theta[:, None]])

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return self.jacobian(theta) @ direction

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return self.jacobian(theta).T @ cotangent


@pytest.mark.parametrize("target", [0.15, 0.5, 0.8])
def test_every_step_keeps_to_the_target(target: float) -> None:
    """From x = 0 the step 1/(1 + λ) has the ratio of decreases written out here; the least λ of the ladder is taken."""
    problem, theta = Bent(), torch.zeros(1).double()
    rule = RatioTargeted(start=100.0, target=target, factor=2.0, trials=12)

    def ratio(damping: float) -> float:
        d = 1 / (1 + damping)
        return float(0.5 - problem.value(torch.tensor([d]).double())) / (d - 0.5 * d * d)

    reached, _ = steps(problem, GaussNewton(Cholesky(), rule, None), theta, 1)[0]
    dampings = [100.0 / 2**k for k in range(13)]
    least = [damping for damping in dampings if ratio(damping) >= target][-1]
    assert float(reached) == pytest.approx(1 / (1 + least), rel=1e-12)
    assert ratio(least / 2) < target and least > dampings[-1]


def test_rules_of_the_ladder_of_dampings() -> None:
    rule = RatioTargeted(start=1e-3, factor=10.0, trials=2, renewal=4.0)
    assert rule.first() == 1e-3 and rule.renewed(1e-3) == 4e-3 and rule.refused(1e-3, 3) == 1e-2
    assert rule.smaller(1.0) == (0.1, 0.01) and rule.smaller(1e-16) == (LEAST, LEAST)
    assert rule.accepted(1.0, 0.3, 0, 2, accelerated=True) == 10.0
    assert rule.accepted(1.0, 0.3, 2, 0, accelerated=False) == 1.0
    assert Damping().smaller(1.0) == () and Damping().momentum == 0


@pytest.mark.parametrize("rule", [Momentum(), RatioTargeted()], ids=str)
def test_f_falls_in_every_step_to_the_minimum(rule: Any) -> None:
    problem, values = Dense(), list[float]()
    reference = minimise(problem, vector(SIZE, 1), GaussNewton(), Iterations(100)).iterate
    result = minimise(
        problem, vector(SIZE, 1), GaussNewton(globalisation=rule), Iterations(100),
        callback=lambda p: values.append(float(p.iterate.f)),
    )  # fmt: skip
    assert all(after <= before for before, after in pairwise(values))
    assert isinstance(result.iterate, Iterate)
    assert float(result.iterate.f) == pytest.approx(float(reference.f), rel=1e-8)


def test_what_is_out_of_bounds_is_refused() -> None:
    for wrong in (
        lambda: Momentum(momentum=1.5),
        lambda: Momentum(momentum=-0.1),
        lambda: RatioTargeted(target=-1),
        lambda: RatioTargeted(factor=1),
        lambda: RatioTargeted(trials=0),
    ):
        with pytest.raises(DeclarationError, match=r"where: (Momentum|RatioTargeted)"):
            wrong()
