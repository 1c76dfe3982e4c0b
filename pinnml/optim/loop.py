"""The one loop that drives every solver."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, BudgetSpentError, Counts, Evaluation, Iterate, Meter, Watch, metered
from pinnml.optim.estimate import Estimate
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Result, Status
from pinnml.optim.stop import Progress, Stop

ATTEMPTS = 4
"""How often a step with evaluations that are not finite is tried before the run ends."""

STUCK = 5
"""After so many iterations in a row that evaluations which are not finite have brought to nothing, the run ends."""

Callback = Callable[[Progress], None]
"""What is called before the first iteration and after every one."""


@dataclass(frozen=True)
class Renewed:
    """Another objective to continue with, and θ (p′,) for it, which may have another length.

    With `sources` (p′,) it is the same function, of which θ has got new entries or lost some that did nothing: entry i
    was entry `sources[i]` before, or is new where that is −1. Solvers may then keep what they know of f.
    """

    objective: AbstractObjective
    theta: Tensor
    sources: Tensor | None = None


@dataclass(frozen=True)
class Finished:
    """Nothing more is to be gained, and why, in a sentence."""

    reason: str


Renew = Callable[[Progress], Renewed | Finished | None]
"""What may return another objective after an iteration, None where the present one stays."""

Assess = Callable[[Progress], Estimate | None]
"""What may estimate the error of an iterate, None where it does not."""


def minimise(
    objective: AbstractObjective,
    start: Tensor | Iterate | Progress,
    solver: AbstractSolver,
    stop: Stop,
    *,
    callback: Callback = lambda progress: None,
    renew: Renew = lambda progress: None,
    assess: Assess = lambda progress: None,
    counts: Counts = Counts(),  # noqa: B008  (frozen)
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """Lower f from a start until the solver or a stop says so, and return the last accepted iterate.

    From a `Progress` the run that it belongs to continues; stops then count the whole run. NaN and infinities never
    enter the iterate: a step that fails because of them is repeated, and ends the run only if that fails, too. The
    message says how many evaluations were not finite.

    Parameters
    ----------
    objective : AbstractObjective
        The function to lower.
    start : tensor (p,), Iterate or Progress
        Where to begin, or which run to continue.
    solver : AbstractSolver
        The method.
    stop : Stop
        When to end. A budget of seconds, work or evaluations can also end a step in the middle, which is then
        dropped; so can an interrupt from the keyboard. Seconds can end a long evaluation in the middle, too, where the
        objective asks (`watched`); what `assess` or `renew` was about is `pending` then.
    callback : callable, default none
        Called with the `Progress` before the first iteration and after every one.
    renew : callable, default never
        Called before the callback; may return another objective and θ to go on with, as when points are renewed or a
        network grows, and the solver's `renewed` is called then (`rearranged` where it says what entries of θ have
        become of), even where the solver had come to an end on the last one. It may also end the run.
    assess : callable, default never
        Called before that; may estimate the error of the iterate. Where that satisfies `stop`, or the budget is spent,
        nothing is renewed, and the result is `pending`.
    counts : Counts, default none
        What has been evaluated for a θ to start from before, such as by a rule.
    clock : callable, default time.perf_counter
        Seconds.

    Returns
    -------
    Result
        Status, message, iterate, counts and the solver's state.
    """
    began = clock()
    earlier = _earlier(objective, start, counts)
    iterate, state, iteration = earlier.iterate, earlier.state, earlier.iteration
    estimate, exhausted = earlier.estimate, earlier.exhausted
    pending, unassessed = earlier.pending, earlier.unassessed
    began -= earlier.seconds
    meter = Meter(lambda counts: stop.spent(clock() - began, counts), earlier.counts)
    budget = metered(objective, meter)

    def progress() -> Progress:
        known = estimate, exhausted, pending, unassessed
        return Progress(iteration, iterate, clock() - began, meter.counts, state, *known)

    def result(status: Status, message: str | None = None) -> Result:
        text, now = (message or status.value) + _faults(meter.faults), progress()
        known = now.estimate, now.exhausted, now.pending, now.unassessed
        return Result(status, text, now.iterate, now.iteration, now.seconds, now.counts, now.state, *known)

    def stopped() -> Result:
        now, reason = progress(), stop.reason(progress())
        has_moved = earlier.iteration > 0 or not torch.equal(now.iterate.theta, earlier.iterate.theta)
        if has_moved or stop.attained(now) or not now.iterate.grad.any():
            return result(Status.STOPPED, reason)
        return result(Status.NO_STEP, f"{reason} {Status.NO_STEP.value}")

    with objective.watched(Watch(meter.proceed, meter.add)):
        try:
            callback(progress())
            if not iterate.is_finite():
                return result(Status.NOT_FINITE)
            if state is None:
                state = solver.init(budget, iterate)
            status, in_vain = Status.FINISHED if exhausted else Status.RUNNING, 0
            while stop.reason(progress()) is None:
                if not pending:
                    iterate, state, status, spoilt = _stepped(budget, meter, solver, iterate, state)
                    iteration += 1
                    in_vain = in_vain + 1 if spoilt else 0
                    if in_vain >= STUCK:
                        status = Status.NOT_FINITE
                    exhausted = status is not Status.RUNNING
                    if status is Status.NOT_FINITE:
                        callback(progress())
                        return result(status)
                if unassessed or not pending:
                    unassessed, pending, estimate = True, True, None  # time may be up in the middle
                    estimate, unassessed = assess(progress()), False
                    pending = (estimate is not None and stop.satisfied(estimate)) or meter.is_spent
                    if pending:
                        callback(progress())
                        continue
                pending = True  # an interrupt from the keyboard may come
                following = renew(progress())
                if isinstance(following, Finished):  # and will be again, without a step, if somebody goes on
                    callback(progress())
                    return result(Status.FINISHED, following.reason)
                pending = False
                if isinstance(following, Renewed):
                    budget = metered(following.objective, meter)
                    with meter.unguarded():  # iterate and state belong together: whatever the budget, all of it is done
                        iterate = budget.at(following.theta)
                        state = _following(solver, budget, iterate, state, following.sources)
                    exhausted, estimate = False, None
                callback(progress())
                if exhausted:
                    return result(status)
            return stopped()
        except BudgetSpentError:
            return stopped()
        except KeyboardInterrupt:
            return result(Status.INTERRUPTED)


def _earlier(objective: AbstractObjective, start: Tensor | Iterate | Progress, counts: Counts) -> Progress:
    """Return the progress to start from; an unknown gradient is evaluated whatever the budget, and counted."""
    if isinstance(start, Progress):
        return start
    if isinstance(start, Iterate) and start.gradient is not None:
        return Progress(0, start, 0.0, counts)
    theta = start.theta if isinstance(start, Iterate) else start.detach().clone()
    counts = counts + Counts(gradients=1, work=objective.cost(Evaluation.GRADIENT))
    return Progress(0, objective.at(theta), 0.0, counts)


def _following(
    solver: AbstractSolver, budget: AbstractObjective, iterate: Iterate, state: Any, sources: Tensor | None
) -> Any:
    """Return the state to go on with on another objective."""
    if sources is None:
        return solver.renewed(budget, iterate, state)
    return solver.rearranged(budget, iterate, state, sources)


def _stepped(
    budget: AbstractObjective, meter: Meter, solver: AbstractSolver, iterate: Iterate, state: Any
) -> tuple[Iterate, Any, Status, bool]:
    """Take one step; where evaluations in it were not finite, and it fails or ends the run where it was, repeat it.

    The last attempt begins with a fresh state. If that fails, too, iterate and state come back as they were. Whether
    the step has led nowhere because of such evaluations is told beside.
    """
    for attempt in range(ATTEMPTS):
        faults = meter.faults
        start = state if attempt + 1 < ATTEMPTS else solver.init(budget, iterate)
        following, after, status = solver.step(budget, iterate, start)
        following = following.with_gradient(budget)
        is_finite = following.is_finite()
        if status is Status.SEARCH_FAILED and not following.grad.any():  # there is nothing to search
            status = Status.CONVERGED
        if meter.faults == faults:  # a fault of the solver's own would come again
            return (following, after, status, False) if is_finite else (iterate, state, Status.NOT_FINITE, False)
        has_moved = is_finite and not torch.equal(following.theta, iterate.theta)
        if has_moved or (is_finite and status is Status.RUNNING):
            return following, after, status, not has_moved
    return iterate, state, Status.NOT_FINITE, True


def _faults(count: int) -> str:
    return f" Evaluations that were not finite and left out: {count}." if count else ""
