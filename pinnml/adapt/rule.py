"""The interface of rules that change a run's discretisation between its steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinnml.loss import PinnObjective
from pinnml.network import AbstractNetwork, FrozenNetwork, Growth, regrown
from pinnml.objective import Iterate
from pinnml.optim import Estimate, Finished, Progress, Renewed
from pinnml.problem import Problem
from pinnml.settings import Count, record, setting

FAR, LESS = 0.1, 0.5
"""The share of a loss that is far less, and of one that is less by more than points, which differ, can tell."""

WHOLE = 1.0
"""With a larger relative error a field is farther from the solution than zero is."""


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


@record
class Kept:
    """An approximation that a rule has put aside: what the network had grown by, θ, and what is known of it.

    `loss` is its loss at fresh points, by which approximations of one problem are compared.
    """

    growth: Growth | None
    theta: Tensor
    loss: float
    estimate: Estimate | None = None


def best_of(
    kept: Kept | None, network: AbstractNetwork, iterate: Iterate, estimate: Estimate | None
) -> tuple[AbstractNetwork, Tensor, Estimate | None]:
    """Return network, θ and estimate of what was kept, or of the present iterate where that is better.

    An iterate without an estimate is better where its loss is far less; where the estimate of what was kept says that
    nothing is known yet, where it is less; and where that one is not to be trusted, a network that is trained is better
    with half of the loss. A level that is not solved yet is not: it may have begun with lighter weights.
    """
    is_trained = not isinstance(network, FrozenNetwork)
    if kept is None or float(iterate.f) <= _share(kept.estimate, estimate, is_trained) * kept.loss:
        return network, iterate.theta, estimate
    return regrown(network, kept.growth), kept.theta, kept.estimate


def _share(known: Estimate | None, present: Estimate | None, is_trained: bool) -> float:
    """Return the share of a loss that makes an iterate better than what was kept."""
    if present is not None or (known is not None and known.largest > WHOLE):
        return 1.0
    return LESS if is_trained and known is not None and not known.trustworthy else FAR


class AbstractAdaptation(ABC):
    """A rule for points and network, told of every iteration.

    What it must remember of a run is its state: plain data, tensors and records, which checkpoints keep; None at first.
    """

    remembered: ClassVar[Any] = Any
    """The type of its state once a run has begun, by which what a file holds is checked."""

    stages: Sequence[Stage]
    """How many points of each equation there are while the network keeps its shape; a run begins with the first."""

    def most_points(self, fields: int) -> int:
        """Return the most points that an equation will have, for a problem of so many fields."""
        return max(stage.points for stage in self.stages)

    def columns(self, fields: int) -> int:
        """Return how many outgoing weights a network of so many fields will be widened by at most."""
        return 0

    def estimates(self, problem: Problem, can_be_read: bool) -> bool:
        """Return whether it estimates errors of a problem, so that an accuracy can be asked for; the default is no.

        `can_be_read` says whether readouts can be made: of a chain of layers in double precision.
        """
        return False

    def begun(self, objective: PinnObjective, theta: Tensor, generator: torch.Generator) -> tuple[Renewed | None, Any]:
        """Return the loss that a run begins with in place of this one, None where it stays, and the first state."""
        return None, None

    def assessed(self, progress: Progress, objective: PinnObjective, state: Any) -> Estimate | None:
        """Return the estimated error of the present iterate, None where none is due."""
        return None

    @abstractmethod
    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: Any
    ) -> tuple[Renewed | Finished | None, Any]:
        """Return the loss of another discretisation with θ for it, None where the present one stays, and the state.

        `Finished` ends the run with a reason.
        """

    def kept(self, state: Any) -> Kept | None:
        """Return the best approximation that was put aside, None where the present one is the best."""
        return None
