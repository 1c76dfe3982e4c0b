"""One solver until it falls behind, then another."""

from __future__ import annotations

import math

import pytest
from shrinking import START, Shrinking, norm

from pinnml.optim import Handover, Iterations, Status, Switching, minimise, phase


def phases(solver: Switching, steps: int) -> list[bool]:
    """Whether the second solver is at work, after each step."""
    objective, found = norm(), []
    iterate = objective.at(START)
    state = solver.init(objective, iterate)
    for _ in range(steps):
        iterate, state, _ = solver.step(objective, iterate, state)
        found.append(phase(solver, state) == (1,))
    return found


def test_the_first_solver_goes_on_while_it_is_fast() -> None:
    fast = math.exp(-0.2)  # ln f falls by 0.4 a step
    assert phases(Handover(Shrinking(fast), Shrinking(0.1), decrease=0.3, window=3), 6) == [False] * 6


def test_it_is_handed_over_after_a_whole_window_of_slow_steps() -> None:
    slow = math.exp(-0.1)  # ln f falls by 0.2 a step
    solver = Handover(Shrinking(slow), Shrinking(0.1), decrease=0.3, window=3)
    assert phases(solver, 5) == [False, False, True, True, True]


def test_a_first_solver_that_ends_hands_over_and_the_second_ends_the_run() -> None:
    solver = Handover(Shrinking(0.5, last=2), Shrinking(0.1, last=3))
    result = minimise(norm(), START, solver, Iterations(50))
    assert result.nit == 5 and result.status is Status.AT_ROUNDING
    assert result.iterate.theta == pytest.approx(START * 0.5**2 * 0.1**3)


def test_renewed_points_do_not_count_as_a_step_and_the_solver_at_work_is_told() -> None:
    first, second = Shrinking(0.5), Shrinking(0.1)
    solver, objective = Handover(first, second, window=1), norm()
    iterate = objective.at(START)
    state = solver.init(objective, iterate)
    iterate, state, _ = solver.step(objective, iterate, state)
    # the renewed objective is a million times higher: the next step is measured against that
    state = solver.renewed(objective, objective.at(1e3 * iterate.theta), state)
    iterate, state, _ = solver.step(objective, objective.at(1e3 * iterate.theta), state)
    assert phase(solver, state) == (0,) and (first.seen, second.seen) == (1, 0)


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="steps is 0; where: WhileFalling"):
        Handover(Shrinking(0.5), Shrinking(0.1), window=0)
