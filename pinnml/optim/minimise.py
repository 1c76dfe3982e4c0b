"""The one loop that drives every solver."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from pinnml.objective import AbstractObjective, BudgetSpentError, Counts, Iterate, counted
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Result, Status
from pinnml.optim.stop import Progress, Stop

Callback = Callable[[Progress], None]
Renew = Callable[[Progress], AbstractObjective | None]


def minimise(
    objective: AbstractObjective,
    start: Tensor | Iterate,
    solver: AbstractSolver,
    stop: Stop,
    *,
    state: Any = None,
    callback: Callback = lambda progress: None,
    renew: Renew = lambda progress: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """Lower f from a start until the solver or a stop says so, and return the last accepted iterate.

    `callback` is called with the `Progress` after every iteration, and before the first. `renew` may then return
    another objective to go on with, as when points are renewed; the solver is told by its `renewed`. A budget of
    seconds, work or evaluations also ends a step half way; that step is then dropped. So does an interrupt from the
    keyboard.
    """
    began = clock()
    budget = counted(objective, lambda counts: stop.spent(clock() - began, counts))
    if isinstance(start, Iterate):
        iterate = start
    else:
        # the start is always evaluated, whatever the budget, and counted
        iterate = objective.at(start.detach().clone())
        budget.counts = Counts(gradients=1, work=1.0)

    def progress(iteration: int) -> Progress:
        return Progress(iteration, iterate, clock() - began, budget.counts)

    def result(status: Status, nit: int, message: str | None = None) -> Result:
        return Result(status, message or status.value, iterate, nit, clock() - began, budget.counts, state)

    iteration = 0
    try:
        with objective.reserved():
            callback(progress(0))
            if not iterate.is_finite():
                return result(Status.NOT_FINITE, 0)
            if state is None:
                state = solver.init(budget, iterate)
            while (reason := stop.reason(progress(iteration))) is None:
                iterate, state, status = solver.step(budget, iterate, state)
                iteration += 1
                callback(progress(iteration))
                if status is not Status.RUNNING:
                    return result(status, iteration)
                if (following := renew(progress(iteration))) is not None:
                    budget.replace(following)
                    iterate = budget.at(iterate.theta)
                    state = solver.renewed(budget, iterate, state)
            return result(Status.STOPPED, iteration, reason)
    except BudgetSpentError:
        reason = stop.reason(progress(iteration))
        return result(Status.STOPPED, iteration, reason)
    except KeyboardInterrupt:
        return result(Status.INTERRUPTED, iteration)
