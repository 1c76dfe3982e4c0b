"""The interface of rules that change a run's discretisation between its steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch

from pinnml.loss import PinnObjective
from pinnml.optim import Progress, Renewed
from pinnml.settings import Count, setting


@setting
class Stage:
    """A rung of the ladder: `points` for each equation, renewed every so many iterations, until an iteration.

    Parameters
    ----------
    points : int
        Points of each equation, at least 1.
    every : int
        Iterations between renewals, at least 1.
    until : int or None, default None
        The iteration at which the next stage begins; None for the last stage.
    """

    points: Count
    every: Count
    until: int | None = None


class AbstractAdaptation(ABC):
    """A rule for points and network: all it knows is the progress and the loss, so that it can be resumed."""

    stages: Sequence[Stage]
    """How many points of each equation there are while the network keeps its shape; a run begins with the first."""

    @abstractmethod
    def adapted(self, progress: Progress, objective: PinnObjective, generator: torch.Generator) -> Renewed | None:
        """Return the loss of another discretisation and θ for it, None where the present one stays."""
