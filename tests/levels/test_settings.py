"""Settings and states of every Schwarz method become plain data and come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from deep_chain import DeepChain

import pinnml as pm
from pinnml.io import plain
from pinnml.optim import minimise

SOLVERS = {
    "default": pm.levels.TwoLevel(),
    "additive": pm.levels.TwoLevel(
        pm.schwarz.AdditiveSchwarz(
            pm.schwarz.ByLayer(2, 1), combination=pm.schwarz.Averaged(pm.schwarz.Synchronised())
        ),
        (
            pm.levels.TiedBlocks(2),
            pm.levels.FirstLayers(3, pm.schwarz.Local(pm.LBFGS(), 3)),
            pm.levels.FewerPoints(0.5),
            pm.levels.WeakForm(3),
            pm.levels.WeakSpan(3),
        ),
        placement=pm.levels.Beside(pm.schwarz.SubspaceMinimisation()),
    ),
    "owned": pm.schwarz.AdditiveSchwarz(combination=pm.schwarz.Owned(pm.schwarz.LineSearchedSum(pm.optim.Armijo()))),
    "before": pm.levels.TwoLevel(placement=pm.levels.Before()),
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_settings_come_back(solver: Any) -> None:
    data = plain.encode(solver)
    assert plain.is_complete(data)
    assert plain.decode(data, "test") == solver


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_a_run_goes_on_from_a_state_that_was_plain_data(solver: Any) -> None:
    problem = DeepChain()
    whole = minimise(problem, problem.start(), solver, pm.Iterations(4))
    half = minimise(problem, problem.start(), solver, pm.Iterations(2))
    state = plain.decode(plain.encode(half.state), "test")
    rest = minimise(problem, replace(half.progress, state=state), solver, pm.Iterations(4))
    assert torch.equal(rest.iterate.theta, whole.iterate.theta)
