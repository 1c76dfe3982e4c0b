"""Least squares with a linear term: what a Gauss–Newton method asks of it, restrictions, and coarse problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from dense_least_squares import RESIDUALS, RESTRICTIONS, SIZE, Dense, Matrix, Plain, vector
from torch import Tensor

from pinnml.objective import (
    AbstractCoarsening,
    AbstractGaussNewton,
    AbstractObjective,
    CoarseProblem,
    Meter,
    Tilted,
    everything,
    metered,
    tilted,
)

SLOPE, ORIGIN, CONSTANT = vector(SIZE, 11), vector(SIZE, 12), 0.7


def model(inner: AbstractObjective) -> AbstractGaussNewton:
    found = tilted(inner, SLOPE, ORIGIN, CONSTANT)
    assert isinstance(found, AbstractGaussNewton)
    return found


def twice(inner: AbstractObjective) -> AbstractGaussNewton:
    """The same function with its linear term in two."""
    half = tilted(inner, 0.25 * SLOPE, torch.zeros(SIZE, dtype=torch.float64), CONSTANT - float(SLOPE.dot(ORIGIN)))
    found = tilted(half, 0.75 * SLOPE, torch.zeros(SIZE, dtype=torch.float64))
    assert isinstance(found, AbstractGaussNewton)
    return found


def counted(inner: AbstractObjective) -> AbstractGaussNewton:
    found = metered(model(inner), Meter())
    assert isinstance(found, AbstractGaussNewton)
    return found


WAYS: dict[str, Callable[[AbstractObjective], AbstractGaussNewton]] = {
    "once": model,
    "twice": twice,
    "metered": counted,
}


def reference(theta: Tensor) -> Tensor:
    """The function, for autograd."""
    return Dense().f(theta) + SLOPE.dot(theta - ORIGIN) + CONSTANT


def value_and_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    moved = x.clone().requires_grad_()
    f = function(moved)
    return f.detach(), torch.autograd.grad(f, moved)[0]


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("way", WAYS)
def test_the_model_is_that_of_the_function_with_its_term(way: str) -> None:
    problem, theta, dense = WAYS[way](Dense()), vector(SIZE, 1), Dense()
    f, gradient = value_and_gradient(reference, theta)
    r, J = dense.residual(theta), dense.jacobian(theta)
    close(problem.at(theta).f, f)
    close(problem.at(theta).grad, gradient)
    close(problem.value(theta), f)
    whole, linear = problem.gauss_newton(theta), problem.linear_model(theta)
    for found, expected in [
        (whole.f, f),
        (whole.grad, gradient),
        (whole.gram, J.T @ J),
        (linear.f, f),
        (linear.grad, gradient),
        (linear.residual, r),
        (linear.jacobian, J),
        (problem.gram_product(theta, vector(SIZE, 2)), J.T @ (J @ vector(SIZE, 2))),
    ]:
        close(found, expected)
    assert linear.slope is not None
    close(linear.slope, SLOPE)


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_the_model_may_be_restricted(name: str) -> None:
    R, theta = RESTRICTIONS[name], vector(SIZE, 1)
    f, gradient = value_and_gradient(reference, theta)
    J, part = Dense().jacobian(theta), model(Dense()).gauss_newton(theta, Matrix(R))
    for found, expected in [(part.f, f), (part.grad, R @ gradient), (part.gram, R @ J.T @ J @ R.T)]:
        close(found, expected)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_observed_is_pulled_back_with_the_slope(way: str) -> None:
    """At the same θ that is the gradient, at another J(θ)ᵀr(other) + slope, as chord steps want it."""
    problem, theta, other = WAYS[way](Dense()), vector(SIZE, 1), vector(SIZE, 2)
    f, gradient = value_and_gradient(reference, theta)
    seen, ahead = problem.observe(theta), problem.observe(other)
    close(seen.f, f)
    close(seen.residual, Dense().residual(theta))
    assert torch.equal(seen.theta, theta)
    close(problem.pull_back(theta, seen), gradient)
    close(ahead.f, reference(other))
    close(problem.pull_back(theta, ahead), Dense().jacobian(theta).T @ Dense().residual(other) + SLOPE)


@pytest.mark.parametrize("start", [None, vector(6, 20)], ids=["from here", "from elsewhere"])
@pytest.mark.parametrize("name", RESTRICTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_a_restricted_term_is_the_term_of_the_restriction(way: str, name: str, start: Tensor | None) -> None:
    R, theta = RESTRICTIONS[name], vector(SIZE, 1)
    begin = R @ theta if start is None else start[: len(R)]
    x, d = vector(len(R), 3), vector(len(R), 4)
    f, gradient = value_and_gradient(lambda y: reference(theta + R.T @ (y - begin)), x)
    here = None if start is None else begin
    outer = WAYS[way](Dense()).restricted(Matrix(R), theta, here)
    constant = SLOPE.dot(theta - ORIGIN) + CONSTANT
    inner = tilted(Dense().restricted(Matrix(R), theta, here), R @ SLOPE, begin, constant)
    J = Dense().jacobian(theta + R.T @ (x - begin)) @ R.T
    for found in (outer, inner):
        assert isinstance(found, AbstractGaussNewton)
        close(found.at(x).f, f)
        close(found.at(x).grad, gradient)
        close(found.value(x), f)
        close(found.gauss_newton(x).grad, gradient)
        close(found.gauss_newton(x).gram, J.T @ J)
        close(found.linear_model(x).grad, gradient)
        close(found.gram_product(x, d), J.T @ (J @ d))
        close(found.pull_back(x, found.observe(x)), gradient)


@dataclass(frozen=True)
class Halved(AbstractCoarsening):
    """Every other residual, and perhaps fewer unknowns, too."""

    fewer_unknowns: bool = False


PROLONGATION = vector(SIZE * 2, 30).view(SIZE, 2)


class Coarsened(Dense):
    """Has a coarse problem by `Halved`."""

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        if not isinstance(rule, Halved):
            return None
        fewer = Dense()
        fewer.A, fewer.b = self.A[::2], self.b[::2]
        if not rule.fewer_unknowns:
            same = everything(SIZE)
            return CoarseProblem(fewer, same, same)
        fewer.A = fewer.A @ PROLONGATION
        return CoarseProblem(fewer, Matrix(PROLONGATION.T), Matrix(torch.linalg.pinv(PROLONGATION)))


@pytest.mark.parametrize("fewer_unknowns", [False, True])
def test_the_coarse_problem_has_the_term_on_its_unknowns(fewer_unknowns: bool) -> None:
    """f_c(y) + ⟨Pᵀslope, y − Π·origin⟩ + constant."""
    rule, plain = Halved(fewer_unknowns), Coarsened().coarse(Halved(fewer_unknowns))
    assert plain is not None and isinstance(plain.objective, Dense)
    found = model(Coarsened()).coarse(rule)
    assert found is not None and found.has_same_unknowns == (not fewer_unknowns)
    P = PROLONGATION if fewer_unknowns else torch.eye(SIZE, dtype=torch.float64)
    y, inner = vector(P.shape[1], 5), plain.objective
    f, gradient = value_and_gradient(
        lambda z: inner.f(z) + (P.T @ SLOPE).dot(z - torch.linalg.pinv(P) @ ORIGIN) + CONSTANT, y
    )
    assert isinstance(found.objective, AbstractGaussNewton) and isinstance(found.objective, Tilted)
    close(found.objective.at(y).f, f)
    close(found.objective.at(y).grad, gradient)
    assert len(found.objective.observe(y).residual) == -(-RESIDUALS // 2)


def test_the_coarse_problem_of_a_restricted_term() -> None:
    """In either order, through a meter, too: the fewer residuals, at θ with a block moved, and the whole term there."""
    R, theta, x = RESTRICTIONS["overlapping"], vector(SIZE, 1), vector(4, 2)
    plain = Coarsened().coarse(Halved())
    assert plain is not None and isinstance(plain.objective, Dense)
    inner = plain.objective
    f, gradient = value_and_gradient(
        lambda y: inner.f(theta + R.T @ (y - R @ theta)) + SLOPE.dot(theta + R.T @ (y - R @ theta) - ORIGIN) + CONSTANT,
        x,
    )
    whole = model(Coarsened())
    for objective in (whole, metered(whole, Meter())):
        block = objective.restricted(Matrix(R), theta).coarse(Halved())
        coarse = objective.coarse(Halved())
        assert block is not None and coarse is not None and block.has_same_unknowns
        for found in (block.objective, coarse.objective.restricted(Matrix(R), theta)):
            close(found.at(x).f, f)
            close(found.at(x).grad, gradient)
    # a block has no coarse problem of other unknowns
    assert whole.restricted(Matrix(R), theta).coarse(Halved(fewer_unknowns=True)) is None


def test_where_there_is_no_coarse_problem_there_is_none_with_a_term() -> None:
    for objective in (Dense(), Plain()):
        assert tilted(objective, SLOPE, ORIGIN).coarse(Halved()) is None
        assert metered(tilted(objective, SLOPE, ORIGIN), Meter()).coarse(Halved()) is None


def test_without_least_squares_there_is_no_model() -> None:
    assert not isinstance(tilted(Plain(), SLOPE, ORIGIN), AbstractGaussNewton)
