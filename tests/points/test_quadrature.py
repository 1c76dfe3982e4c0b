"""Weighted sums over the points of a condition converge to means over its region, at the order of the sampler."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pinnml.points import Grid, Hammersley, LatinHypercube, Sampler, Sobol, Uniform, sample
from pinnml.problem import Box, Derivative, Interior, Problem

NUMBERS = [64, 256, 1024, 4096]


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem(
        domain=Box(x=(0, 1), y=(0, 2)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u: u),
            "edges": Derivative(u_x=0.0, on=["x=0", "x=1", "y=0", "y=2"]),
        },
    )


def smooth(x: Tensor) -> Tensor:
    return (x[:, 0] + 0.5 * x[:, 1] * x[:, 0]).exp()


SMOOTH_MEAN = sum((2.0**k - 1) / (k * math.factorial(k)) for k in range(1, 30))
"""∫_1^2 (e^s − 1)/s ds = Ei(2) − Ei(1) − ln 2 with s = 1 + y/2, by the series of Ei."""

ADDITIVE_MEAN = 2 * (math.e - 1)


def additive(x: Tensor) -> Tensor:
    return x[:, 0].exp() + (0.5 * x[:, 1]).exp()


def order(
    problem: Problem, kind: type[Sampler], function: Callable[[Tensor], Tensor], mean: float, seeds: int
) -> float:
    """Fit the root mean square error over seeds to c·n^order."""
    errors = []
    for n in NUMBERS:
        squares = []
        for seed in range(seeds):
            points = sample(problem, kind(n), torch.Generator().manual_seed(seed))["pde"]
            squares.append(float((points.weights * function(points.x)).sum() - mean) ** 2)
        errors.append(math.sqrt(sum(squares) / seeds))
    log_n, log_e = (torch.tensor(values, dtype=torch.float64).log() for values in (NUMBERS, errors))
    log_n = log_n - log_n.mean()
    return float(log_n.dot(log_e) / log_n.dot(log_n))


@pytest.mark.parametrize(
    ("kind", "expected", "tolerance", "seeds"),
    [
        (Uniform, -0.5, 0.1, 32),  # standard deviation of a mean
        (LatinHypercube, -0.5, 0.1, 32),  # only the additive part converges faster
        (Hammersley, -0.85, 0.15, 1),  # log n / n seen over these n
        (Sobol, -1.5, 0.15, 16),  # scrambled nets (Owen 1997)
        (Grid, -1.0, 0.02, 1),  # midpoint rule, h² with h = n^(−1/2)
    ],
)
def test_orders_for_a_smooth_function(
    problem: Problem, kind: type[Sampler], expected: float, tolerance: float, seeds: int
) -> None:
    assert order(problem, kind, smooth, SMOOTH_MEAN, seeds) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(("kind", "expected"), [(Uniform, -0.5), (LatinHypercube, -1.5)])
def test_latin_hypercubes_are_good_at_sums_of_functions(problem: Problem, kind: type[Sampler], expected: float) -> None:
    """The error of order n^(−3/2) for f(x) + g(y) is what stratifying each axis brings (Stein 1987)."""
    assert order(problem, kind, additive, ADDITIVE_MEAN, 32) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("sampler", "tolerance"),
    [
        (Sobol(10_000), 4e-3),
        (Hammersley(10_000), 1e-3),
        (Grid(10_000), 1e-3),
        (LatinHypercube(10_000), 1e-2),
        (Uniform(10_000), 0.1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Sampler) else "",
)
def test_mean_over_several_faces(
    problem: Problem, sampler: Sampler, tolerance: float, generator: torch.Generator
) -> None:
    """The mean of x + y² over four faces, each face weighing the same: ¼(4/3 + (1 + 4/3) + ½ + (½ + 4))."""
    points = sample(problem, sampler, generator)["edges"]
    mean = float((points.weights * (points.x[:, 0] + points.x[:, 1] ** 2)).sum())
    assert mean == pytest.approx((4 / 3 + 1 + 4 / 3 + 1 / 2 + 1 / 2 + 4) / 4, abs=tolerance)
