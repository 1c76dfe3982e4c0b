"""Tested residuals and large subspaces against dense algebra, and what they cost."""

from __future__ import annotations

import pytest
import torch
from dense_least_squares import RESIDUALS, SIZE, Dense, vector

from pinnml.objective import (
    COSTS,
    AbstractLeastSquares,
    Entries,
    Evaluation,
    Meter,
    Subspace,
    TestedLeastSquares,
    metered,
)

B = vector(2 * RESIDUALS, 5).view(2, RESIDUALS)


class Costly(Dense):
    """A model costs three units, one of them J."""

    def cost(self, kind: Evaluation) -> float:
        return 3.0 if kind is Evaluation.MODEL else COSTS[kind]


def test_it_is_least_squares_with_br_and_bj() -> None:
    dense, theta = Dense(), vector(SIZE, 1)
    tested = TestedLeastSquares(dense, B, SIZE)
    r, J = B @ dense.residual(theta), B @ dense.jacobian(theta)
    torch.testing.assert_close(tested.residual(theta), r, rtol=0, atol=1e-14)
    torch.testing.assert_close(tested.jacobian(theta), J, rtol=0, atol=1e-14)
    torch.testing.assert_close(tested.jvp(theta, vector(SIZE, 2)), J @ vector(SIZE, 2), rtol=0, atol=1e-13)
    torch.testing.assert_close(tested.vjp(theta, vector(2, 2)), J.T @ vector(2, 2), rtol=0, atol=1e-13)
    iterate, model = tested.at(theta), tested.gauss_newton(theta)
    torch.testing.assert_close(iterate.f, 0.5 * r.dot(r), rtol=0, atol=1e-14)
    torch.testing.assert_close(iterate.grad, J.T @ r, rtol=0, atol=1e-13)
    torch.testing.assert_close(model.gram, J.T @ J, rtol=0, atol=1e-13)


def test_its_restriction_tests_the_restricted_residual() -> None:
    dense, theta, R = Dense(), vector(SIZE, 1), Entries(torch.tensor([1, 2, 4]), SIZE)
    part = TestedLeastSquares(dense, B, SIZE).restricted(R, theta)
    torch.testing.assert_close(part.jacobian(R(theta)), R(B @ dense.jacobian(theta)), rtol=0, atol=1e-14)
    torch.testing.assert_close(part.residual(R(theta)), B @ dense.residual(theta), rtol=0, atol=1e-14)
    assert part.structure == R.structure(dense.structure)


def test_its_evaluations_cost_those_inside_and_the_products_with_the_tests() -> None:
    """BJ takes 2·2/6 of the two units of JᵀJ, of which one half is formed, and (BJ)ᵀBJ 2 rows of 9."""
    tested = metered(TestedLeastSquares(Costly(), B, SIZE), Meter())
    assert tested.cost(Evaluation.RESIDUAL) == COSTS[Evaluation.RESIDUAL]
    assert tested.cost(Evaluation.GRADIENT) == pytest.approx(1 + 1 / 3)
    assert tested.cost(Evaluation.JACOBIAN) == pytest.approx(1 + 2 * (2 / 6) * 2)
    assert tested.cost(Evaluation.MODEL) == pytest.approx(1 + 2 * (2 / 6) * 2 + 2 / 9 * 2)


def test_a_large_subspace_takes_one_jacobian_and_counts_its_products() -> None:
    dense, theta, D = Costly(), vector(SIZE, 1), torch.linalg.qr(vector(3 * SIZE, 3).view(SIZE, 3))[0].T
    meter = Meter()
    part = metered(dense, meter).restricted(Subspace(D), theta)
    assert isinstance(part, AbstractLeastSquares)
    dense.calls.clear()
    model = part.gauss_newton(D @ theta)
    assert dense.calls == ["residual", "jacobian"]
    J = dense.jacobian(theta) @ D.T
    torch.testing.assert_close(model.gram, J.T @ J, rtol=0, atol=1e-13)
    torch.testing.assert_close(part.jacobian(D @ theta), J, rtol=0, atol=1e-13)
    torch.testing.assert_close(part.tested(D @ theta, B), B @ J, rtol=0, atol=1e-13)
    assert part.cost(Evaluation.JACOBIAN) == pytest.approx(1 + 2 * (3 / 6) * 2)
    assert part.cost(Evaluation.MODEL) == pytest.approx(1 + 2 * (3 / 6) * 2 + (3 / 6) ** 2 * 2)
    assert part.cost(Evaluation.GRADIENT) == part.cost(Evaluation.PRODUCT) == 1
