"""When a matrix that was made at an earlier point is made again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Annotated

from pinnml.objective import Iterate
from pinnml.optim.line_search import rounding
from pinnml.optim.quasi_newton import Descent
from pinnml.optim.rules import log_decrease
from pinnml.settings import AtLeast, Between, Count, record, setting


@record
class Age:
    """What has happened since a matrix was made: steps, work units, the fall of ln f, and how f's curvature changed.

    `cost` is the work of making it, `best` the greatest fall of ln f a work unit so far, that cost included, and
    `drift` the sum of `bend` over the steps.
    """

    cost: Annotated[float, AtLeast(0)] = 0.0
    steps: Annotated[int, AtLeast(0)] = 0
    work: Annotated[float, AtLeast(0)] = 0.0
    fall: float = 0.0
    best: float = 0.0
    drift: Annotated[float, AtLeast(0)] = 0.0

    @property
    def rate(self) -> float:
        """The fall of ln f a work unit, the making of the matrix included (0 before any work)."""
        work = self.cost + self.work
        return self.fall / work if work > 0 else 0.0

    def after(self, before: Iterate, descent: Descent, work: float) -> Age:
        """Return the age after a step that cost `work` units."""
        fall = self.fall + log_decrease(before, descent.iterate)
        drift = self.drift + bend(before, descent)
        older = replace(self, steps=self.steps + 1, work=self.work + work, fall=fall, drift=drift)
        return replace(older, best=max(self.best, older.rate))


def bend(before: Iterate, descent: Descent) -> float:
    """Return the relative change of f's curvature along a step, 12|f⁺ − f − s·(∇f + ∇f⁺)/2| / s·y, at most one.

    It is exact for cubic f, and zero for quadratic ones, of which the trapezoidal rule integrates the slope exactly.
    What rounding of f makes of it is taken for zero. All numbers in it have been read by the search.
    """
    if descent.secant is None or not descent.secant.product > 0:
        return 0.0
    change = descent.iterate.value - before.value
    defect = abs(change - descent.step * descent.slope - descent.secant.product / 2)
    return min(12 * defect / descent.secant.product, 1.0) if defect > rounding(before) else 0.0


class AbstractRebuild(ABC):
    """A rule for when a matrix is made again."""

    @abstractmethod
    def due(self, age: Age) -> int:
        """Return after how many steps more a matrix of this age is made again, or the rule is asked again."""


@setting
class Every(AbstractRebuild):
    """After a fixed number of steps.

    Parameters
    ----------
    count : int, default 100
        The number, at least 1.
    """

    count: Count = 100

    def due(self, age: Age) -> int:
        """Return what is left of the number."""
        return max(self.count - age.steps, 0)


@setting
class Stale(AbstractRebuild):
    """Once the mean fall of ln f a work unit is past its maximum, and the curvature of f has changed.

    With c the work of the last rebuild, w that of the steps since and F their fall of ln f, the mean is F/(c + w). It
    grows until a step brings less than the mean, which is when a cycle of rebuild and steps is to end if all cycles are
    alike (the marginal value theorem; Charnov, Theor. Popul. Biol. 9, 1976). Since steps differ, the rule waits until
    it is below a share of its maximum. The matrix is as good as ever where f is quadratic: there the fall becomes slow
    for other reasons, and a new matrix would be the old one. So the changes of curvature along the steps (`bend`),
    summed up, are to exceed `drift`, too. And a matrix is kept until its steps have cost what it has, so that at most
    half of the work goes into matrices, whatever they bring. This costs no evaluation, and nothing is read for it.

    Parameters
    ----------
    share : float, default 0.9
        The share of the maximum (dimensionless), above 0 up to 1.
    drift : float, default 0.1
        The relative change of curvature since the last rebuild (dimensionless), at least 0.
    """

    share: Annotated[float, Between(0, 1, (False, True))] = 0.9
    drift: Annotated[float, AtLeast(0)] = 0.1

    def due(self, age: Age) -> int:
        """Return 0 where the matrix is stale, else 1."""
        is_paid = age.work >= age.cost
        return 0 if is_paid and age.drift > self.drift and age.rate < self.share * age.best else 1
