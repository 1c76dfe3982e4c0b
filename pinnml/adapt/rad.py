"""Residual-based adaptive distribution: when points are due, and where the residual puts them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from pinnml.adapt.keeping import on_points
from pinnml.adapt.rule import AbstractAdaptation, Stage
from pinnml.approximation import fresh_points, losses_elsewhere, residual_values
from pinnml.errors import DeclarationError
from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork
from pinnml.optim import Progress, Renewed
from pinnml.points import Collocation, ConditionPoints, Sobol, systematic
from pinnml.settings import AtLeast, Between, Count, setting

LADDER = (Stage(2000, 5, 30), Stage(4000, 5, 50), Stage(8000, 6, 90), Stage(12_000, 6))
"""The stages that `RAD` goes through unless others are given."""


@setting
class RAD(AbstractAdaptation):
    """Residual-based adaptive distribution: points of density ∝ υ + (1 − υ)(|r|/mean|r| + c)/(1 + c).

    υ is `uniform`, the share of uniform points, and c is `floor` (Wu, Zhu, Tan, Kartha, Lu, CMAME 403, 2023, k = 1).
    They are drawn by systematic sampling from `pool` times as many Sobol' points, which leaves fewer gaps than
    independent draws, and weigh the inverse of their density, so that the loss stays the mean square over the domain.

    A renewal that is due takes place only if the residual's mean square at `probes` fresh Sobol' points exceeds `gap`
    times that at the present points: as long as these represent the domain, neither they nor their number change. The
    last stage has no end. Solvers adapt their state in `renewed`.

    Parameters
    ----------
    stages : sequence of Stage, default LADDER
        How many points there are, and how often they are renewed.
    pool : float, default 6
        Candidates a point drawn (dimensionless), at least 1.
    gap : float, default 1.5
        The ratio of mean squares above which points are renewed (dimensionless), at least 0.
    probes : int, default 2048
        Fresh points at which the residual is compared, at least 1.
    uniform : float, default 0.5
        The share υ of uniform points (dimensionless), from 0 to 1.
    floor : float, default 0.2
        c, which keeps points where the residual is small (dimensionless).

    Raises
    ------
    DeclarationError
        Unless every stage but the last has an end.
    """

    remembered: ClassVar[Any] = None

    stages: Sequence[Stage] = LADDER
    pool: Annotated[float, AtLeast(1)] = 6.0
    gap: Annotated[float, AtLeast(0)] = 1.5
    probes: Count = 2048
    uniform: Annotated[float, Between(0, 1)] = 0.5
    floor: float = 0.2

    def __post_init__(self) -> None:
        if not self.stages or any(stage.until is None for stage in self.stages[:-1]):
            what = "Every stage but the last needs its end"
            raise DeclarationError(what, "stages of RAD", "give Stage(points, every, until)")

    def stage(self, iteration: int) -> Stage:
        """Return the stage that an iteration belongs to."""
        return next((s for s in self.stages if s.until is None or iteration < s.until), self.stages[-1])

    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: Any
    ) -> tuple[Renewed | None, Any]:
        """Return the loss on new points where they are due and no longer stand for the domain."""
        theta, iteration = progress.iterate.theta, progress.iteration
        stage = self.stage(iteration)
        due = stage != self.stage(iteration - 1) or iteration % stage.every == 0
        if not due or stands_for_the_domain(self, objective, theta, generator):
            return None, state
        return Renewed(self.placed(objective, theta, stage.points, generator), theta), state

    def placed(self, objective: PinnObjective, theta: Tensor, count: int, generator: torch.Generator) -> PinnObjective:
        """Return the loss with so many points of every equation, where its residual is large."""
        collocation = dict(objective.collocation)
        for name in objective.problem.equations:
            collocation[name] = follow(self, objective, theta, name, count, generator)
        return with_points(objective, collocation)


def with_points(objective: PinnObjective, collocation: Collocation) -> PinnObjective:
    """Return the loss of the same network on other points."""
    objective.threads.release()  # chunks will be of another size
    network = objective.network
    if isinstance(network, FrozenNetwork):
        network = on_points(objective, collocation)
    return objective.on(replace(objective.discretisation, network=network, collocation=collocation))


def stands_for_the_domain(rule: RAD, objective: PinnObjective, theta: Tensor, generator: torch.Generator) -> bool:
    """Return whether no residual's mean square at fresh points exceeds `gap` times that at the objective's points."""
    losses = objective.losses(theta)
    elsewhere = losses_elsewhere(objective, theta, fresh_points(objective, rule.probes, generator))
    return all(found <= rule.gap * losses[name] for name, found in elsewhere.items())


def follow(
    rule: RAD, objective: PinnObjective, theta: Tensor, name: str, count: int, generator: torch.Generator
) -> ConditionPoints:
    """Return `count` points for a condition in the interior, drawn by the rule's density, with their weights."""
    domain = objective.problem.domain
    candidates = domain.sample(partial(Sobol().unit, generator=generator), math.ceil(rule.pool * count))
    scaled = (candidates - candidates.new_tensor(domain.lower)) / candidates.new_tensor(domain.lengths)
    pool = candidates.to(theta)
    problem, network = objective.problem, objective.network
    objective.count(points=len(pool) * problem.terms[name].stencil.count)
    residuals = residual_values(problem, network, theta, name, pool, objective.threads, objective.chunk)
    size = residuals.abs().sum(0).double().cpu()
    # where the residual is zero everywhere, one point is as good as another
    relative = size / size.mean() if bool(size.any()) else torch.ones_like(size)
    density = rule.uniform + (1 - rule.uniform) * (relative + rule.floor) / (1 + rule.floor)
    chosen = systematic(scaled, density, count, generator)
    weights = 1 / density[chosen]
    return ConditionPoints(pool[chosen.to(pool.device)], (weights / weights.sum()).to(pool))
