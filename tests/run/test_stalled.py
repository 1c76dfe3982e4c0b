"""A loss that falls no more because its parts cannot all vanish says which they are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from small_problems import string, tiny
from torch import Tensor

import pinnml as pm
from pinnml.loss import PinnObjective, disagreement
from pinnml.run import StallWarning
from pinnml.run.watching import has_stalled

MEASURED = np.linspace(0.1, 0.9, 9)


def flux() -> pm.Problem:
    """Return u″ = 2 between insulated ends: what flows in cannot flow out."""
    ends = pm.Derivative(u_x=0.0, on=["x=0", "x=1"])
    return string(conditions={"pde": pm.Interior(lambda u_xx: u_xx - 2), "ends": ends}, hard=set(), reference=None)


def measured() -> pm.Problem:
    """Return u″ = 0 with the data of a sine."""
    seen = pm.Data(at={"x": MEASURED}, u=np.sin(math.pi * MEASURED), sigma=0.1)
    ends = pm.Value(u=0.0, on=["x=0", "x=1"])
    return string(conditions={"pde": pm.Interior(lambda u_xx: u_xx), "seen": seen, "ends": ends}, reference=None)


def overdetermined() -> pm.Problem:
    """Return one slope with two values."""

    def slopes(u_x: Tensor) -> tuple[Tensor, Tensor]:
        return u_x - 1, u_x**3 - 8

    start = pm.Value(u=0.0, on="x=0")
    return string(conditions={"pde": pm.Interior(slopes), "start": start}, hard={"start"}, reference=None)


DISAGREEING = {
    "flux": (flux, "condition 'pde' and condition 'ends'|condition 'ends' and condition 'pde'"),
    "overdetermined": (overdetermined, "equation [12] of condition 'pde' and equation [12] of condition 'pde'"),
}


@pytest.mark.usefixtures("on_one_thread")
@pytest.mark.parametrize(("problem", "named"), DISAGREEING.values(), ids=DISAGREEING)
def test_parts_that_disagree_are_named(problem: Callable[[], pm.Problem], named: str) -> None:
    with pytest.warns(StallWarning, match=f"The loss falls no more: ({named}) pull against one another"):
        tiny(problem(), 40, solver=pm.LevenbergMarquardt())


@pytest.mark.usefixtures("on_one_thread")
def test_a_problem_that_can_be_solved_says_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = tiny(string(hard=set()), 40, solver=pm.LevenbergMarquardt())
    objective = PinnObjective(solution.problem, solution.run.discretisation)
    pulls = [gradient for _, gradient in objective.parts(solution.theta).values()]
    torch.testing.assert_close(sum(pulls), objective.at(solution.theta).grad)
    assert disagreement(objective, solution.theta) is None


@pytest.mark.usefixtures("on_one_thread")
def test_measured_values_are_never_met() -> None:
    """They have noise, and what is left of them is no contradiction."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution = tiny(measured(), 40, solver=pm.LevenbergMarquardt())
    assert has_stalled([row.loss for row in solution.history])


@pytest.mark.parametrize(
    ("losses", "stalled"),
    [
        ([1.0] * 6, True),
        ([1.0] * 4, False),
        ([4.0, 3.0, 2.0, 1.0, 0.9, 0.8, 0.7], False),
        ([1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 2e5], True),
        ([math.nan, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], True),
        ([math.nan] * 7, False),
    ],
)
def test_what_a_stall_is(losses: list[float], stalled: bool) -> None:
    assert has_stalled(losses) is stalled
