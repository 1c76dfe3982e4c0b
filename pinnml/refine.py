"""Points that follow the residual: renewed between outer steps only, in numbers that grow along a ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.loss import PinnObjective
from pinnml.objective import AbstractObjective
from pinnml.optim import Progress
from pinnml.points import Collocation, ConditionPoints, Sobol, systematic
from pinnml.problem import Everywhere


@dataclass(frozen=True)
class Stage:
    """A rung of the ladder: `points` for each equation, renewed every so many iterations, until an iteration."""

    points: int
    every: int
    until: int | None = None

    def __post_init__(self) -> None:
        if self.points < 1 or self.every < 1:
            raise ValueError(f"points={self.points}, every={self.every}; where: Stage; give numbers of at least 1.")


LADDER = (Stage(2000, 5, 20), Stage(4000, 5, 40), Stage(8000, 6, 80), Stage(12_000, 6))


@dataclass(frozen=True)
class RAD:
    """Residual-based adaptive distribution: points of density ∝ υ + (1 − υ)(|r|/mean|r| + c)/(1 + c).

    υ is `uniform`, the share of uniform points, and c is `floor` (Wu, Zhu, Tan, Kartha, Lu, CMAME 403, 2023, k = 1).
    They are drawn by systematic sampling from `pool` times as many Sobol' points, which leaves fewer gaps than
    independent draws. The last stage goes on for ever. What solvers keep from step to step is treated by their
    `renewed`.
    """

    stages: Sequence[Stage] = LADDER
    pool: float = 6.0
    uniform: float = 0.5
    floor: float = 0.2

    def __post_init__(self) -> None:
        if not self.stages or any(stage.until is None for stage in self.stages[:-1]):
            raise ValueError("Every stage but the last needs its end; where: RAD; give Stage(points, every, until).")
        if not 0 <= self.uniform <= 1:
            raise ValueError(f"uniform is {self.uniform}; where: RAD; give the share of uniform points, 0 to 1.")
        if not self.pool >= 1:
            raise ValueError(f"pool is {self.pool}; where: RAD; give at least one candidate for each point.")

    def stage(self, iteration: int) -> Stage:
        """Return the stage that an iteration belongs to."""
        return next((s for s in self.stages if s.until is None or iteration < s.until), self.stages[-1])


class Renewal:
    """The rule in action: asked after every outer step, it returns a new loss when points are due."""

    def __init__(self, rule: RAD, objective: PinnObjective, generator: torch.Generator, begun: int = 0) -> None:
        self._rule = rule
        self._objective = objective
        self._generator = generator
        self._begun = begun

    @property
    def collocation(self) -> Collocation:
        """The points of every condition as they are now."""
        return self._objective.collocation

    def __call__(self, progress: Progress) -> AbstractObjective | None:
        """Return the loss on new points, or None where the present ones stay."""
        iteration = self._begun + progress.iteration
        stage = self._rule.stage(iteration)
        if stage == self._rule.stage(iteration - 1) and iteration % stage.every:
            return None
        theta, before = progress.iterate.theta, self._objective
        collocation = dict(before.collocation)
        for name, term in before.problem.soft_terms.items():
            if isinstance(term.region, Everywhere):
                x = self._drawn(name, theta, stage.points)
                collocation[name] = ConditionPoints(x, x.new_full((len(x),), 1 / len(x)))
        self._objective = PinnObjective(before.problem, before.network, collocation, threads=before.threads)
        return self._objective

    def _drawn(self, name: str, theta: Tensor, count: int) -> Tensor:
        rule, domain = self._rule, self._objective.problem.domain
        unit = Sobol().unit(math.ceil(rule.pool * count), domain.dimension, self._generator)
        pool = Everywhere().place(unit, domain).to(theta)
        residuals = self._objective.residuals_at(theta, name, pool)
        size = residuals.abs().sum(0).double().cpu()
        # where the residual is zero everywhere, one point is as good as another
        relative = size / size.mean() if bool(size.any()) else torch.ones_like(size)
        density = rule.uniform + (1 - rule.uniform) * (relative + rule.floor) / (1 + rule.floor)
        return pool[systematic(unit, density, count, self._generator).to(pool.device)]
