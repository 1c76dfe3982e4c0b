"""Learn coordinates, then solve for a readout on them: when a network is frozen, widened, and given more points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Annotated

import torch
from torch import Tensor

from pinnml.adapt.rad import RAD, follow, stands_for_the_domain, with_points
from pinnml.adapt.rule import AbstractAdaptation, Stage
from pinnml.adapt.widening import Widening, freeze, widen
from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork
from pinnml.optim import Progress, Renewed
from pinnml.points import Collocation, ConditionPoints
from pinnml.settings import Above, AtLeast, Count, setting


@setting
class Readouts(AbstractAdaptation):
    """Train for some iterations, then freeze all below the head, and widen it level by level, with points to match.

    A network that has been trained for a while is a system of coordinates in which the solution is smooth; what is left
    is a least-squares problem for the outgoing weights of many random neurons, one step of which is worth hundreds of
    the network's own. After each step comes the next level, and after the last one points are added where the residual
    is large, until its mean square at fresh points is that at the fitted ones. No point is given up. It goes with
    `WhereLinear`, which steps by a direct solve then.

    Parameters
    ----------
    train : int, default 20
        Iterations before the network is frozen, at least 1.
    levels : tuple of Widening, default twice 1000 neurons
        What is added, level by level: the first takes what is not linear, at little cost.
    points : RAD, default RAD(pool=2)
        How points are renewed before, and where they are added after.
    rows : float, default 10
        Residuals a column of J, at least so many (dimensionless), above 1.
    gap : float, default 2
        The ratio of mean squares above which points are added (dimensionless).
    most : int, default 50000
        No equation gets more points than these.
    """

    train: Count = 20
    levels: tuple[Widening, ...] = (Widening(1000), Widening(1000))
    points: RAD = field(default_factory=lambda: RAD(pool=2.0))
    rows: Annotated[float, Above(1)] = 10.0
    gap: Annotated[float, AtLeast(1)] = 2.0
    most: Count = 50_000

    @property
    def stages(self) -> tuple[Stage, ...]:  # type: ignore[override]
        """Those of `points`."""
        return tuple(self.points.stages)

    def adapted(self, progress: Progress, objective: PinnObjective, generator: torch.Generator) -> Renewed | None:
        """Return what comes next: other points, a readout, more points for it, or more neurons."""
        theta, network = progress.iterate.theta, objective.network
        if not isinstance(network, FrozenNetwork):
            if progress.iteration < self.train:
                return self.points.adapted(progress, objective, generator)
            frozen = freeze(objective, theta)
            return self._widened(_loss(frozen), frozen.theta, 0, generator)
        level = len(network.levels)
        if level < len(self.levels):
            return self._widened(objective, theta, level, generator)
        counts = {name: len(objective.collocation[name].weights) for name in objective.problem.equations}
        fewest = min(counts.values(), default=self.most)  # without equations there is nothing to follow
        rule = replace(self.points, gap=self.gap)
        if fewest >= self.most or stands_for_the_domain(rule, objective, theta, generator):
            return None
        room = {name: self.most - count for name, count in counts.items() if count < self.most}
        more = {name: min(math.ceil(fewest / 2), left) for name, left in room.items()}
        return Renewed(with_points(objective, self._with_more(objective, theta, more, generator)), theta)

    def _widened(self, objective: PinnObjective, theta: Tensor, level: int, generator: torch.Generator) -> Renewed:
        """Add a level of neurons, and points until there are enough rows for its columns."""
        rule = self.levels[level]
        columns = len(theta) + rule.neurons * len(objective.problem.fields)
        wanted = min(math.ceil(self.rows * columns), self.most)
        had = {name: len(objective.collocation[name].weights) for name in objective.problem.equations}
        missing = {name: wanted - count for name, count in had.items() if count < wanted}
        collocation = self._with_more(objective, theta, missing, generator)
        return widen(objective, theta, rule, generator, collocation)

    def _with_more(
        self, objective: PinnObjective, theta: Tensor, counts: Mapping[str, int], generator: torch.Generator
    ) -> Collocation:
        """Return the points with so many more for each equation, where its residual is large."""
        collocation: dict[str, ConditionPoints] = dict(objective.collocation)
        for name, count in counts.items():
            more = follow(self.points, objective, theta, name, count, generator)
            collocation[name] = joined(collocation[name], more)
        return collocation


def joined(first: ConditionPoints, second: ConditionPoints) -> ConditionPoints:
    """Return the points of both: each with its weights is a mean over the domain, and both count by their numbers."""
    share = len(first.weights) / (len(first.weights) + len(second.weights))
    weights = torch.cat([share * first.weights, (1 - share) * second.weights])
    return ConditionPoints(torch.cat([first.x, second.x]), weights)


def _loss(renewed: Renewed) -> PinnObjective:
    assert isinstance(renewed.objective, PinnObjective)
    return renewed.objective
