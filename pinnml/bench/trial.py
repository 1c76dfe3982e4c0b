"""What one run of a comparison has left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinnml.bench.plan import Job
from pinnml.objective import Counts
from pinnml.optim import Status
from pinnml.run import Solution
from pinnml.setup import HistoryRow


@dataclass(frozen=True)
class Trial:
    """A run's history and how it ended; `budget` [s] is what it was given, `seconds` what it took."""

    job: Job
    rows: Sequence[HistoryRow]
    status: Status
    message: str
    seconds: float
    counts: Counts
    budget: float
    parameters: int
    device: str

    @property
    def span(self) -> float:
        """Seconds up to which it is known what the user has: a solver that ended of itself leaves a result for good."""
        outside = (Status.STOPPED, Status.INTERRUPTED)
        return self.seconds if self.status in outside else max(self.budget, self.seconds)


def trial_of(solution: Solution, job: Job, budget: float) -> Trial:
    """Return the record of a solution."""
    result = solution.result
    return Trial(
        job=job,
        rows=tuple(solution.history),
        status=result.status,
        message=result.message,
        seconds=result.seconds,
        counts=result.counts,
        budget=budget,
        parameters=solution.network.parameters,
        device=solution.setup.device,
    )


def complete(runs: Sequence[Trial], problem: str, solver: str) -> list[Trial]:
    """Return the runs of a solver on a problem that were not interrupted, in their order."""
    chosen = [run for run in runs if (run.job.problem, run.job.solver) == (problem, solver)]
    return [run for run in chosen if run.status is not Status.INTERRUPTED]
