"""The rules for when a switching solver moves on to its next solver."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any

from pinnml.objective import AbstractObjective, Counts, Iterate, ShareOfPoints
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.optim.stop import Stop
from pinnml.settings import Between, Count, record, setting


@record
class SwitchingState:
    """The number of the active solver (None before one is chosen), what it has used so far, and its state.

    `decreases` are ln f before minus ln f after each of its last steps.
    """

    phase: int | None
    steps: int = 0
    seconds: float = 0.0
    counts: Counts = Counts()
    decreases: tuple[float, ...] = ()
    inner: Any = None


class AbstractRule(ABC):
    """A rule for when a switching solver moves on to its next solver."""

    def first(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int | None:
        """Return the number of the solver to begin with, None to choose it in the first step by `chosen`."""
        return 0

    def chosen(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int:
        """Return the number of the solver to begin with; may evaluate the objective."""
        return 0

    def stop(self, phase: int) -> Stop | None:
        """Return the stop of a solver, None where it has none; its budget holds within steps, too."""
        return None

    @property
    def window(self) -> int:
        """How many of the last decreases the rule needs."""
        return 0

    @abstractmethod
    def is_over(self, state: SwitchingState, status: Status) -> bool:
        """Return after a step whether the next solver takes over; never asked of the last one."""


@setting
class UntilStops(AbstractRule):
    """Each solver runs until its stop is reached or it ends.

    Parameters
    ----------
    stops : tuple of Stop or None
        One for each solver; None for a solver that goes on until it ends.
    """

    stops: tuple[Stop | None, ...]

    def stop(self, phase: int) -> Stop | None:
        """Return the stop of that number."""
        return self.stops[phase]

    def is_over(self, state: SwitchingState, status: Status) -> bool:
        """Return whether the solver has ended; `Switching` checks its stop."""
        return status is not Status.RUNNING


@setting
class WhileFalling(AbstractRule):
    """The first solver until its last `window` steps lowered ln f by less than `decrease` each on average.

    Parameters
    ----------
    decrease : float, default 0.3
        A fall of ln f a step (dimensionless).
    steps : int, default 4
        How many steps are averaged, at least 1.
    """

    decrease: float = 0.3
    steps: Count = 4

    @property
    def window(self) -> int:
        """`steps`."""
        return self.steps

    def is_over(self, state: SwitchingState, status: Status) -> bool:
        """Return whether the last decreases were small, or the solver has ended."""
        slow = len(state.decreases) == self.steps and sum(state.decreases) < self.steps * self.decrease
        return slow or status is not Status.RUNNING


@setting
class AfterTrial(AbstractRule):
    """The first solver if the last one of `trial` steps lowers ln f by at least `decrease`, else the second.

    The trial is made once, from the first iterate, on a `share` of the points. Its result is discarded: the chosen
    solver begins where the trial began.

    Parameters
    ----------
    trial : int, default 3
        Steps of the trial, at least 1.
    decrease : float, default 0.5
        A fall of ln f (dimensionless).
    share : float, default 0.25
        The share of the points that the trial is made on (dimensionless), above 0 up to 1.
    """

    trial: Count = 3
    decrease: float = 0.5
    share: Annotated[float, Between(0, 1, (False, True))] = 0.25

    def first(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int | None:
        """Return None: the choice needs a trial."""
        return None

    def chosen(self, objective: AbstractObjective, iterate: Iterate, solvers: tuple[AbstractSolver, ...]) -> int:
        """Make the trial; if the first solver ends within it, its status decides."""
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


def log_decrease(before: Iterate, after: Iterate) -> float:
    """Return ln f before minus ln f after a step, ∞ where f is zero afterwards, 0 where it is not finite."""
    f, lower = before.value, after.value
    if not math.isfinite(f + lower):
        return 0.0
    return math.log(f / lower) if f > 0 and lower > 0 else math.inf
