"""One solver where a trial of it shows that it is fast, another everywhere else."""

from __future__ import annotations

import math

import pytest
import torch
from shrinking import START, Shrinking, norm

from pinnml.objective import Meter, metered
from pinnml.optim import IfFast, Iterations, minimise, phase

FAST, SLOW = math.exp(-0.3), math.exp(-0.1)
"""Factors of θ with which ln ½‖θ‖² falls by 0.6 and by 0.2 a step."""


def test_the_first_solver_is_chosen_where_its_last_trial_step_gains_enough() -> None:
    for factor, expected in ((FAST, 0), (SLOW, 1)):
        objective = norm()
        solver = IfFast(Shrinking(factor), Shrinking(0.1), decrease=0.5)
        start = objective.at(START)
        fresh = solver.init(objective, start)
        assert phase(solver, fresh) == ()  # nothing is chosen yet
        following, state, _ = solver.step(objective, start, fresh)
        assert phase(solver, state) == (expected,)
        # what the trial reached is forgotten
        assert torch.equal(following.theta, (0.1 if expected else factor) * START)


def test_the_trial_is_made_once() -> None:
    meter = Meter()
    solver = IfFast(Shrinking(FAST), Shrinking(0.1), trial=4)
    result = minimise(metered(norm(), meter), START, solver, Iterations(5))
    # the start, and again for the trial with its four steps, then five steps
    assert meter.counts.gradients == 1 + 1 + 4 + 5
    assert phase(solver, result.state) == (0,) and result.state.inner == 5


def test_a_trial_that_ends_well_is_a_good_one() -> None:
    objective, first = norm(), Shrinking(SLOW, last=2)
    solver = IfFast(first, Shrinking(0.1))
    start = objective.at(START)
    _, state, _ = solver.step(objective, start, solver.init(objective, start))
    assert phase(solver, state) == (0,)


@pytest.mark.parametrize("factor", [FAST, SLOW])
def test_the_chosen_solver_is_told_of_renewed_points(factor: float) -> None:
    objective, first, otherwise = norm(), Shrinking(factor), Shrinking(0.1)
    solver, start = IfFast(first, otherwise), objective.at(START)
    state = solver.init(objective, start)
    assert solver.renewed(objective, start, state) == state
    iterate, state, _ = solver.step(objective, start, state)
    solver.renewed(objective, iterate, state)
    assert (first.seen, otherwise.seen) == ((1, 0) if factor == FAST else (0, 1))


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="trial"):
        IfFast(Shrinking(FAST), Shrinking(SLOW), trial=0)
    with pytest.raises(ValueError, match="share"):
        IfFast(Shrinking(FAST), Shrinking(SLOW), share=0.0)
