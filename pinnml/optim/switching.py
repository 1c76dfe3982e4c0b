"""One solver until a rule says so, then another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field, replace
from typing import Any

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, BudgetSpentError, Counts, Iterate, Meter, metered
from pinnml.optim.rules import AbstractRule, AfterTrial, SwitchingState, UntilStops, WhileFalling, log_decrease
from pinnml.optim.solver import AbstractSolver, Component
from pinnml.optim.status import Status
from pinnml.optim.stop import Progress, Stop
from pinnml.settings import UNKEPT, setting


@setting
class Switching(AbstractSolver):
    """Several solvers, one at a time; a rule decides when the next one takes over, by the decrease of f or by stops.

    Named rules of it are `Sequential`, `Handover` and `IfFast`. A limit of seconds, work or evaluations that a rule
    sets holds like that of a run: the step in progress is dropped.

    Parameters
    ----------
    solvers : tuple of AbstractSolver
        At least one.
    rule : AbstractRule
        Which solver begins, and when the next one takes over.
    clock : callable, default time.perf_counter
        Seconds.
    """

    solvers: tuple[AbstractSolver, ...]
    rule: AbstractRule
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False, metadata=UNKEPT)

    def parts(self, state: SwitchingState | None) -> tuple[Component, ...]:
        """Return all solvers; the active one is at work."""
        at_work = None if state is None else state.phase
        inner = None if state is None else state.inner
        return tuple(
            Component(solver, inner if number == at_work else None, number == at_work)
            for number, solver in enumerate(self.solvers)
        )

    def init(self, objective: AbstractObjective, iterate: Iterate) -> SwitchingState:
        """Return the first solver's start, or no choice yet."""
        first = self.rule.first(objective, iterate, self.solvers)
        return SwitchingState(None) if first is None else self._begin(first, objective, iterate)[1]

    def _begin(self, phase: int, objective: AbstractObjective, iterate: Iterate) -> tuple[Iterate, SwitchingState]:
        solver = self.solvers[phase]
        iterate = iterate.with_gradient(objective) if solver.needs_gradient else iterate
        return iterate, SwitchingState(phase, inner=solver.init(objective, iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: SwitchingState) -> SwitchingState:
        """Renew the state of the active solver."""
        if state.phase is None:
            return state
        return replace(state, inner=self.solvers[state.phase].renewed(objective, iterate, state.inner))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: SwitchingState, sources: Tensor
    ) -> SwitchingState:
        """Rearrange the state of the active solver."""
        if state.phase is None:
            return state
        inner = self.solvers[state.phase].rearranged(objective, iterate, state.inner, sources)
        return replace(state, inner=inner)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: SwitchingState
    ) -> tuple[Iterate, SwitchingState, Status]:
        """Take one step of the active solver, and start the next solver if its turn has ended."""
        if state.phase is None:
            chosen = self.rule.chosen(objective, iterate, self.solvers)
            iterate, state = self._begin(chosen, objective, iterate)
        # a stop may be reached before a solver's first step
        while self._is_stopped(iterate, state):
            if self._is_last(state):
                return iterate, state, Status.FINISHED
            iterate, state = self._begin(_number(state) + 1, objective, iterate)
        iterate, state, status = self._stepped(objective, iterate, state)
        stopped = status is Status.RUNNING and self._is_stopped(iterate, state)
        if self._is_last(state) or not (stopped or self.rule.is_over(state, status)):
            ended = stopped or status is Status.STOPPED
            return iterate, state, Status.FINISHED if ended else status
        iterate, state = self._begin(_number(state) + 1, objective, iterate)
        return iterate, state, Status.RUNNING

    def _is_last(self, state: SwitchingState) -> bool:
        return _number(state) + 1 == len(self.solvers)

    def _is_stopped(self, iterate: Iterate, state: SwitchingState) -> bool:
        stop = self.rule.stop(_number(state))
        return stop is not None and stop.reason(Progress(state.steps, iterate, state.seconds, state.counts)) is not None

    def _stepped(
        self, objective: AbstractObjective, iterate: Iterate, state: SwitchingState
    ) -> tuple[Iterate, SwitchingState, Status]:
        """Take one step within the solver's budget; STOPPED means that the budget ran out in the middle of the step."""
        number = _number(state)
        solver, stop = self.solvers[number], self.rule.stop(number)
        if stop is None:
            following, inner, status = solver.step(objective, iterate, state.inner)
            return following, self._after(state, iterate, following, objective, inner), status
        began = self.clock()

        def had() -> tuple[float, Counts]:
            return state.seconds + self.clock() - began, state.counts + meter.counts

        meter = Meter(lambda counts: stop.spent(*had()))
        try:
            following, inner, status = solver.step(metered(objective, meter), iterate, state.inner)
            following = following.with_gradient(metered(objective, meter))  # which the stop may want to see
        except BudgetSpentError:
            seconds, counts = had()
            if not stop.spent(seconds, counts):
                raise  # it is the whole run's budget that is spent
            return iterate, replace(state, seconds=seconds, counts=counts), Status.STOPPED
        seconds, counts = had()
        after = self._after(state, iterate, following, objective, inner)
        return following, replace(after, seconds=seconds, counts=counts), status

    def _after(
        self, state: SwitchingState, before: Iterate, after: Iterate, objective: AbstractObjective, inner: Any
    ) -> SwitchingState:
        """Return the state after a step, with what it has gained."""
        window = self.rule.window
        decreases = (*state.decreases, log_decrease(before, after))[-window:] if window else ()
        return replace(state, steps=state.steps + 1, decreases=decreases, inner=inner)


def _number(state: SwitchingState) -> int:
    assert state.phase is not None, "a solver is chosen before its first step"
    return state.phase


def Sequential(  # noqa: N802 — a named rule, as a constructor
    *phases: tuple[AbstractSolver, Stop] | AbstractSolver, clock: Callable[[], float] = time.perf_counter
) -> Switching:
    """Return phases `(solver, stop)` in a row: `Sequential((Adam(), Iterations(500)), LBFGS())`.

    A phase ends at its stop, or when its solver ends; the run ends with the last phase.

    Parameters
    ----------
    *phases : pairs of AbstractSolver and Stop
        The last one may go without a stop.
    clock : callable, default time.perf_counter
        Seconds.

    Returns
    -------
    Switching

    Raises
    ------
    DeclarationError
        For no phase, a phase that is no pair, or a phase but the last without a stop.
    """
    if not phases:
        raise DeclarationError("There is no phase", "Sequential", "give (solver, stop) pairs and a last solver")
    pairs = [(phase, None) if isinstance(phase, AbstractSolver) else phase for phase in phases]
    for number, pair in enumerate(pairs, 1):
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], AbstractSolver)):
            raise DeclarationError(f"{pair!r} is no phase", "Sequential", "give pairs (solver, stop)")
        if not isinstance(pair[1], Stop) and (pair[1] is not None or number < len(pairs)):
            raise DeclarationError(f"{pair[0]} has no stop", "Sequential", "give (solver, stop) for all but the last")
    return Switching(tuple(pair[0] for pair in pairs), UntilStops(tuple(pair[1] for pair in pairs)), clock)


def Handover(  # noqa: N802 — a named rule, as a constructor
    first: AbstractSolver, second: AbstractSolver, decrease: float = 0.3, window: int = 4
) -> Switching:
    """Return `first` until its last `window` steps lowered ln f by less than `decrease` each on average, then `second`.

    `second` also takes over when `first` ends. The decrease is measured within each step, so that neither renewed
    points nor the speed of the machine matter: a run repeats to the bit.

    Parameters
    ----------
    first, second : AbstractSolver
        The solvers.
    decrease : float, default 0.3
        A fall of ln f a step (dimensionless).
    window : int, default 4
        How many steps are averaged, at least 1.

    Returns
    -------
    Switching
    """
    return Switching((first, second), WhileFalling(decrease, window))


def IfFast(  # noqa: N802 — a named rule, as a constructor
    first: AbstractSolver, otherwise: AbstractSolver, trial: int = 3, decrease: float = 0.5, share: float = 0.25
) -> Switching:
    """Return `first` if the last one of `trial` steps lowers ln f by at least `decrease`, else `otherwise`.

    Only the decrease counts, not the time that steps take: a run repeats to the bit.

    Parameters
    ----------
    first, otherwise : AbstractSolver
        The solvers.
    trial : int, default 3
        Steps of the trial, at least 1.
    decrease : float, default 0.5
        A fall of ln f (dimensionless).
    share : float, default 0.25
        The share of the points that the trial is made on, above 0 up to 1.

    Returns
    -------
    Switching
    """
    return Switching((first, otherwise), AfterTrial(trial, decrease, share))
