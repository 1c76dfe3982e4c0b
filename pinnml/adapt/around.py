"""Rules around other rules: what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnml.adapt.rad import RAD
from pinnml.adapt.rule import AbstractAdaptation, Kept, Stage
from pinnml.loss import PinnObjective
from pinnml.optim import Estimate, Progress, Renewed
from pinnml.problem import Problem
from pinnml.settings import Count, setting


@setting
class AbstractAround(AbstractAdaptation):
    """A rule for the network around one for its points and readouts, which comes first after every step.

    Parameters
    ----------
    rule : AbstractAdaptation, default RAD()
        What points and readouts are renewed by; `Fixed()` for points that stay.
    """

    rule: AbstractAdaptation = field(default_factory=RAD)

    def inner(self, state: Any) -> Any:
        """Return the state of `rule` within that of this one: the default is that there is no other."""
        return state

    @property
    def stages(self) -> Sequence[Stage]:  # type: ignore[override]
        """Those of `rule`."""
        return self.rule.stages

    def estimates(self, problem: Problem, can_be_read: bool) -> bool:
        """Return whether `rule` does."""
        return self.rule.estimates(problem, can_be_read)

    def most_points(self, fields: int) -> int:
        """Return those of `rule`."""
        return self.rule.most_points(fields)

    def columns(self, fields: int) -> int:
        """Return those of `rule`."""
        return self.rule.columns(fields)

    def begun(self, objective: PinnObjective, theta: Tensor, generator: torch.Generator) -> tuple[Renewed | None, Any]:
        """Do what `rule` does."""
        return self.rule.begun(objective, theta, generator)

    def assessed(self, progress: Progress, objective: PinnObjective, state: Any) -> Estimate | None:
        """Return what `rule` estimates."""
        return self.rule.assessed(progress, objective, self.inner(state))

    def kept(self, state: Any) -> Kept | None:
        """Return what `rule` has put aside."""
        return self.rule.kept(self.inner(state))


@setting
class Fixed(AbstractAdaptation):
    """Points that stay as they were drawn, for a rule that changes the network alone.

    Parameters
    ----------
    points : int, default 10000
        How many each equation has, at least 1.
    """

    remembered: ClassVar[Any] = None

    points: Count = 10_000

    @property
    def stages(self) -> Sequence[Stage]:  # type: ignore[override]
        """One, which never ends."""
        return (Stage(self.points, 1),)

    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: Any
    ) -> tuple[None, Any]:
        """Return nothing."""
        return None, state
