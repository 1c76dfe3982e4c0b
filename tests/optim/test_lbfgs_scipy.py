"""L-BFGS takes the steps of SciPy's L-BFGS-B."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from classical_functions import Differentiated, rosenbrock

from pinnml.optim import LBFGS, GradientNorm, Iterations, StrongWolfe, minimise

STEPS = 15

SAME = 2e-12
"""Largest difference over the first 15 iterates; rounding has grown to 1e-12 there, a wrong pair makes it 1e-3."""


def scipy_run(start: np.ndarray) -> tuple[list[np.ndarray], list[int], scipy.optimize.OptimizeResult]:
    """Return the iterates of L-BFGS-B and the number of evaluations when each was reached."""
    iterates: list[np.ndarray] = []
    counts: list[int] = []
    calls = [0]

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        calls[0] += 1
        return scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)

    def record(x: np.ndarray) -> None:
        iterates.append(x.copy())
        counts.append(calls[0])

    options = {"maxcor": 10, "ftol": 0.0, "gtol": 1e-12}
    found = scipy.optimize.minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B", callback=record, options=options
    )
    return iterates, counts, found


@pytest.mark.parametrize("start", [[-1.2, 1.0], [-1.2, 1.0] * 5, [0.3, -0.7, 2.0]])
def test_iterates_and_evaluations_are_those_of_scipy(start: list[float]) -> None:
    """Same iterates to rounding, same number of evaluations in every search, same minimum."""
    iterates, counts, found = scipy_run(np.array(start))
    mine: list[np.ndarray] = []
    evaluations: list[int] = []
    objective = Differentiated(rosenbrock)
    result = minimise(
        objective,
        torch.tensor(start, dtype=torch.float64),
        LBFGS(10),
        GradientNorm(1e-9) | Iterations(200),
        callback=lambda p: (mine.append(p.iterate.theta.numpy()), evaluations.append(p.counts.evaluations)),  # type: ignore[func-returns-value, arg-type]
    )
    assert evaluations[1 : STEPS + 1] == counts[:STEPS]
    worst = max(np.abs(a - b).max() for a, b in zip(iterates[:STEPS], mine[1 : STEPS + 1], strict=True))
    assert worst < SAME
    assert np.abs(result.iterate.theta.numpy() - found.x).max() < 1e-8


def test_functions_are_those_of_scipy() -> None:
    x = np.random.default_rng(0).normal(size=12)
    found = Differentiated(rosenbrock).at(torch.from_numpy(x))
    assert abs(float(found.f) / scipy.optimize.rosen(x) - 1) < 1e-14
    gradient = scipy.optimize.rosen_der(x)
    assert np.abs(found.grad.numpy() - gradient).max() < 1e-14 * np.abs(gradient).max()


Line = Callable[[torch.Tensor], torch.Tensor]


def scipy_trials(line: Line) -> list[float]:
    """Return the steps that L-BFGS-B tries in its first search along +1 from 0, the first of them 1."""
    tried: list[float] = []

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        tried.append(float(x[0]))
        found = Differentiated(lambda theta: line(theta[0])).at(torch.from_numpy(x.copy()))
        return float(found.f), found.grad.numpy()

    options = {"maxiter": 1, "ftol": 0.0, "gtol": 0.0}
    scipy.optimize.minimize(value_and_gradient, np.zeros(1), jac=True, method="L-BFGS-B", options=options)
    # where the bracket gets too narrow the best trial is evaluated again, which is of no use
    return tried[1:-1] if tried[-1] in tried[:-1] else tried[1:]


def rough_line(height: float, pace: float, phase: float, slope: float, curvature: float) -> Line:
    """A parabola with waves that begins with the slope given."""
    linear = -slope - height * pace * math.cos(phase)
    return lambda a: linear * a + curvature * a**2 + height * torch.sin(pace * a + phase)


def flattening_line(height: float, pace: float, phase: float, rate: float, slope: float) -> Line:
    """A fall that is steep first and all but flat soon: long steps are lower by less than they should be."""
    wave = 0.5 * height / max(rate, pace)
    return lambda a: torch.expm1(-rate * a) / rate - slope * a + wave * (torch.sin(pace * a + phase) - math.sin(phase))


def along_first(line: Callable[[Any], Any], x: torch.Tensor) -> torch.Tensor:
    value: torch.Tensor = line(x[0])
    return value


def test_searches_try_the_steps_of_scipy() -> None:
    """On rough functions, with up to a dozen trials each, the sequences of trials are the same.

    One or two may part, by cancellation where the function changes by many orders of magnitude.
    """
    random = np.random.default_rng(0)
    lengths, parted = [], 0
    for number, (height, pace, phase, power, curvature) in enumerate(random.uniform(size=(400, 5))):
        line = rough_line(3 * height, 10 ** (3 * pace - 1), 6 * phase, 10 ** (4 * power - 2), 10 ** (6 * curvature - 3))
        if number % 2:
            line = flattening_line(height, 10 ** (3 * pace), 6 * phase, 10 ** (4 * power), 10 ** (3 * curvature - 6))
        expected = scipy_trials(line)
        objective = Differentiated(partial(along_first, line))
        start = objective.at(torch.zeros(1, dtype=torch.float64))
        StrongWolfe()(objective, start, torch.ones(1, dtype=torch.float64), float(start.grad[0]), 1.0)
        mine = [float(theta[0]) for theta in objective.visited[1:]]
        lengths.append(len(mine))
        parted += not (len(mine) == len(expected) and np.allclose(mine, expected, rtol=1e-7, atol=0))
    assert sum(length >= 8 for length in lengths) >= 10
    assert parted <= 2
