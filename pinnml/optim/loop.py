"""The one loop that drives every solver."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from pinnml.objective import AbstractObjective, BudgetSpentError, Counted, Counts, Iterate, counted, evaluated
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Result, Status
from pinnml.optim.stop import Progress, Stop

ATTEMPTS = 4
"""How often a step is taken where evaluations within it are not finite, before that ends the run."""

Callback = Callable[[Progress], None]
Renew = Callable[[Progress], AbstractObjective | None]


def minimise(
    objective: AbstractObjective,
    start: Tensor | Iterate | Progress,
    solver: AbstractSolver,
    stop: Stop,
    *,
    callback: Callback = lambda progress: None,
    renew: Renew = lambda progress: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """Lower f from a start until the solver or a stop says so, and return the last accepted iterate.

    From a `Progress` the run that it belongs to goes on; stops then count what it has had. After every iteration
    `renew` may return another objective to go on with, as when points are renewed, of which the solver is told by its
    `renewed`; then `callback` is called with the `Progress`, and before the first iteration, too. A budget of seconds,
    work or evaluations also ends a step half way; that step is then dropped. So does an interrupt from the keyboard.
    NaN and infinities never enter the iterate: a step that came to nothing because of them is taken again, and ends the
    run only where that does not help; the message says how many evaluations were not finite.
    """
    began = clock()
    earlier = _earlier(objective, start)
    iterate, state, iteration = earlier.iterate, earlier.state, earlier.iteration
    began -= earlier.seconds
    budget = counted(objective, lambda counts: stop.spent(clock() - began, counts))
    budget.counts = earlier.counts

    def progress() -> Progress:
        return Progress(iteration, iterate, clock() - began, budget.counts, state)

    def result(status: Status, message: str | None = None) -> Result:
        told = (message or status.value) + _faults(budget.faults)
        return Result(status, told, iterate, iteration, clock() - began, budget.counts, state)

    try:
        with objective.reserved():
            callback(progress())
            if not iterate.is_finite():
                return result(Status.NOT_FINITE)
            if state is None:
                state = solver.init(budget, iterate)
            while (reason := stop.reason(progress())) is None:
                iterate, state, status = _stepped(budget, solver, iterate, state)
                iteration += 1
                if status is Status.RUNNING and (following := renew(progress())) is not None:
                    iterate, state = _renewed(budget, following, solver, progress())
                callback(progress())
                if status is not Status.RUNNING:
                    return result(status)
            return result(Status.STOPPED, reason)
    except BudgetSpentError:
        return result(Status.STOPPED, stop.reason(progress()))
    except KeyboardInterrupt:
        return result(Status.INTERRUPTED)


def _earlier(objective: AbstractObjective, start: Tensor | Iterate | Progress) -> Progress:
    """Return what the run has had before; a bare θ is always evaluated, whatever the budget, and counted."""
    if isinstance(start, Progress):
        return start
    if isinstance(start, Iterate):
        return Progress(0, start, 0.0, Counts())
    return Progress(0, objective.at(start.detach().clone()), 0.0, Counts(gradients=1, work=1.0))


def _stepped(budget: Counted, solver: AbstractSolver, iterate: Iterate, state: Any) -> tuple[Iterate, Any, Status]:
    """Take one step; where it came to nothing and evaluations in it were not finite, take it again.

    The last attempt begins with a fresh state. If that fails, too, iterate and state come back as they were.
    """
    status = Status.NOT_FINITE
    for attempt in range(ATTEMPTS):
        faults = budget.faults
        start = state if attempt + 1 < ATTEMPTS else solver.init(budget, iterate)
        following, after, ended = solver.step(budget, iterate, start)
        status = ended if following.is_finite() else Status.NOT_FINITE
        if status not in (Status.NOT_FINITE, Status.SEARCH_FAILED) or budget.faults == faults:
            return (iterate, state, status) if status is Status.NOT_FINITE else (following, after, status)
    return iterate, state, status


def _faults(count: int) -> str:
    return f" Evaluations that were not finite and left out: {count}." if count else ""


def _renewed(
    budget: Counted, following: AbstractObjective, solver: AbstractSolver, progress: Progress
) -> tuple[Iterate, Any]:
    """Return the iterate and the solver's state for another objective.

    They belong together, and to its points: whatever the budget, all of it is done.
    """
    budget.replace(following)
    with budget.unguarded():
        iterate = evaluated(budget.at, progress.iterate.theta)
        return iterate, solver.renewed(budget, iterate, progress.state)
