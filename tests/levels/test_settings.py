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
    "default": pm.TwoLevel(),
    "additive": pm.TwoLevel(
        pm.AdditiveSchwarz(pm.ByLayer(2, 1), combination=pm.Averaged(pm.Synchronised())),
        (pm.TiedBlocks(2), pm.FirstLayers(3, pm.Local(pm.LBFGS(), 3)), pm.FewerPoints(0.5)),
        placement=pm.Beside(pm.SubspaceMinimisation()),
    ),
    "owned": pm.AdditiveSchwarz(combination=pm.Owned(pm.LineSearchedSum(pm.Armijo()))),
    "before": pm.TwoLevel(placement=pm.Before()),
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
