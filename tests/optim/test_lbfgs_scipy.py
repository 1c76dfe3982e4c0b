"""L-BFGS takes the steps of SciPy's L-BFGS-B."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import torch
from classical_functions import Differentiated, rosenbrock

from pinnml.optim import LBFGS, GradientNorm, Iterations, minimise

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
        callback=lambda p: (mine.append(p.iterate.theta.numpy()), evaluations.append(p.counts.evaluations)),  # type: ignore[func-returns-value]
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
