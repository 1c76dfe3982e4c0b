"""Points that follow the residual: renewed between outer steps only, in numbers that grow along a ladder."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.evaluate import residual_values
from pinnml.loss import PinnObjective
from pinnml.objective import AbstractObjective
from pinnml.optim import Progress
from pinnml.points import Collocation, ConditionPoints, Sobol, systematic
from pinnml.settings import setting


@setting
class Stage:
    """A rung of the ladder: `points` for each equation, renewed every so many iterations, until an iteration."""

    points: int
    every: int
    until: int | None = None

    def __post_init__(self) -> None:
        if self.points < 1 or self.every < 1:
            raise DeclarationError(
                f"points={self.points}, every={self.every}; where: Stage; give numbers of at least 1."
            )


LADDER = (Stage(2000, 5, 30), Stage(4000, 5, 50), Stage(8000, 6, 90), Stage(12_000, 6))


@setting
class RAD:
    """Residual-based adaptive distribution: points of density ∝ υ + (1 − υ)(|r|/mean|r| + c)/(1 + c).

    υ is `uniform`, the share of uniform points, and c is `floor` (Wu, Zhu, Tan, Kartha, Lu, CMAME 403, 2023, k = 1).
    They are drawn by systematic sampling from `pool` times as many Sobol' points, which leaves fewer gaps than
    independent draws, and weigh the inverse of their density, so that the loss stays the mean square over the domain.

    A renewal that is due takes place only if the residual's mean square at `probes` fresh Sobol' points exceeds `gap`
    times that at the present points: as long as these stand for the domain, they stay, in their number, too. The last
    stage goes on for ever. What solvers keep from step to step is treated by their `renewed`.
    """

    stages: Sequence[Stage] = LADDER
    pool: float = 6.0
    gap: float = 1.5
    probes: int = 2048
    uniform: float = 0.5
    floor: float = 0.2

    def __post_init__(self) -> None:
        if not self.stages or any(stage.until is None for stage in self.stages[:-1]):
            raise DeclarationError(
                "Every stage but the last needs its end; where: RAD; give Stage(points, every, until)."
            )
        if not 0 <= self.uniform <= 1:
            raise DeclarationError(f"uniform is {self.uniform}; where: RAD; give the share of uniform points, 0 to 1.")
        if not self.pool >= 1:
            raise DeclarationError(f"pool is {self.pool}; where: RAD; give at least one candidate for each point.")
        if not self.gap >= 0:
            raise DeclarationError(f"gap is {self.gap}; where: RAD; give a ratio of mean squares, 0 to renew always.")
        if self.probes < 1:
            raise DeclarationError(f"probes is {self.probes}; where: RAD; look at one fresh point at least.")

    def stage(self, iteration: int) -> Stage:
        """Return the stage that an iteration belongs to."""
        return next((s for s in self.stages if s.until is None or iteration < s.until), self.stages[-1])


class MemoryWarning(UserWarning):
    """The device had too little memory; the run goes on in smaller chunks."""


class Renewal:
    """The rule in action: asked after every outer step, it returns a new loss when points are due.

    `objective` is the loss on the present points, which stay for good where there is no rule.
    """

    def __init__(self, rule: RAD | None, objective: PinnObjective, generator: torch.Generator) -> None:
        self._rule = rule
        self.objective = objective
        self._generator = generator

    @property
    def collocation(self) -> Collocation:
        """The points of every condition as they are now."""
        return self.objective.collocation

    def halve(self, objective: PinnObjective) -> None:
        """Go back to a loss, and evaluate half as many points at once, after the device was out of memory.

        Raises `torch.OutOfMemoryError` where one point is too many.
        """
        chunk = max(len(chunk.x) for chunk in objective.chunks) // 2
        if chunk < 1:
            raise torch.OutOfMemoryError("There is no memory for a single point.")
        objective.threads.release()
        self.objective = objective.on(objective.collocation, chunk)
        where = objective.chunks[0].x.device
        text = f"Out of memory; where: the loss on {where}; the run goes on in chunks of {chunk} points."
        warnings.warn(text, MemoryWarning, stacklevel=4)

    def __call__(self, progress: Progress) -> AbstractObjective | None:
        """Return the loss on new points, or None where the present ones stay."""
        rule, iteration = self._rule, progress.iteration
        if rule is None:
            return None
        stage = rule.stage(iteration)
        theta, before = progress.iterate.theta, self.objective
        climbs = stage != rule.stage(iteration - 1)
        if not (climbs or iteration % stage.every == 0) or self._stands_for_the_domain(rule, theta):
            return None
        collocation = dict(before.collocation)
        for name in before.problem.equations:
            collocation[name] = self._drawn(rule, name, theta, stage.points)
        before.threads.release()  # chunks will be of another size
        self.objective = before.on(collocation)
        return self.objective

    def _stands_for_the_domain(self, rule: RAD, theta: Tensor) -> bool:
        """Tell whether no residual's mean square at fresh points exceeds `gap` times that at the present ones."""
        objective = self.objective
        losses, terms = objective.losses(theta), objective.problem.equations
        unit = Sobol().unit(rule.probes, objective.problem.domain.dimension, self._generator)
        probes = objective.problem.domain.place(unit).to(theta)
        for name, term in terms.items():
            elsewhere = 0.5 * self._residuals(theta, name, probes).square().sum(0).mean()
            if not float(elsewhere) * term.weight <= rule.gap * losses[name]:
                return False
        return True

    def _residuals(self, theta: Tensor, name: str, x: Tensor) -> Tensor:
        objective = self.objective
        return residual_values(objective.problem, objective.network, theta, name, x, objective.threads)

    def _drawn(self, rule: RAD, name: str, theta: Tensor, count: int) -> ConditionPoints:
        domain = self.objective.problem.domain
        unit = Sobol().unit(math.ceil(rule.pool * count), domain.dimension, self._generator)
        pool = domain.place(unit).to(theta)
        size = self._residuals(theta, name, pool).abs().sum(0).double().cpu()
        # where the residual is zero everywhere, one point is as good as another
        relative = size / size.mean() if bool(size.any()) else torch.ones_like(size)
        density = rule.uniform + (1 - rule.uniform) * (relative + rule.floor) / (1 + rule.floor)
        chosen = systematic(unit, density, count, self._generator)
        weights = 1 / density[chosen]
        return ConditionPoints(pool[chosen.to(pool.device)], (weights / weights.sum()).to(pool))
