"""When to stop: limits that combine with `|`, as in `Seconds(60) | Loss(1e-10)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any

from pinnml.objective import Counts, Iterate
from pinnml.optim.estimate import Estimate
from pinnml.settings import Above, AtLeast, record, setting

__all__ = [
    "Accuracy",
    "AnyOf",
    "Evaluations",
    "GradientNorm",
    "Iterations",
    "Loss",
    "Progress",
    "Seconds",
    "Stop",
    "Work",
]


@record
class Progress:
    """What callbacks and stops see after every iteration; enough to continue the run.

    Iterations, seconds and counts are those of the whole run, pauses left out; `state` is the solver's, None before it
    has one. Iteration 0 is the start. `estimate` is what is known of the iterate's error, None where nothing is, and
    `exhausted` says that the solver cannot lower f any further. `pending` is true where the budget was spent before a
    renewal that would have followed; whoever goes on begins with it, or with its estimate where that is `unassessed`.
    """

    iteration: int
    iterate: Iterate
    seconds: float
    counts: Counts
    state: Any = None
    estimate: Estimate | None = None
    exhausted: bool = False
    pending: bool = False
    unassessed: bool = False


class Stop(ABC):
    """A rule for when a run ends; `a | b` stops at whichever is reached first."""

    @abstractmethod
    def reason(self, progress: Progress) -> str | None:
        """Return a sentence if the limit is reached after an iteration, else None."""

    def attained(self, progress: Progress) -> bool:
        """Return whether what the run is for is there; not so for a budget, at whose end there may be nothing."""
        return self.reason(progress) is not None

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Return whether the budget is used up; checked before every evaluation, also within line searches."""
        return False

    def satisfied(self, estimate: Estimate) -> bool:
        """Return whether an error estimated so ends the run; nothing is refined then."""
        return False

    def __or__(self, other: Stop) -> Stop:
        return AnyOf((self, other))


@setting
class AnyOf(Stop):
    """Stops when any of its limits is reached.

    Parameters
    ----------
    stops : tuple of Stop
        The limits.
    """

    stops: tuple[Stop, ...]

    def reason(self, progress: Progress) -> str | None:
        """Return the first reason found."""
        return next((reason for stop in self.stops if (reason := stop.reason(progress)) is not None), None)

    def attained(self, progress: Progress) -> bool:
        """Return whether what any of them asks for is there."""
        return any(stop.attained(progress) for stop in self.stops)

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Return whether any budget is spent."""
        return any(stop.spent(seconds, counts) for stop in self.stops)

    def satisfied(self, estimate: Estimate) -> bool:
        """Return whether any stop is satisfied."""
        return any(stop.satisfied(estimate) for stop in self.stops)


@setting
class Limit(Stop):
    """A number that must not be negative."""

    limit: Annotated[float, AtLeast(0)]


class Budget(Limit):
    """A limit of what a run may cost."""

    def attained(self, progress: Progress) -> bool:
        """Return False."""
        return False


@setting
class Seconds(Budget):
    """Wall-clock seconds; no evaluation is begun after them.

    Parameters
    ----------
    limit : float
        Wall time [s], at least 0.
    """

    def reason(self, progress: Progress) -> str | None:
        """Compare the time since the start."""
        return f"The time limit of {self.limit:g} s was reached." if self.spent(progress.seconds, Counts()) else None

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Compare the time since the start."""
        return seconds >= self.limit


@setting
class Work(Budget):
    """Work units (one is one loss and gradient of the whole network on all points); never exceeded by a whole one.

    Parameters
    ----------
    limit : float
        Work units, at least 0.
    """

    def reason(self, progress: Progress) -> str | None:
        """Compare the work done."""
        return f"The limit of {self.limit:g} work units was reached." if self.spent(0, progress.counts) else None

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Compare the work done."""
        # thirds of a unit add up with rounding
        return counts.work >= self.limit - 1e-9


@setting
class Evaluations(Budget):
    """Evaluations of any kind, line searches included; never exceeded.

    Parameters
    ----------
    limit : float
        How many, at least 0.
    """

    def reason(self, progress: Progress) -> str | None:
        """Compare the count."""
        return f"The limit of {self.limit:g} evaluations was reached." if self.spent(0, progress.counts) else None

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Compare the count."""
        return counts.evaluations >= self.limit


@setting
class Iterations(Budget):
    """Iterations of the outer solver.

    Parameters
    ----------
    limit : float
        How many, at least 0.
    """

    def reason(self, progress: Progress) -> str | None:
        """Compare the count."""
        reached = progress.iteration >= self.limit
        return f"The limit of {self.limit:g} iterations was reached." if reached else None


@setting
class Loss(Limit):
    """A loss f at or below a value.

    Parameters
    ----------
    limit : float
        f = ½‖r‖² (dimensionless), at least 0.
    """

    def reason(self, progress: Progress) -> str | None:
        """Compare f."""
        return f"The loss fell to {self.limit:g}." if progress.iterate.value <= self.limit else None


@setting
class GradientNorm(Limit):
    """A Euclidean norm ‖∇f‖ at or below a value.

    Parameters
    ----------
    limit : float
        ‖∇f‖ (dimensionless), at least 0.
    """

    def reason(self, progress: Progress) -> str | None:
        """Compare the norm."""
        reached = progress.iterate.norm <= self.limit
        return f"The gradient's norm fell to {self.limit:g}." if reached else None


@setting
class Accuracy(Stop):
    """A trustworthy estimate of the relative L² error at or below a value, for every field.

    It needs a rule that estimates errors, such as `Readouts`; alone it ends no run that has none.

    Parameters
    ----------
    limit : float
        ‖u − u*‖/‖u*‖ (dimensionless), above 0.
    """

    limit: Annotated[float, Above(0)]

    def reason(self, progress: Progress) -> str | None:
        """Compare the estimate of the last iterate."""
        if progress.estimate is None or not self.satisfied(progress.estimate):
            return None
        return f"The estimated error, {progress.estimate.largest:.1e}, is below {self.limit:g}."

    def satisfied(self, estimate: Estimate) -> bool:
        """Compare the largest error of all fields, where the estimate is to be trusted."""
        return estimate.trustworthy and estimate.largest <= self.limit
