"""Runs whose evaluations are NaN or infinite one time in twenty end where clean runs do."""

from __future__ import annotations

import math

import pytest
import torch
from poisoned import poison
from small_problems import heat

import pinnml as pm
from pinnml.catalogue import SOLVERS
from pinnml.optim import Iterations

STEPS = {"adam": 300, "lbfgs": 80, "lbfgs-3": 80, "lbfgs-20": 80, "bfgs": 80, "ssbroyden": 80, "adam-lbfgs": 580}
"""Outer iterations by solver, 15 where it is not named; all of them far from rounding."""


def ended(name: str, seed: int) -> pm.Solution:
    recipe = SOLVERS[name](1)
    stop = Iterations(STEPS.get(name, 15))
    network = pm.ResNet(width=5, blocks=3)
    return pm.solve(heat(), network, recipe.solver, points=pm.Sobol(80), stop=stop, seed=seed, device="cpu")


@pytest.mark.parametrize("name", SOLVERS)
def test_a_poisoned_run_ends_near_the_clean_one(name: str) -> None:
    clean, found = ended(name, 0), []
    for number in (1, 2, 3):
        with poison(1 / 20, number) as spoilt:
            solution = ended(name, 0)
        assert spoilt and torch.isfinite(solution.theta).all()
        assert all(math.isfinite(row.loss) for row in solution.history)
        assert "not finite and left out" in solution.result.message
        found.append(solution.history[-1].loss)
    # the loss is the square of an error
    assert sorted(found)[1] <= 9 * clean.history[-1].loss
