"""The waist: restrictions and linear terms against dense algebra on a small least-squares problem."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from dense_least_squares import RESIDUALS, RESTRICTIONS, SIZE, Dense, Matrix, Plain, vector

from pinnml.objective import AbstractLeastSquares, AbstractObjective, Iterate, Meter, Range, Restricted, metered, tilted


@pytest.fixture
def dense() -> Dense:
    return Dense()


def test_default_value_and_gradient_of_least_squares(dense: Dense) -> None:
    theta = vector(SIZE, 1).requires_grad_()
    f = dense.f(theta)
    gradient = torch.autograd.grad(f, theta)[0]
    value = float(f.detach())
    iterate = dense.at(theta.detach())
    assert float(iterate.f) == pytest.approx(value, rel=1e-14)
    torch.testing.assert_close(iterate.grad, gradient, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_restricted_is_the_composed_function(dense: Dense, name: str) -> None:
    """x ↦ f(θ + Rᵀ(x − Rθ)), its gradient by autograd."""
    R, theta = RESTRICTIONS[name], vector(SIZE, 1)
    local = dense.restricted(Matrix(R), theta)
    x = vector(len(R), 2).requires_grad_()
    f = dense.f(theta + R.T @ (x - R @ theta))
    gradient = torch.autograd.grad(f, x)[0]
    iterate = local.at(x.detach())
    assert torch.equal(iterate.theta, x.detach())
    assert float(iterate.f) == pytest.approx(float(f.detach()), rel=1e-13)
    torch.testing.assert_close(iterate.grad, gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_restricted_starts_where_the_whole_is(dense: Dense, name: str) -> None:
    """At x = Rθ nothing has moved: the same f, and the gradient R∇f."""
    R, theta = RESTRICTIONS[name], vector(SIZE, 1)
    whole, part = dense.at(theta), Restricted(dense, Matrix(R), theta).at(R @ theta)
    assert float(part.f) == pytest.approx(float(whole.f), rel=1e-14)
    torch.testing.assert_close(part.grad, R @ whole.grad, rtol=1e-13, atol=1e-14)


def test_restrictions_nest(dense: Dense) -> None:
    """A block of a block is a block: R₂R₁ in one."""
    first, second = RESTRICTIONS["entries"], torch.eye(3, dtype=torch.float64)[[0, 2]]
    theta, x = vector(SIZE, 1), vector(2, 3)
    inner = dense.restricted(Matrix(first), theta)
    nested, direct = inner.restricted(Matrix(second), first @ theta), dense.restricted(Matrix(second @ first), theta)
    assert float(nested.at(x).f) == pytest.approx(float(direct.at(x).f), rel=1e-14)
    torch.testing.assert_close(nested.at(x).grad, direct.at(x).grad, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", RESTRICTIONS)
@pytest.mark.parametrize("wrap", [lambda objective: objective, lambda o: metered(o, Meter())], ids=["bare", "metered"])
def test_restricted_least_squares_is_dense_algebra(
    dense: Dense, name: str, wrap: Callable[[AbstractObjective], AbstractLeastSquares]
) -> None:
    """Residual r(θ + Rᵀ(x − Rθ)) and Jacobian JRᵀ, in all that least squares offer."""
    R, theta = RESTRICTIONS[name], vector(SIZE, 1)
    x, moved = vector(len(R), 2), theta + R.T @ (vector(len(R), 2) - R @ theta)
    r, J = dense.residual(moved), dense.jacobian(moved) @ R.T
    local = wrap(dense).restricted(Matrix(R), theta)
    d, c = vector(len(R), 3), vector(RESIDUALS, 4)
    model = local.gauss_newton(x)
    for found, expected in [
        (local.residual(x), r),
        (local.value(x), 0.5 * r @ r),
        (local.at(x).grad, J.T @ r),
        (local.jvp(x, d), J @ d),
        (local.vjp(x, c), J.T @ c),
        (local.jacobian(x), J),
        (local.gram_product(x, d), J.T @ (J @ d)),
        (local.pull_back(x, local.observe(x)), J.T @ r),
        (local.linear_model(x).residual, r),
        (local.linear_model(x).jacobian, J),
        (local.linear_model(x).grad, J.T @ r),
        (model.f, 0.5 * r @ r),
        (model.grad, J.T @ r),
        (model.gram, J.T @ J),
    ]:
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_gauss_newton_model_is_dense_algebra(dense: Dense) -> None:
    theta, R = vector(SIZE, 1), RESTRICTIONS["overlapping"]
    r, J = dense.residual(theta), dense.jacobian(theta)
    whole, part = dense.gauss_newton(theta), dense.gauss_newton(theta, Matrix(R))
    for found, expected in [
        (whole.f, 0.5 * r @ r),
        (whole.grad, J.T @ r),
        (whole.gram, J.T @ J),
        (part.f, 0.5 * r @ r),
        (part.grad, R @ J.T @ r),
        (part.gram, R @ J.T @ J @ R.T),
    ]:
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-14)


def test_range_and_its_adjoint() -> None:
    """⟨Rv, x⟩ = ⟨v, Rᵀx⟩, and the same for every row of a matrix."""
    R = Range(2, 5, SIZE)
    v, x = vector(SIZE, 1), vector(3, 2)
    assert R(v).tolist() == v[2:5].tolist()
    assert float(R(v).dot(x)) == pytest.approx(float(v.dot(R.adjoint(x))), rel=1e-15)
    rows, blocks = vector(4 * SIZE, 3).view(4, SIZE), vector(12, 4).view(4, 3)
    assert torch.equal(R(rows), torch.stack([R(row) for row in rows]))
    assert torch.equal(R.adjoint(blocks), torch.stack([R.adjoint(block) for block in blocks]))


def test_tilted_meets_the_fine_slope_at_its_origin(dense: Dense) -> None:
    """First-order consistency: with slope Pᵀ∇F − ∇f the coarse gradient at the origin is Pᵀ∇F, the value f's own."""
    P = RESTRICTIONS["tied"].T
    coarse, fine = Plain(), dense.at(vector(SIZE, 1))
    origin, d = vector(2, 2), vector(2, 4)
    plain = coarse.at(origin)
    model = tilted(coarse, P.T @ fine.grad - plain.grad, origin)
    at_origin = model.at(origin)
    assert torch.equal(at_origin.f, plain.f)
    assert float(at_origin.grad.dot(d)) == pytest.approx(float(fine.grad.dot(P @ d)), rel=1e-13)


def test_tilted_gradient_belongs_to_its_value() -> None:
    """f(θ + hd) − f(θ) − h⟨∇f(θ), d⟩ falls fourfold as h is halved."""
    model = tilted(Plain(), vector(SIZE, 1), vector(SIZE, 2))
    theta, d = vector(SIZE, 3), vector(SIZE, 4)
    start = model.at(theta)
    remainders = [abs(float(model.at(theta + h * d).f - start.f - h * start.grad.dot(d))) for h in (1e-3, 5e-4)]
    assert remainders[0] / remainders[1] == pytest.approx(4, rel=1e-2)
    moved = model.at(theta + d)
    assert float(moved.f - Plain().at(theta + d).f) == pytest.approx(
        float(vector(SIZE, 1).dot(theta + d - vector(SIZE, 2))), rel=1e-13
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_iterates_know_whether_they_are_finite(bad: float) -> None:
    theta, good = torch.zeros(2), torch.ones(2)
    assert Iterate(theta, torch.tensor(1.0), good).is_finite()
    assert not Iterate(theta, torch.tensor(bad), good).is_finite()
    assert not Iterate(theta, torch.tensor(1.0), torch.tensor([1.0, bad])).is_finite()
    assert Iterate(theta, torch.tensor(1.0)).is_finite()
    assert not Iterate(theta, torch.tensor(bad)).is_finite()


def test_an_iterate_finds_its_gradient_once(dense: Dense) -> None:
    theta = vector(SIZE, 1)
    bare = Iterate(theta, dense.value(theta))
    with pytest.raises(ValueError, match="gradient is not known"):
        _ = bare.grad
    dense.calls.clear()
    known = bare.with_gradient(dense)
    torch.testing.assert_close(known.grad, dense.jacobian(theta).T @ dense.residual(theta), rtol=1e-13, atol=1e-14)
    dense.calls.clear()
    assert known.with_gradient(dense) is known and not dense.calls
