"""How a step or a run ended: a value with a sentence, never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from pinnml.objective import Counts, Iterate
from pinnml.optim.estimate import Estimate
from pinnml.optim.stop import Progress


class Status(Enum):
    """The outcome of a step or a run; the value is its sentence."""

    RUNNING = "The run goes on."
    STOPPED = "A stop that the user set was reached."
    NO_STEP = "No step has been taken."
    CONVERGED = "The gradient is zero."
    AT_ROUNDING = "The loss cannot be lowered further in this floating-point precision."
    SEARCH_FAILED = "No step along the search direction lowered the loss."
    NOT_FINITE = "The loss or its gradient is not finite."
    FINISHED = "Every phase has ended."
    INTERRUPTED = "The run was interrupted; the best iterate so far was kept."

    @property
    def success(self) -> bool:
        """Whether the run ended normally: at a stop, or where f cannot be lowered further."""
        return self in (Status.STOPPED, Status.CONVERGED, Status.AT_ROUNDING, Status.FINISHED)


@dataclass(frozen=True)
class Result:
    """The result of a run, with SciPy's names; what else a run goes on with is as in `Progress`."""

    status: Status
    message: str
    iterate: Iterate
    nit: int
    seconds: float
    counts: Counts
    state: Any
    estimate: Estimate | None = None
    exhausted: bool = False
    pending: bool = False
    unassessed: bool = False

    @property
    def success(self) -> bool:
        """Whether the run ended normally."""
        return self.status.success

    @property
    def progress(self) -> Progress:
        """The state of the run, from which it can be continued."""
        known = self.estimate, self.exhausted, self.pending, self.unassessed
        return Progress(self.nit, self.iterate, self.seconds, self.counts, self.state, *known)

    @property
    def nfev(self) -> int:
        """Evaluations of any kind, line searches included."""
        return self.counts.evaluations

    @property
    def ngev(self) -> int:
        """Evaluations of value and gradient, line searches included."""
        return self.counts.gradients


def interim(progress: Progress) -> Result:
    """Return a run that goes on as a result."""
    known = progress.estimate, progress.exhausted, progress.pending, progress.unassessed
    status, at = Status.RUNNING, (progress.iterate, progress.iteration, progress.seconds, progress.counts)
    return Result(status, status.value, *at, progress.state, *known)
