"""Levenberg–Marquardt: exact on linear residuals, SciPy's minima on others, a bent step where the valley bends."""

from __future__ import annotations

from itertools import pairwise

import pytest
import scipy.optimize
import torch
from dense_least_squares import SIZE, Dense, Linear, Matrix, Plain, vector
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, Iterate
from pinnml.optim import GradientNorm, Iterations, LevenbergMarquardt, Status, minimise


class Rosenbrock(AbstractLeastSquares):
    """r = (10(y − x²), 1 − x): a curved valley with its minimum at (1, 1)."""

    def residual(self, theta: Tensor) -> Tensor:
        x, y = theta
        return torch.stack([10 * (y - x**2), 1 - x])

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        x = theta[0]
        rows = torch.stack([torch.stack([-20 * x, torch.full_like(x, 10)]), theta.new_tensor([-1.0, 0.0])])
        return rows[:, start:stop]

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return self.jacobian(theta, 0, 2) @ direction

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return self.jacobian(theta, 0, 2).T @ cotangent


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
    with pytest.raises(TypeError, match="least-squares"):
        minimise(Plain(), vector(3, 0), LevenbergMarquardt(), Iterations(1))


def test_the_model_of_a_restriction_is_the_restricted_model() -> None:
    problem, theta = Dense(), vector(SIZE, 3)
    R = torch.eye(SIZE, dtype=torch.float64)[[0, 2]]
    whole, part = problem.gauss_newton(theta), problem.restricted(Matrix(R), theta)
    model = part.gauss_newton(R @ theta)
    torch.testing.assert_close(model.gram, R @ whole.gram @ R.T, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(model.grad, R @ whole.grad, rtol=1e-13, atol=1e-13)
    assert isinstance(part.at(R @ theta), Iterate)
