"""A restriction of a restriction is the restriction by the product, for every pair of kinds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from dense_least_squares import RESIDUALS, SIZE, Dense, Matrix, Plain, vector
from torch import Tensor

from pinnml.objective import (
    AbstractLeastSquares,
    AbstractObjective,
    AbstractRestriction,
    Composed,
    Directions,
    Entries,
    Meter,
    Range,
    Ranges,
    Tied,
    metered,
)

MIDDLE = 4

OUTER: dict[str, AbstractRestriction] = {
    "range": Range(1, 5, SIZE),
    "ranges": Ranges(((4, 6), (0, 2)), SIZE),
    "entries": Entries(torch.tensor([4, 1, 3, 0]), SIZE),
    "tied": Tied((((0, 2), (2, 4)), ((4, 5),), ((5, 6),)), SIZE),
    "directions": Directions(vector(MIDDLE * SIZE, 1).view(MIDDLE, SIZE)),
    "composed": Composed(Entries(torch.tensor([3, 0, 2, 1]), 5), Range(1, 6, SIZE)),
    "matrix": Matrix(vector(MIDDLE * SIZE, 2).view(MIDDLE, SIZE)),
}
INNER: dict[str, AbstractRestriction] = {
    "range": Range(1, 3, MIDDLE),
    "ranges": Ranges(((3, 4), (0, 1)), MIDDLE),
    "entries": Entries(torch.tensor([3, 0]), MIDDLE),
    "tied": Tied((((0, 1), (2, 3)), ((1, 2), (3, 4))), MIDDLE),
    "directions": Directions(vector(2 * MIDDLE, 3).view(2, MIDDLE)),
    "composed": Composed(Tied((((0, 1), (1, 2)), ((2, 3),)), 3), Range(1, 4, MIDDLE)),
    "matrix": Matrix(vector(2 * MIDDLE, 4).view(2, MIDDLE)),
}


def dense(restriction: AbstractRestriction) -> Tensor:
    """R as a matrix, by its adjoint on the units."""
    return torch.stack([restriction.adjoint(unit) for unit in torch.eye(restriction.shape[0], dtype=torch.float64)])


@pytest.mark.parametrize("name", OUTER)
@pytest.mark.parametrize("restrictions", [OUTER, INNER], ids=["outer", "inner"])
def test_each_kind_is_its_matrix(restrictions: dict[str, AbstractRestriction], name: str) -> None:
    """Of a shape, forward and back, on one vector and on rows; and that matrix is the one of ⟨Rv, x⟩ = ⟨v, Rᵀx⟩."""
    R = restrictions[name]
    matrix = dense(R)
    rows, cols = vector(3 * R.shape[1], 5).view(3, -1), vector(3 * R.shape[0], 6).view(3, -1)
    assert matrix.shape == R.shape
    torch.testing.assert_close(R(rows), rows @ matrix.T, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(R(rows[0]), matrix @ rows[0], rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(R.adjoint(cols), cols @ matrix, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", OUTER)
def test_products_are_products_of_matrices(outer: str, inner: str) -> None:
    R, S = OUTER[outer], INNER[inner]
    v, x = vector(SIZE, 5), vector(2, 6)
    assert (S @ R).shape == (2, SIZE)
    torch.testing.assert_close(dense(S @ R), dense(S) @ dense(R), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close((S @ R)(v), S(R(v)), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close((S @ R).adjoint(x), R.adjoint(S.adjoint(x)), rtol=1e-13, atol=1e-13)


WRAPS: dict[str, Callable[[AbstractObjective], AbstractObjective]] = {
    "bare": lambda objective: objective,
    "metered": lambda objective: metered(objective, Meter()),
}
STARTS = {"from here": None, "from elsewhere": (vector(MIDDLE, 7), vector(2, 8))}


def restricted_twice(
    objective: AbstractObjective, R: AbstractRestriction, S: AbstractRestriction, starts: tuple[Tensor, Tensor] | None
) -> tuple[AbstractObjective, AbstractObjective, Tensor, Tensor]:
    """The restriction by S of that by R, the one by both in one, x, and where x lies in θ, by matrices."""
    theta, y, x = vector(SIZE, 9), vector(MIDDLE, 10), vector(2, 11)
    first, second = starts if starts is not None else (R(theta), S(y))
    block = objective.restricted(R, theta, None if starts is None else first)
    nested = block.restricted(S, y, None if starts is None else second)
    here = theta + R.adjoint(y - first)
    direct = objective.restricted(S @ R, here, second)
    return nested, direct, x, here + dense(R).T @ dense(S).T @ (x - second)


@pytest.mark.parametrize("starts", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", OUTER)
def test_least_squares_are_dense_algebra(
    outer: str,
    inner: str,
    wrap: Callable[[AbstractObjective], AbstractObjective],
    starts: tuple[Tensor, Tensor] | None,
) -> None:
    R, S = OUTER[outer], INNER[inner]
    nested, direct, x, whole = restricted_twice(wrap(Dense()), R, S, starts)
    matrix = dense(S) @ dense(R)
    r, J = Dense().residual(whole), Dense().jacobian(whole) @ matrix.T
    d, w, again = vector(2, 12), vector(RESIDUALS, 13), Matrix(vector(2, 14).view(1, 2))
    for local in (nested, direct):
        assert isinstance(local, AbstractLeastSquares)
        model, part, linear = local.gauss_newton(x), local.gauss_newton(x, again), local.linear_model(x)
        for found, expected in [
            (local.value(x), 0.5 * r.dot(r)),
            (local.at(x).f, 0.5 * r.dot(r)),
            (local.at(x).grad, J.T @ r),
            (local.residual(x), r),
            (local.jvp(x, d), J @ d),
            (local.vjp(x, w), J.T @ w),
            (local.jacobian(x), J),
            (model.f, 0.5 * r.dot(r)),
            (model.grad, J.T @ r),
            (model.gram, J.T @ J),
            (part.grad, again.R @ J.T @ r),
            (part.gram, again.R @ J.T @ J @ again.R.T),
            (linear.residual, r),
            (linear.jacobian, J),
            (local.gram_product(x, d), J.T @ (J @ d)),
        ]:
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)
        assert local.at(x).theta is x


@pytest.mark.parametrize("starts", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", OUTER)
def test_other_functions_are_composed(outer: str, inner: str, starts: tuple[Tensor, Tensor] | None) -> None:
    R, S = OUTER[outer], INNER[inner]
    nested, direct, x, whole = restricted_twice(Plain(), R, S, starts)
    expected = Plain().at(whole)
    for local in (nested, direct):
        torch.testing.assert_close(local.at(x).f, expected.f, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(local.value(x), expected.f, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(local.at(x).grad, dense(S) @ dense(R) @ expected.grad, rtol=1e-11, atol=1e-11)


def test_neighbours_in_neighbours_are_one_range() -> None:
    """Which an objective of layers knows to restrict itself to; all of a block is the block."""
    assert Range(1, 3, 4) @ Range(2, 6, 9) == Range(3, 5, 9)
    entries = Entries(torch.tensor([4, 1]), SIZE)
    assert Range(0, 2, 2) @ entries is entries
    assert isinstance(Range(0, 1, 2) @ entries, Composed)
