"""The history of a run in progress, and its checkpoints."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from pinnml.approximation import Scorer, parameters_at
from pinnml.errors import Finding, finite, sentence
from pinnml.io.checkpoint import CheckpointWarning, UnsavedWarning, left_out, write_checkpoint
from pinnml.network import AbstractNetwork
from pinnml.optim import AbstractSolver, Estimate, Progress, Result, interim
from pinnml.optim import phase as phase_of
from pinnml.problem import Problem
from pinnml.run.output import written
from pinnml.run.solution import Solution
from pinnml.setup import HistoryRow, Run

SCORING_SHARE = 0.01
"""At most about this share of a run is spent on comparing with the reference for the history."""


Best = tuple[AbstractNetwork, Tensor, Estimate | None]
"""The best approximation so far: its network, θ, and what is known of its error."""


class History:
    """Turns progress into rows, scoring against the reference now and then."""

    def __init__(
        self,
        problem: Problem,
        callback: Callable[[HistoryRow], None],
        earlier: list[HistoryRow],
    ) -> None:
        self._scorer = Scorer(problem, problem.reference) if problem.reference is not None else None
        self._problem = problem
        self._callback = callback
        self._due = 0.0
        self.rows = earlier

    @property
    def findings(self) -> list[Finding]:
        """What is suspicious of the reference."""
        return [] if self._scorer is None else self._scorer.findings

    def __call__(self, progress: Progress, best: Best, neurons: int) -> None:
        if self.rows and progress.iteration <= self.rows[-1].iteration:
            return  # where a run goes on
        iterate = progress.iterate
        row = HistoryRow(
            progress.iteration,
            progress.seconds,
            progress.counts.work,
            float(iterate.f),
            float(iterate.grad.norm()),
            progress.counts.evaluations,
            self._score(progress, best),
            None if best[2] is None else best[2].largest,
            neurons,
            parameters_at(self._problem, best[1]),
        )
        self.rows.append(row)
        self._callback(row)

    def finish(self, result: Result, best: Best, neurons: int) -> None:
        """Score the last iterate, so that the history ends with the error that the solution has, and its estimate."""
        self(result.progress, best, neurons)  # an interrupt may have come between a step and its row
        if best[2] is not None:
            self.rows[-1] = replace(self.rows[-1], estimate=best[2].largest)
        if self._scorer is not None and self.rows[-1].relative_l2 is None:
            error = self._scorer.relative_l2(best[0], best[1])
            self.rows[-1] = replace(self.rows[-1], relative_l2=finite(error))

    def _score(self, progress: Progress, best: Best) -> float | None:
        if self._scorer is None or progress.seconds < self._due:
            return None
        began = time.perf_counter()
        error = self._scorer.relative_l2(best[0], best[1])
        self._due = progress.seconds + (time.perf_counter() - began) / SCORING_SHARE
        return finite(error)


class Keeper:
    """The callback that writes a checkpoint at the start, every so many seconds, and at every change of phase.

    A checkpoint that cannot be written, and a solver state that it cannot hold, are reported once; the run continues.
    """

    def __init__(self, folder: Path, every: float, solver: AbstractSolver) -> None:
        self.folder = folder
        self._every = every
        self._solver = solver
        self._due = 0.0
        self._phase: tuple[int, ...] | None = None
        self._told = False
        self._complained = False

    def __call__(self, progress: Progress, snapshot: Callable[[Result], Run]) -> None:
        phase = () if progress.state is None else phase_of(self._solver, progress.state)
        if phase == self._phase and progress.seconds < self._due:
            return
        self._phase, self._due = phase, progress.seconds + self._every
        run = snapshot(interim(progress))
        self._complain(run)
        try:
            write_checkpoint(run, self.folder)
            self._told = False
        except OSError as error:
            if self._told:
                return
            self._told = True
            what = f"No checkpoint could be written: {error.strerror or error}"
            text = sentence(what, str(self.folder), "make room, the run goes on and tries again")
            warnings.warn(text, CheckpointWarning, stacklevel=2)

    def finish(self, solution: Solution) -> None:
        """Write the run's folder; where it no longer takes it, warn, and leave a checkpoint where there is room."""
        self._complain(solution.run)
        try:
            written(solution, self.folder)
        except (OSError, ValueError) as error:
            what = f"The run could not be written in full: {error}"
            text = sentence(what, str(self.folder), _refuge(solution.run))
            warnings.warn(text, UnsavedWarning, stacklevel=4)

    def _complain(self, run: Run) -> None:
        if not self._complained and (complaint := left_out(run)) is not None:
            self._complained = True
            warnings.warn(complaint, CheckpointWarning, stacklevel=3)


@contextmanager
def kept_if_ended(before: Run | None, folder: Path | None) -> Iterator[list[Run]]:
    """Yield a list for the run as it is; where somebody else's code raises, leave a checkpoint of the last one in it.

    The exception goes on its way with a note of where that lies.
    """
    reached: list[Run] = []
    try:
        yield reached
    except Exception as error:
        if reached and reached[-1].result.nit > (0 if before is None else before.result.nit):
            run = reached[-1]
            if (path := _left(run, (folder, None))) is not None:
                what = f"The run of {run.result.nit} iterations so far is kept in {path}"
                error.add_note(f"{what}; pinnml.resume goes on.")
        raise


def _left(run: Run, folders: Sequence[Path | None]) -> Path | None:
    """Leave a checkpoint in the first folder that takes it, None for a new one; return that folder, if there is one."""
    for folder in folders:
        try:
            path = Path(tempfile.mkdtemp(prefix="pinnml-")) if folder is None else folder
            write_checkpoint(run, path)
        except OSError:
            continue
        return path
    return None


def _refuge(run: Run) -> str:
    refuge = _left(run, (None,))
    if refuge is None:
        return "no other folder took it either, so save the solution while it is in memory"
    return f"make room, and go on from its checkpoint in {refuge}"
