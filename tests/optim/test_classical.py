"""Solvers on classical functions: the known minimum is reached, within a budget, and the run ends by itself."""

from __future__ import annotations

import pytest
import torch
from classical_functions import CLASSICS, Classic, Differentiated

from pinnml.optim import LBFGS, Adam, Armijo, Evaluations, Loss, Status, StrongWolfe, minimise

SOLVERS = {
    "memory 5": LBFGS(5),
    "memory 50": LBFGS(50),
    "armijo": LBFGS(20, search=Armijo()),
    "tight wolfe": LBFGS(20, search=StrongWolfe(c2=0.1)),
}

BUDGET = 400
"""Evaluations to the very end; the slowest pair takes 272."""


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", [name for name in CLASSICS if name != "powell-singular"])
def test_run_ends_at_the_minimum(name: str, solver: str) -> None:
    """Without any stop but a generous budget a run ends where nothing more is to be gained, and says so."""
    classic = CLASSICS[name]
    objective = classic.objective()
    result = minimise(objective, classic.theta(), SOLVERS[solver], Evaluations(BUDGET))
    assert result.status in (Status.CONVERGED, Status.AT_ROUNDING), result.message
    assert result.success
    assert result.counts.gradients == objective.evaluations < BUDGET
    assert abs(float(result.iterate.f) - classic.minimum) <= classic.rounding


@pytest.mark.parametrize("solver", SOLVERS)
def test_singular_hessian(solver: str) -> None:
    """Powell's singular function has no rounding to end at: its minimum is zero at zero."""
    classic = CLASSICS["powell-singular"]
    result = minimise(classic.objective(), classic.theta(), SOLVERS[solver], Loss(1e-16) | Evaluations(200))
    assert float(result.iterate.f) <= 1e-16


@pytest.mark.parametrize("name", [name for name, classic in CLASSICS.items() if classic.gentle])
def test_adam_comes_near(name: str) -> None:
    classic = CLASSICS[name]
    result = minimise(classic.objective(), classic.theta(), Adam(0.05), Evaluations(400))
    start = float(classic.objective().at(classic.theta()).f)
    assert float(result.iterate.f) < 2e-3 * start


@pytest.mark.parametrize("name", ["rosenbrock-2", "wood", "trigonometric", "jennrich-sampson"])
@pytest.mark.parametrize("scale", [1e-10, 1e10])
def test_scale_does_not_matter(name: str, scale: float) -> None:
    classic = CLASSICS[name]
    objective = Differentiated(lambda x: scale * classic.function(x))
    result = minimise(objective, classic.theta(), LBFGS(), Evaluations(BUDGET))
    assert result.success
    assert objective.evaluations < BUDGET
    assert abs(float(result.iterate.f) / scale - classic.minimum) <= classic.rounding


@pytest.mark.parametrize("name", [name for name in CLASSICS if name != "powell-singular"])
def test_single_precision(name: str) -> None:
    """All of it works in float32 as well, to float32's rounding, and stays there."""
    classic: Classic = CLASSICS[name]
    objective = classic.objective()
    result = minimise(objective, classic.theta().float(), LBFGS(), Evaluations(BUDGET))
    assert result.success
    assert objective.evaluations < BUDGET
    assert result.iterate.theta.dtype == torch.float32
    assert abs(float(result.iterate.f) - classic.minimum) <= 1e-6 * max(classic.minimum, 1e-2)
