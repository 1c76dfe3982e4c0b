"""Points that follow the residual: renewed between outer steps only, in numbers that grow along a ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.evaluate import residual_values
from pinnml.loss import PinnObjective
from pinnml.objective import AbstractObjective
from pinnml.optim import Progress
from pinnml.points import Collocation, ConditionPoints, Uniform
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


LADDER = (Stage(2000, 5, 40), Stage(6000, 10, 80), Stage(10_000, 20))


@dataclass(frozen=True)
class RAD:
    """Residual-based adaptive distribution: a share of uniform points, the others drawn from a pool with probability
    ∝ |r|/mean|r| + floor (Wu, Zhu, Tan, Kartha, Lu, CMAME 403, 2023, with k = 1, c = floor).

    The last stage goes on for ever. What solvers keep from step to step is treated by their `renewed`.
    """

    stages: Sequence[Stage] = LADDER
    pool: int = 60_000
    uniform: float = 0.5
    floor: float = 0.2

    def __post_init__(self) -> None:
        if not self.stages or any(stage.until is None for stage in self.stages[:-1]):
            raise ValueError("Every stage but the last needs its end; where: RAD; give Stage(points, every, until).")
        if not 0 <= self.uniform <= 1:
            raise ValueError(f"uniform is {self.uniform}; where: RAD; give the share of uniform points, 0 to 1.")

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
        uniform = round(self._rule.uniform * count)
        if uniform == count:
            return self._uniform(count, theta)
        pool = self._uniform(self._rule.pool, theta)
        size = residual_values(self._objective.problem, self._objective.network, theta, name, pool).abs().sum(0)
        density = (size / size.mean() + self._rule.floor).double().cpu()
        chosen = torch.multinomial(density, min(count - uniform, len(pool)), generator=self._generator)
        return torch.cat([self._uniform(uniform, theta), pool[chosen.to(pool.device)]])

    def _uniform(self, count: int, like: Tensor) -> Tensor:
        unit = Uniform().unit(count, self._objective.problem.domain.dimension, self._generator)
        return Everywhere().place(unit, self._objective.problem.domain).to(like)
