"""Gauss–Newton steps within a radius, against dense solutions, and the rules by which the radius moves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from dense_least_squares import SIZE, Dense, Linear, Wall, vector
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.optim import (
    QR,
    Cholesky,
    ConjugateGradients,
    GaussNewton,
    GaussNewtonFactors,
    Geodesic,
    Iterations,
    MinimumNorm,
    Status,
    TrustRegion,
    minimise,
)
from pinnml.optim.more_sorensen import NEAR

DIRECT = [Cholesky(), QR(), MinimumNorm()]
D = torch.linspace(1, 3, SIZE).double()


def length(d: Tensor, scale: Tensor = D) -> float:
    return float((scale * d.square()).sum().sqrt())


def step_for(problem: Linear, theta: Tensor, damping: float) -> Tensor:
    A = problem.A
    return torch.linalg.solve(A.T @ A + damping * D.diag(), -A.T @ problem.residual(theta))


@pytest.mark.parametrize("linear", DIRECT, ids=str)
@pytest.mark.parametrize("share", [0.9, 0.3, 1e-2, 1e-5])
@pytest.mark.parametrize("guess", [None, 1e-12, 1e6])
def test_a_direct_step_lies_at_the_boundary_and_solves_a_damped_system(linear: Any, share: float, guess: Any) -> None:
    problem, theta = Linear(), vector(SIZE, 1)
    radius = share * length(step_for(problem, theta, 0.0))
    system = linear.at(problem, problem.at(theta), 0.0, guess)
    factor = system.within(radius, D)
    assert factor.length == pytest.approx(length(factor.step), rel=1e-12)
    assert abs(factor.length - radius) <= NEAR * radius * (1 + 1e-12)
    assert factor.damped.div(D).sub(system.state).abs().max() <= 1e-12 * system.state
    torch.testing.assert_close(factor.step, step_for(problem, theta, system.state), rtol=1e-6, atol=0)


@pytest.mark.parametrize("linear", [Cholesky(), QR()], ids=str)
def test_a_direct_step_that_lies_within_is_the_gauss_newton_step(linear: Any) -> None:
    problem, theta = Linear(), vector(SIZE, 1)
    plain = step_for(problem, theta, 0.0)
    factor = linear.at(problem, problem.at(theta), 0.0, None).within(1.5 * length(plain), D)
    torch.testing.assert_close(factor.step, plain, rtol=0, atol=1e-10)


def test_a_truncated_conjugate_gradient_step_ends_at_the_boundary_with_more_decrease_than_the_cauchy_point() -> None:
    """Steihaug 1983, theorem 2.1; within the radius it is the Gauss–Newton step."""
    problem, theta = Linear(), vector(SIZE, 1)
    A, g, plain = problem.A, problem.at(theta).grad, step_for(problem, theta, 0.0)

    def decrease(d: Tensor) -> float:
        return -float(g.dot(d) + 0.5 * (A @ d).square().sum())

    def found(radius: float) -> Any:
        start = problem.at(theta)
        method = ConjugateGradients(forcing=1e-12)
        return method.at(problem, start, 0.0, method.init(start)).within(radius, D)

    torch.testing.assert_close(found(1.01 * length(plain)).step, plain, rtol=0, atol=1e-9)
    inverse = g / A.square().sum(0)
    for share in (0.9, 0.3, 1e-2):
        radius = share * length(plain)
        factor = found(radius)
        assert length(factor.step) == pytest.approx(radius, rel=1e-12) == factor.length
        torch.testing.assert_close(factor.curved, A.T @ A @ factor.step, rtol=0, atol=1e-10)
        best = min(float(g.dot(inverse) / (A @ inverse).square().sum()), radius / length(inverse))
        assert decrease(factor.step) >= decrease(-best * inverse) * (1 - 1e-12)
        damping = float(factor.damped[0] / D[0])
        rayleigh = float(-(g + factor.curved).dot(factor.step)) / radius**2
        assert damping == pytest.approx(rayleigh, rel=1e-10)


@pytest.mark.parametrize(
    "linear", [*DIRECT[:2], ConjugateGradients(), ConjugateGradients(GaussNewtonFactors())], ids=str
)
@pytest.mark.parametrize("bent", [None, Geodesic(0), Geodesic(8)], ids=str)
def test_f_falls_in_every_step_to_a_minimum(linear: Any, bent: Geodesic | None) -> None:
    problem, values = Dense(), list[float]()
    result = minimise(
        problem, vector(SIZE, 1), GaussNewton(linear, TrustRegion(), bent), Iterations(200),
        callback=lambda p: values.append(float(p.iterate.f)),
    )  # fmt: skip
    assert all(after <= before for before, after in pairwise(values))
    assert result.iterate.norm < 1e-6 * problem.at(vector(SIZE, 1)).norm


def test_a_refusal_shrinks_the_radius_by_the_length_of_the_step_and_a_good_step_lets_it_grow() -> None:
    theta = vector(SIZE, 1)
    problem = Linear()
    scale = problem.A.square().sum(0)
    solver = GaussNewton(Cholesky(), TrustRegion(start=100.0), None)
    start = problem.at(theta)
    full, state, status = solver.step(problem, start, solver.init(problem, start))
    whole = length(full.theta - theta, scale)
    assert status is Status.RUNNING and float(state.damping) == pytest.approx(2 * whole, rel=1e-9)
    walled = Wall(theta, 0.3 * float((full.theta - theta).norm()), torch.nan)
    reached, after, _ = solver.step(walled, walled.at(theta), solver.init(walled, start))
    taken = length(reached.theta - theta, scale)
    assert taken == pytest.approx(0.25 * whole, rel=NEAR)
    assert float(after.damping) == pytest.approx(2 * taken, rel=1e-9)


def test_rules_of_the_radius() -> None:
    rule = TrustRegion(start=0.5, shrink=0.25, growth=3.0, largest=2.0)
    theta, scale = torch.tensor([3.0, 4.0]).double(), torch.tensor([1.0, 1.0]).double()
    assert rule.first() == 0 and rule.ahead(3.0) == 0
    assert rule.opened(0.0, theta, scale) == 2.0 and rule.opened(1.5, theta, scale) == 1.5
    assert TrustRegion(start=0.5).opened(0.0, theta, scale) == 2.5
    assert TrustRegion(start=0.5).opened(0.0, 0 * theta, scale) == 0.5
    assert rule.accepted(1.0, 0.8, 0, 0, accelerated=False) == 3.0
    assert rule.accepted(1.0, 0.7, 3, 0, accelerated=True) == 1.0
    assert rule.refused(1.0, 0) == 0.25 and rule.renewed(1.0) == 0.5


def test_what_is_out_of_bounds_is_refused() -> None:
    for wrong in (
        lambda: TrustRegion(start=0),
        lambda: TrustRegion(least=0.8),
        lambda: TrustRegion(growth=1),
        lambda: TrustRegion(shrink=1),
        lambda: TrustRegion(largest=0),
    ):
        with pytest.raises(DeclarationError, match="where: TrustRegion"):
            wrong()
