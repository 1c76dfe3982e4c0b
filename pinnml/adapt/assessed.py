"""Estimates on the way, for rules that make none."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from pinnml.adapt.around import AbstractAround
from pinnml.approximation import can_be_linearised, confirmed
from pinnml.loss import PinnObjective
from pinnml.optim import Estimate, Finished, Progress, Renewed
from pinnml.problem import Problem
from pinnml.settings import Above, Count, record, setting

LOWER = 0.9
"""An estimate has fallen where it is less than so many times the least one before."""


@record
class AssessedState:
    """The work after which the next estimate is due, the least error so far, the work it took, and the rule's state."""

    due: float
    least: float = math.inf
    work: float = 0.0
    inner: Any = None


@setting
class Assessed(AbstractAround):
    """Another rule, and an estimate of the error by the linearised equation each time that the work has grown.

    It makes an accuracy something to ask for where points stay, where sweeps alone are wanted, and for modules of one's
    own, on boxes of up to three coordinates (`linearised_error`). An estimate is due after `every` work units, and
    again when there are `growth` times as many and at least `every` more. Where the estimated error has not fallen
    while the work grew by `patience`, the run ends.

    Parameters
    ----------
    rule : AbstractAdaptation, default RAD()
        What all else is renewed by; `Fixed()` for points that stay.
    every : int, default 30
        Work units before the first estimate and between two of them, at least 1. An estimate costs a few of them.
    growth : float, default 1.5
        The factor by which the work has grown from one to the next (dimensionless), above 1.
    patience : float, default 6
        The factor by which the work may grow without a smaller error (dimensionless), above 1.
    """

    remembered: ClassVar[Any] = AssessedState

    every: Count = 30
    growth: Annotated[float, Above(1)] = 1.5
    patience: Annotated[float, Above(1)] = 6.0

    def inner(self, state: AssessedState) -> Any:
        """Return what `rule` remembers."""
        return state.inner

    def estimates(self, problem: Problem, can_be_read: bool) -> bool:
        """Return whether `rule` does, or the linearised equation applies."""
        return can_be_linearised(problem) or super().estimates(problem, can_be_read)

    def begun(
        self, objective: PinnObjective, theta: Tensor, generator: torch.Generator
    ) -> tuple[Renewed | None, AssessedState]:
        """Do what `rule` does; the first estimate is due after `every` units."""
        found, state = self.rule.begun(objective, theta, generator)
        return found, AssessedState(float(self.every), inner=state)

    def assessed(self, progress: Progress, objective: PinnObjective, state: AssessedState) -> Estimate | None:
        """Return what `rule` estimates, or what the linearised equation says where that is due."""
        known = self.rule.assessed(progress, objective, state.inner)
        if known is not None or progress.counts.work < state.due or not can_be_linearised(objective.problem):
            return known
        return confirmed(objective.problem, objective.network, progress.iterate.theta, None)

    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: AssessedState
    ) -> tuple[Renewed | Finished | None, AssessedState]:
        """Do what `rule` does, and end the run where the error no longer falls."""
        found, inner = self.rule.adapted(progress, objective, generator, state.inner)
        work, due, least, since = progress.counts.work, state.due, state.least, state.work
        if work >= due:
            due = max(self.growth * work, work + self.every)
            error = math.inf if progress.estimate is None else progress.estimate.largest
            if error < LOWER * least:  # never where nothing is known
                least, since = error, work
        after = AssessedState(due, least, since, inner)
        if since > 0 and work >= self.patience * since:
            reason = f"The estimated error has not fallen below {least:.1e} from {since:.0f} to {work:.0f} work units."
            return Finished(reason), after
        return found, after
