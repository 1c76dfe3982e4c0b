"""Every solver of the command line works on a torch module, and keeps there what it promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import solver_conformance
import torch
from small_modules import classes, inputs, module, regression
from solver_conformance import CHECKS, may_rise
from torch import Tensor, nn

import pinnml as pm
from pinnml.cli.catalogue import SOLVERS
from pinnml.objective import AbstractLeastSquares

pytestmark = pytest.mark.usefixtures("on_one_thread")

NAMED = {name: recipe(1).solver for name, recipe in SOLVERS.items()}

FITTING = ("never-worse", "resumes", "budget", "not-finite")
"""Checks that ask nothing of a network that has points."""

SQUARES = ("gauss", "levenberg", "newton", "schwarz", "default", "sweeps", "two-level", "trust-region", "right")
"""What names of solvers say that need least squares."""

PLAIN = ("trust-region-lbfgs",)
"""Names that say so of solvers that do not."""


@pytest.mark.parametrize("check", FITTING)
@pytest.mark.parametrize("name", NAMED)
def test_solvers_keep_their_promises_on_a_module(name: str, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver_conformance, "loss", regression)
    monkeypatch.setattr(solver_conformance, "start", lambda objective: objective.start)
    CHECKS[check](NAMED[name])


@pytest.mark.parametrize("name", [name for name in NAMED if name in PLAIN or not any(word in name for word in SQUARES)])
def test_solvers_without_residuals_classify(name: str) -> None:
    f = pm.torch.objective(module(outputs=3), nn.CrossEntropyLoss(), (inputs(), classes()), weight_decay=1e-3)
    first = f.at(f.start)
    result = pm.optim.minimise(f, first, NAMED[name], pm.Iterations(4))
    assert result.iterate.is_finite() and result.status is not pm.optim.Status.NOT_FINITE
    assert result.iterate.value < first.value or may_rise(NAMED[name])


@pytest.mark.parametrize(
    ("solver", "iterations", "bound"),
    [
        (pm.LevenbergMarquardt(), 30, 1e-11),  # 6e-13 after 23; 2e-3 after 10
        (pm.optim.NewtonKrylov(), 70, 1e-11),  # 1e-19 after 65; 1e-5 after 40
        (pm.methods.schwarz_gauss_newton(), 40, 3e-3),  # 1.4e-3; 5e-2 after 10
    ],
    ids=["levenberg-marquardt", "newton-krylov", "schwarz-gauss-newton"],
)
def test_gauss_newton_methods_fit_a_function(solver: pm.optim.AbstractSolver, iterations: int, bound: float) -> None:
    f = regression()
    result = pm.optim.minimise(f, f.start, solver, pm.Iterations(iterations) | pm.Loss(1e-12))
    assert result.iterate.value < bound


def test_a_restricted_block_is_solved_as_one_written_by_hand() -> None:
    """The block of all layers but the first, by the module and by an objective that has nothing to make it fast."""
    f = regression()
    layers = pm.objective.Range(12, f.size, f.size)
    found: list[Tensor] = []
    ways: tuple[Callable[[], AbstractLeastSquares], ...] = (
        lambda: f.restricted(layers, f.start),
        lambda: pm.objective.RestrictedLeastSquares(solver_conformance.Opaque(f), layers, f.start),
    )
    for way in ways:
        found.append(pm.optim.minimise(way(), layers(f.start), pm.LevenbergMarquardt(), pm.Iterations(2)).iterate.theta)
    torch.testing.assert_close(*found, rtol=1e-7, atol=1e-9)
