"""Levenberg–Marquardt: exact on linear residuals, SciPy's minima on others, a bent step where the valley bends."""

from __future__ import annotations

from itertools import pairwise

import pytest
import scipy.optimize
import torch
from dense_least_squares import SIZE, Dense, Linear, Matrix, Plain, vector
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractLeastSquares, Iterate
from pinnml.optim import (
    QR,
    Cholesky,
    Damping,
    GaussNewton,
    Geodesic,
    GradientNorm,
    Iterations,
    Ladder,
    LevenbergMarquardt,
    Loss,
    Status,
    improve,
    minimise,
)


class Rosenbrock(AbstractLeastSquares):
    """r = (10(y − x²), 1 − x): a curved valley with its minimum at (1, 1)."""

    def residual(self, theta: Tensor) -> Tensor:
        x, y = theta
        return torch.stack([10 * (y - x**2), 1 - x])

    def jacobian(self, theta: Tensor) -> Tensor:
        x = theta[0]
        rows = torch.stack([torch.stack([-20 * x, torch.full_like(x, 10)]), theta.new_tensor([-1.0, 0.0])])
        return rows

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return self.jacobian(theta) @ direction

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return self.jacobian(theta).T @ cotangent


class Poisoned(Rosenbrock):
    """Not finite beyond a radius about the start."""

    def residual(self, theta: Tensor) -> Tensor:
        inside = (theta - theta.new_tensor([-1.2, 1.0])).norm() < 3
        return super().residual(theta) if inside else torch.full((2,), float("nan"), dtype=theta.dtype)


START = torch.tensor([-1.2, 1.0], dtype=torch.float64)


@pytest.mark.parametrize("geodesic", [True, False])
def test_linear_residuals_take_one_undamped_step(geodesic: bool) -> None:
    problem = Linear()
    solver = LevenbergMarquardt(geodesic=geodesic, damping=0.0)
    result = minimise(problem, vector(SIZE, 1), solver, Iterations(1))
    exact = torch.linalg.lstsq(problem.A, problem.b[:, None]).solution[:, 0]
    torch.testing.assert_close(result.iterate.theta, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("geodesic", [True, False])
def test_minimum_agrees_with_scipy(geodesic: bool) -> None:
    problem, near = Dense(), 0.3 * vector(SIZE, 2)
    problem.b = torch.tanh(problem.A @ near) + 0.1 * vector(len(problem.b), 4)
    start = near + 0.3 * vector(SIZE, 3)
    result = minimise(problem, start, LevenbergMarquardt(geodesic=geodesic), GradientNorm(1e-11) | Iterations(300))
    found = scipy.optimize.least_squares(
        lambda theta: problem.residual(torch.from_numpy(theta)).numpy(),
        start.numpy(),
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
    )
    assert float(result.iterate.f) == pytest.approx(found.cost, rel=1e-9)


def test_acceleration_saves_steps_in_a_curved_valley() -> None:
    steps = {}
    for geodesic in (True, False):
        result = minimise(
            Rosenbrock(), START, LevenbergMarquardt(geodesic=geodesic), GradientNorm(1e-10) | Iterations(200)
        )
        torch.testing.assert_close(result.iterate.theta, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-9)
        steps[geodesic] = result.nit
    assert steps[True] < 0.7 * steps[False]


def test_the_loss_never_rises_and_nothing_infinite_enters() -> None:
    losses: list[float] = []
    result = minimise(
        Poisoned(), START, LevenbergMarquardt(), Iterations(60), callback=lambda p: losses.append(float(p.iterate.f))
    )
    assert all(after <= before for before, after in pairwise(losses))
    assert result.iterate.is_finite() and losses[-1] < 1e-20


def test_at_the_minimum_the_run_ends_with_a_reason() -> None:
    result = minimise(Rosenbrock(), torch.ones(2, dtype=torch.float64), LevenbergMarquardt(), Iterations(5))
    assert result.status in (Status.AT_ROUNDING, Status.CONVERGED) and result.success
    assert torch.equal(result.iterate.theta, torch.ones(2, dtype=torch.float64))


def test_a_plain_objective_is_refused() -> None:
    with pytest.raises(TypeError, match="sum of squares"):
        minimise(Plain(), vector(3, 0), LevenbergMarquardt(), Iterations(1))


def test_the_model_of_a_restriction_is_the_restricted_model() -> None:
    problem, theta = Dense(), vector(SIZE, 3)
    R = torch.eye(SIZE, dtype=torch.float64)[[0, 2]]
    whole, part = problem.gauss_newton(theta), problem.restricted(Matrix(R), theta)
    model = part.gauss_newton(R @ theta)
    torch.testing.assert_close(model.gram, R @ whole.gram @ R.T, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(model.grad, R @ whole.grad, rtol=1e-13, atol=1e-13)
    assert isinstance(part.at(R @ theta), Iterate)


def test_chord_steps_bring_the_residual_to_what_the_linear_model_said() -> None:
    """After them Jᵀr(θ + δ) = −λDd with J at the old θ, to the accuracy that the chord method reaches."""
    problem, theta = Dense(), 0.3 * vector(SIZE, 2)
    problem.b = torch.tanh(problem.A @ (0.5 * vector(SIZE, 7)))
    missed = []
    for corrections in (0, 30):
        solver = LevenbergMarquardt(corrections=corrections, damping=1e-1, bend=1e9)
        found = improve(solver, problem, Iterate(theta, problem.value(theta)), None, 1)
        J, r = problem.jacobian(theta), problem.residual(theta)
        D = (J.T @ J).diagonal()
        d = torch.linalg.solve(J.T @ J + 1e-1 * D.diag(), -J.T @ r)
        assert found.success
        missed.append(float((J.T @ problem.residual(found.iterate.theta) + 1e-1 * D * d).norm()))
    assert missed[1] < 0.2 * missed[0]


class Cubic(Rosenbrock):
    """r = (30(y − x³), 1 − x): a valley whose bend changes along it, which the second derivative does not tell."""

    def residual(self, theta: Tensor) -> Tensor:
        x, y = theta
        return torch.stack([30 * (y - x**3), 1 - x])

    def jacobian(self, theta: Tensor) -> Tensor:
        x = theta[0]
        rows = torch.stack([torch.stack([-90 * x**2, torch.full_like(x, 30)]), theta.new_tensor([-1.0, 0.0])])
        return rows


def test_chord_steps_save_steps_in_a_curved_valley() -> None:
    steps = [
        minimise(Cubic(), START, LevenbergMarquardt(corrections=count), Loss(1e-20) | Iterations(200)).nit
        for count in (0, 8)
    ]
    assert steps[1] < 0.9 * steps[0]


def test_renewed_points_raise_the_damping() -> None:
    problem = Rosenbrock()
    solver, iterate = LevenbergMarquardt(damping=1e-3), problem.at(START)
    state = solver.renewed(problem, iterate, solver.init(problem, iterate))
    assert float(state.damping) == pytest.approx(1e-2)


def test_damping_falls_faster_in_a_streak_and_little_after_a_refusal() -> None:
    rule = Damping(decrease=3.0, increase=2.0)

    def after(refused: int, streak: int) -> float:
        return rule.accepted(1.0, 0.0, refused, streak, accelerated=True)  # whatever the ratio

    assert [after(0, streak) for streak in range(4)] == pytest.approx([1 / 3, 1 / 9, 1 / 27, 1 / 30])
    assert after(1, 0) == pytest.approx(1 / 1.3)
    assert [rule.refused(1.0, refused) for refused in range(6)] == pytest.approx([2, 2, 4, 8, 16, 30])


def test_damping_of_plain_steps_follows_the_ratio_and_has_a_floor() -> None:
    """What f fell by over what the model had predicted: from ¾ on less, below ¼ more."""
    rule = Damping(decrease=3.0)
    found = [rule.accepted(1.0, ratio, 0, 5, accelerated=False) for ratio in (0.1, 0.25, 0.5, 0.75, 0.8)]
    assert found == pytest.approx([2, 1, 1, 1, 1 / 3])
    for accelerated in (True, False):
        assert rule.accepted(1e-15, 1.0, 0, 9, accelerated=accelerated) == 1e-15


def test_a_ladder_is_climbed_by_refusals_and_descended_by_steps_taken_at_once() -> None:
    rule = Ladder((1e-28, 1e-6, 1.0))
    assert rule.first() == 1e-28 == rule.renewed(1.0)
    assert [rule.refused(rung, 0) for rung in (1e-28, 1e-6, 1.0)] == [1e-6, 1.0, 10.0]
    assert [rule.accepted(rung, 1.0, 0, 0, accelerated=True) for rung in (1e-28, 1e-6, 1.0)] == [1e-28, 1e-28, 1e-6]
    assert rule.accepted(1e-6, 1.0, 2, 0, accelerated=True) == 1e-6
    for rungs in ((), (1.0, 1.0), (-1.0, 1.0)):
        with pytest.raises(DeclarationError, match="each above the last"):
            Ladder(rungs)


def test_without_a_bend_chord_steps_alone_correct_a_full_step() -> None:
    """From where the curvature forbids a full step, its corrections reach the minimum with one factorisation."""
    problem, start = Rosenbrock(), START
    counts = {}
    for bend in (0.75, None):
        solver = GaussNewton(QR(), Ladder(), Geodesic(8, bend=bend))
        result = minimise(problem, start, solver, GradientNorm(1e-10) | Iterations(60))
        assert result.success and float((result.iterate.theta - 1).norm()) < 1e-9
        counts[bend] = result.nit
    assert counts[None] < counts[0.75]


def ill_conditioned() -> Linear:
    """Singular values from 1 to 1e-9: their squares are lost beside one another."""
    problem = Linear()
    left, _ = torch.linalg.qr(vector(len(problem.b) * SIZE, 5).view(-1, SIZE))
    right, _ = torch.linalg.qr(vector(SIZE * SIZE, 6).view(SIZE, SIZE))
    problem.A = left @ torch.logspace(0, -9, SIZE, dtype=torch.float64).diag() @ right
    problem.b = problem.A @ vector(SIZE, 8)
    return problem


def test_both_factorisations_solve_the_same_system() -> None:
    problem, theta, right = Dense(), vector(SIZE, 3), vector(SIZE, 4)
    scale = torch.linspace(1, 10, SIZE, dtype=torch.float64)
    solutions = []
    for factorisation in (Cholesky(), QR()):
        system = factorisation.at(problem, Iterate(theta, problem.value(theta)), 0.1, None)
        factor = system.factor(0.1, scale)
        assert factor is not None
        J, found = problem.jacobian(theta), factor.solve(right)
        assert found is not None
        torch.testing.assert_close(factor.step, factor.solve(-system.grad), rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(factor.damped, 0.1 * scale, rtol=1e-15, atol=0)
        torch.testing.assert_close(factor.curved, J.T @ (J @ factor.step), rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(J.T @ (J @ found) + 0.1 * scale * found, right, rtol=1e-11, atol=1e-11)
        solutions.append(found)
        assert float(system.f) == pytest.approx(float(problem.value(theta)))
    torch.testing.assert_close(solutions[0], solutions[1], rtol=1e-12, atol=1e-12)


def test_orthogonal_transformations_help_where_squaring_hurts() -> None:
    problem, start = ill_conditioned(), torch.zeros(SIZE, dtype=torch.float64)
    losses = [
        float(minimise(problem, start, solver, Iterations(1)).iterate.f)
        for solver in (LevenbergMarquardt(geodesic=False, factorisation=f, damping=1e-19) for f in (Cholesky(), QR()))
    ]
    assert losses[1] < 1e-3 * losses[0]
