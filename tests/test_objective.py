"""The waist: restrictions, linear terms and counting against dense algebra on a small least-squares problem."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pinnml.objective import (
    AbstractLeastSquares,
    AbstractObjective,
    AbstractRestriction,
    BudgetSpentError,
    Counted,
    CountedLeastSquares,
    Counts,
    Iterate,
    Restricted,
    Tilted,
    counted,
)

SIZE, RESIDUALS = 6, 9


class Dense(AbstractLeastSquares):
    """r(θ) = tanh(Aθ) − b with J = diag(1 − tanh²)A, and a note of every call."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.A = torch.randn(RESIDUALS, SIZE, generator=generator, dtype=torch.float64)
        self.b = torch.randn(RESIDUALS, generator=generator, dtype=torch.float64)
        self.calls: list[str] = []

    def residual(self, theta: Tensor) -> Tensor:
        self.calls.append("residual")
        return torch.tanh(self.A @ theta) - self.b

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        self.calls.append("jacobian")
        return ((1 - torch.tanh(self.A @ theta) ** 2)[:, None] * self.A)[:, start:stop]

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        self.calls.append("jvp")
        return (1 - torch.tanh(self.A @ theta) ** 2) * (self.A @ direction)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        self.calls.append("vjp")
        return self.A.T @ ((1 - torch.tanh(self.A @ theta) ** 2) * cotangent)

    def f(self, theta: Tensor) -> Tensor:
        return 0.5 * (torch.tanh(self.A @ theta) - self.b).square().sum()


class Plain(AbstractObjective):
    """An objective that is no sum of squares."""

    def at(self, theta: Tensor) -> Iterate:
        return Iterate(theta, theta.cos().sum(), -theta.sin())


class Matrix(AbstractRestriction):
    """R as a dense matrix (k, p)."""

    def __init__(self, R: Tensor) -> None:
        self.R = R

    def __call__(self, v: Tensor) -> Tensor:
        return self.R @ v

    def adjoint(self, x: Tensor) -> Tensor:
        return self.R.T @ x


def vector(size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


RESTRICTIONS = {
    "entries": torch.eye(SIZE, dtype=torch.float64)[[1, 2, 4]],
    "tied": torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], dtype=torch.float64),
    "overlapping": vector(4 * SIZE, 5).view(4, SIZE),
    "everything": torch.eye(SIZE, dtype=torch.float64),
}


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


def test_tilted_meets_the_fine_slope_at_its_origin(dense: Dense) -> None:
    """First-order consistency: with slope Pᵀ∇F − ∇f the coarse gradient at the origin is Pᵀ∇F, the value f's own."""
    P = RESTRICTIONS["tied"].T
    coarse, fine = Plain(), dense.at(vector(SIZE, 1))
    origin, d = vector(2, 2), vector(2, 4)
    plain = coarse.at(origin)
    model = Tilted(coarse, P.T @ fine.grad - plain.grad, origin)
    at_origin = model.at(origin)
    assert torch.equal(at_origin.f, plain.f)
    assert float(at_origin.grad.dot(d)) == pytest.approx(float(fine.grad.dot(P @ d)), rel=1e-13)


def test_tilted_gradient_belongs_to_its_value() -> None:
    """f(θ + hd) − f(θ) − h⟨∇f(θ), d⟩ falls fourfold as h is halved."""
    model = Tilted(Plain(), vector(SIZE, 1), vector(SIZE, 2))
    theta, d = vector(SIZE, 3), vector(SIZE, 4)
    start = model.at(theta)
    remainders = [abs(float(model.at(theta + h * d).f - start.f - h * start.grad.dot(d))) for h in (1e-3, 5e-4)]
    assert remainders[0] / remainders[1] == pytest.approx(4, rel=1e-2)
    moved = model.at(theta + d)
    assert float(moved.f - Plain().at(theta + d).f) == pytest.approx(
        float(vector(SIZE, 1).dot(theta + d - vector(SIZE, 2))), rel=1e-13
    )


def test_counting_changes_no_result_and_counts_every_call(dense: Dense) -> None:
    theta, other, plain = vector(SIZE, 1), vector(RESIDUALS, 2), Dense()
    wrapped = counted(dense)
    assert isinstance(wrapped, CountedLeastSquares)
    assert wrapped.counts == Counts()
    assert torch.equal(wrapped.at(theta).grad, plain.at(theta).grad)
    assert torch.equal(wrapped.residual(theta), plain.residual(theta))
    assert torch.equal(wrapped.jvp(theta, theta), plain.jvp(theta, theta))
    assert torch.equal(wrapped.vjp(theta, other), plain.vjp(theta, other))
    assert torch.equal(wrapped.jacobian(theta, 1, 4), plain.jacobian(theta, 1, 4))
    assert wrapped.counts == Counts(1, 1, 2, 1, pytest.approx(1 + 1 / 3 + 1 + 1 + (2 + 3 / SIZE) / 3, rel=1e-15))
    assert wrapped.counts.evaluations == 5


def test_work_of_each_kind(dense: Dense) -> None:
    """A whole Jacobian costs a work unit like a gradient; that of no column two thirds of one."""
    theta = vector(SIZE, 1)
    for call, work in [
        (lambda o: o.at(theta), 1),
        (lambda o: o.residual(theta), 1 / 3),
        (lambda o: o.jvp(theta, theta), 1),
        (lambda o: o.vjp(theta, vector(RESIDUALS, 1)), 1),
        (lambda o: o.jacobian(theta, 0, SIZE), 1),
        (lambda o: o.jacobian(theta, 2, 5), (2 + 0.5) / 3),
        (lambda o: o.jacobian(theta, 2, 2), 2 / 3),
    ]:
        wrapped = counted(dense)
        call(wrapped)
        assert wrapped.counts.evaluations == 1
        assert wrapped.counts.work == pytest.approx(work, rel=1e-15)


def test_counting_goes_through_restrictions_and_linear_terms(dense: Dense) -> None:
    theta, wrapped = vector(SIZE, 1), counted(dense)
    local = Tilted(wrapped.restricted(Matrix(RESTRICTIONS["entries"]), theta), vector(3, 1), vector(3, 2))
    for _ in range(3):
        local.at(vector(3, 3))
    assert wrapped.counts == Counts(gradients=3, work=3.0)


def test_an_objective_keeps_its_kind() -> None:
    wrapped = counted(Plain())
    assert isinstance(wrapped, Counted)
    assert not isinstance(wrapped, AbstractLeastSquares)
    assert float(wrapped.at(torch.zeros(2)).f) == 2


@pytest.mark.parametrize("kind", ["at", "residual", "jvp", "vjp", "jacobian"])
def test_guard_refuses_exactly(dense: Dense, kind: str) -> None:
    """Three evaluations are granted, and the fourth is neither made nor counted, however often it is asked for."""
    theta = vector(SIZE, 1)
    wrapped = counted(dense, lambda counts: counts.evaluations >= 3)
    assert isinstance(wrapped, CountedLeastSquares)
    calls = {
        "at": lambda: wrapped.at(theta),
        "residual": lambda: wrapped.residual(theta),
        "jvp": lambda: wrapped.jvp(theta, theta),
        "vjp": lambda: wrapped.vjp(theta, vector(RESIDUALS, 1)),
        "jacobian": lambda: wrapped.jacobian(theta, 0, 2),
    }
    for _ in range(3):
        calls[kind]()
    counts, made = wrapped.counts, list(dense.calls)
    for other in calls.values():
        with pytest.raises(BudgetSpentError):
            other()
    assert wrapped.counts == counts
    assert counts.evaluations == 3
    assert dense.calls == made


def test_guard_sees_the_work_so_far(dense: Dense) -> None:
    """A budget in work units is overrun by less than one evaluation."""
    wrapped = counted(dense, lambda counts: counts.work >= 1.9)  # six thirds are rounded to less than two
    theta, made = vector(SIZE, 1), 0
    assert isinstance(wrapped, CountedLeastSquares)
    with pytest.raises(BudgetSpentError):
        while True:
            wrapped.residual(theta)
            made += 1
    assert made == 6
    assert wrapped.counts.work == pytest.approx(2, rel=1e-14)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_iterates_know_whether_they_are_finite(bad: float) -> None:
    theta, good = torch.zeros(2), torch.ones(2)
    assert Iterate(theta, torch.tensor(1.0), good).is_finite()
    assert not Iterate(theta, torch.tensor(bad), good).is_finite()
    assert not Iterate(theta, torch.tensor(1.0), torch.tensor([1.0, bad])).is_finite()
