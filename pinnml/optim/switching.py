"""One solver until a rule says so, then another."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import field, replace
from typing import Annotated, Any

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, BudgetSpentError, Counts, Iterate, Meter, ShareOfPoints, metered
from pinnml.optim.solver import AbstractSolver, Component
from pinnml.optim.status import Status
from pinnml.optim.stop import Progress, Stop
from pinnml.settings import UNKEPT, Between, Count, record, setting


@record
class SwitchingState:
    """The solver under way by its number, None before the choice of the first; what it has had; and its state.

    `decreases` are ln f before minus ln f after each of its last steps.
    """

    phase: int | None
    steps: int = 0
    seconds: float = 0.0
    counts: Counts = Counts()
    decreases: tuple[float, ...] = ()
    inner: Any = None


class AbstractRule(ABC):
    """When a switching solver goes over from one of its solvers to another, and when it ends."""

    def first(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int | None:
        """Return the number of the solver to begin with, None to choose it in the first step by `chosen`."""
        return 0

    def chosen(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int:
        """Return the number of the solver to begin with, at the price of evaluations."""
        return 0

    def stop(self, phase: int) -> Stop | None:
        """Return the stop of a solver, whose budget holds within its steps, too; None where it has none."""
        return None

    @property
    def window(self) -> int:
        """How many of the last steps' decreases the rule wants to know."""
        return 0

    @abstractmethod
    def is_over(self, state: SwitchingState, status: Status) -> bool:
        """Return whether the solver under way, which is not the last, has had its turn after a step."""


@setting
class UntilStops(AbstractRule):
    """Each solver until its own stop, or until it ends by itself."""

    stops: tuple[Stop | None, ...]

    def stop(self, phase: int) -> Stop | None:
        """Return the stop of that number."""
        return self.stops[phase]

    def is_over(self, state: SwitchingState, status: Status) -> bool:
        """Return whether the solver has ended; its stop is looked at elsewhere."""
        return status is not Status.RUNNING


@setting
class WhileFalling(AbstractRule):
    """The first solver until its last `window` steps lowered ln f by less than `decrease` each on average."""

    decrease: float = 0.3
    steps: Count = 4

    @property
    def window(self) -> int:
        """`steps`."""
        return self.steps

    def is_over(self, state: SwitchingState, status: Status) -> bool:
        """Compare what the last steps have gained; a solver that has ended hands over, too."""
        slow = len(state.decreases) == self.steps and sum(state.decreases) < self.steps * self.decrease
        return slow or status is not Status.RUNNING


@setting
class AfterTrial(AbstractRule):
    """The first solver if the last one of `trial` steps lowers ln f by at least `decrease`, else the second.

    The trial is made once, from the first iterate, on a `share` of the points, and forgotten: whichever is chosen
    begins where the trial began.
    """

    trial: Count = 3
    decrease: float = 0.5
    share: Annotated[float, Between(0, 1, (False, True))] = 0.25

    def first(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int | None:
        """Choose nothing yet."""
        return None

    def chosen(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int:
        """Make the trial; a solver that ends within it has nothing left to do, or cannot go on."""
        coarse = objective.coarse(ShareOfPoints(self.share)) if self.share < 1 else None
        fewer = objective if coarse is None else coarse.objective
        iterate, gained = fewer.at(iterate.theta), 0.0
        state = solvers[0].init(fewer, iterate)
        for _ in range(self.trial):
            following, state, status = solvers[0].step(fewer, iterate, state)
            if status is not Status.RUNNING:
                return 0 if status.success else 1
            following = following.with_gradient(fewer)
            gained, iterate = log_decrease(iterate, following), following
        return 0 if gained >= self.decrease else 1

    def is_over(self, state: SwitchingState, status: Status) -> bool:
        """Return False: the choice is made for good."""
        return False


@setting
class Switching(AbstractSolver):
    """Several solvers, one at a time, in an order that a rule decides by what steps have gained, or by stops.

    Named rules of it are `Sequential`, `Handover` and `IfFast`. A limit of seconds, work or evaluations that a rule
    sets holds like that of a run: the step under way is dropped.

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
        """Return all solvers; the one under way is at work."""
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
        """Tell the solver under way."""
        if state.phase is None:
            return state
        return replace(state, inner=self.solvers[state.phase].renewed(objective, iterate, state.inner))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: SwitchingState
    ) -> tuple[Iterate, SwitchingState, Status]:
        """Take one step of the solver under way, and begin with the next where its turn has ended."""
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
        """Take one step within the solver's budget; STOPPED says that the budget ended it half way."""
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


def log_decrease(before: Iterate, after: Iterate) -> float:
    """Return ln f before minus ln f after a step, ∞ where f is zero afterwards, 0 where it is not finite."""
    f, lower = float(before.f), float(after.f)
    if not math.isfinite(f + lower):
        return 0.0
    return math.log(f / lower) if f > 0 and lower > 0 else math.inf


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

    It is handed over, too, when `first` ends. What a step gains is measured within the step, so that neither renewed
    points nor the speed of the machine decide: a run repeats to the bit.

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

    What counts is what steps gain, not the time that they take: a run repeats to the bit.

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
