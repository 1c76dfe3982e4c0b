"""Rules for the weight of Tikhonov's term, against what they define evaluated directly from A and b."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.optim import cross_validated_weight, discrepancy_weight, l_curve_weight

ROWS, COLUMNS = 30, 12


def problem(noise: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return A (30, 12) with singular values over six decades, a smooth x, and b = Ax + noise."""
    generator = torch.Generator().manual_seed(4)
    U, V = (
        torch.linalg.qr(torch.randn(n, COLUMNS, generator=generator, dtype=torch.float64))[0] for n in (ROWS, COLUMNS)
    )
    sigma = 10 ** torch.linspace(0, -6, COLUMNS, dtype=torch.float64)
    x = V @ sigma.sqrt()
    A = U @ sigma.diag() @ V.T
    return A, x, A @ x + noise * torch.randn(ROWS, generator=generator, dtype=torch.float64)


def decomposed(A: Tensor, b: Tensor) -> tuple[Tensor, Tensor, float]:
    U, values, _ = torch.linalg.svd(A, full_matrices=False)
    data = U.T @ b
    return values, data, float((b - U @ data).square().sum())


def solution(A: Tensor, b: Tensor, weight: float) -> Tensor:
    return torch.linalg.solve(A.T @ A + weight**2 * torch.eye(COLUMNS, dtype=A.dtype), A.T @ b)


def validation(A: Tensor, b: Tensor, weight: float) -> float:
    influence = A @ torch.linalg.solve(A.T @ A + weight**2 * torch.eye(COLUMNS, dtype=A.dtype), A.T)
    return float((influence @ b - b).square().sum() / (ROWS - influence.trace()) ** 2)


def bend(A: Tensor, b: Tensor, weight: float, h: float = 1e-2) -> float:
    """Return the curvature of the L-curve by differences in log λ."""

    def place(factor: float) -> Tensor:
        x = solution(A, b, weight * math.exp(factor))
        return torch.stack([(A @ x - b).norm().log(), x.norm().log()])

    before, here, after = place(-h), place(0.0), place(h)
    first, second = (after - before) / (2 * h), (after - 2 * here + before) / h**2
    return float((first[0] * second[1] - first[1] * second[0]) / first.norm() ** 3)


WEIGHTS = [10 ** (-6 + 0.05 * k) for k in range(121)]


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
@pytest.mark.parametrize(
    ("rule", "score"),
    [
        (lambda A, b: cross_validated_weight(*decomposed(A, b), ROWS), validation),
        (lambda A, b: l_curve_weight(*decomposed(A, b)), lambda A, b, weight: -bend(A, b, weight)),
    ],
    ids=["validation", "l-curve"],
)
def test_weights_are_where_what_they_minimise_is_least(
    rule: Callable[[Tensor, Tensor], float], score: Callable[[Tensor, Tensor, float], float], noise: float
) -> None:
    A, _, b = problem(noise)
    found = rule(A, b)
    least = min(WEIGHTS, key=lambda weight: score(A, b, weight))
    assert abs(math.log10(found / least)) < 0.06
    assert score(A, b, found) <= score(A, b, least) + 1e-4 * abs(score(A, b, least))


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
def test_what_is_left_is_the_noise(noise: float) -> None:
    A, _, b = problem(noise)
    size = noise * math.sqrt(ROWS)
    weight = discrepancy_weight(*decomposed(A, b), size)
    assert float((A @ solution(A, b, weight) - b).norm()) == pytest.approx(size, rel=1e-8)
    assert discrepancy_weight(*decomposed(A, b), 1e-3 * noise) == 0
    assert discrepancy_weight(*decomposed(A, b), 2 * float(b.norm())) == math.inf


def test_every_rule_brings_the_solution_nearer_than_none() -> None:
    A, x, b = problem(1e-3)
    values, data, outside = decomposed(A, b)
    weights = {
        "validation": cross_validated_weight(values, data, outside, ROWS),
        "l-curve": l_curve_weight(values, data, outside),
        "discrepancy": discrepancy_weight(values, data, outside, 1e-3 * math.sqrt(ROWS)),
    }
    plain = float((torch.linalg.lstsq(A, b[:, None]).solution[:, 0] - x).norm())
    for name, weight in weights.items():
        assert float((solution(A, b, weight) - x).norm()) < 1e-2 * plain, name


ONES = torch.ones(3, dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: l_curve_weight(0 * ONES, ONES, 1.0), "above 0"),
        (lambda: l_curve_weight(ONES, ONES[:2], 1.0), r"data has shape \(2,\)"),
        (lambda: l_curve_weight(ONES, ONES, -1.0), "outside is -1.0"),
        (lambda: cross_validated_weight(ONES, ONES, 1.0, 2), "rows is 2"),
        (lambda: discrepancy_weight(ONES, ONES, 1.0, 0.0), "noise is 0.0"),
    ],
)
def test_wrong_numbers_are_refused(call: Callable[[], float], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        call()
