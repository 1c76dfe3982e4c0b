"""Rules for when a cycle goes down, and for how a correction that comes up is taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import field
from typing import Annotated

import torch
from torch import Tensor

from pinnml.levels.level import UNBOUNDED, shortened
from pinnml.objective import AbstractObjective, AbstractRestriction, CoarseProblem, Iterate
from pinnml.optim import Armijo, Bounds, Search
from pinnml.settings import AtLeast, setting


class AbstractRecursion(ABC):
    """A rule for whether a cycle goes down to the next level."""

    @abstractmethod
    def goes(self, problem: CoarseProblem, at: Iterate) -> bool:
        """Return whether it does, from an iterate with its gradient."""


@setting
class Always(AbstractRecursion):
    """Every cycle goes down."""

    def goes(self, problem: CoarseProblem, at: Iterate) -> bool:
        """Return True."""
        return True


@setting
class IfGradient(AbstractRecursion):
    """Only where the coarse level sees enough of the gradient, ‖Pᵀ∇f‖ ≥ κ‖∇f‖ (Gratton, Sartenaer, Toint 2008).

    Parameters
    ----------
    share : float, default 0.1
        κ (dimensionless), at least 0.
    """

    share: Annotated[float, AtLeast(0)] = 0.1

    def goes(self, problem: CoarseProblem, at: Iterate) -> bool:
        """Compare the norms."""
        (seen,) = at.read(problem.restriction(at.grad).norm())
        return seen >= self.share * at.norm


class AbstractAcceptance(ABC):
    """What becomes of a coarse step: it is globalised on the finer level's f."""

    @abstractmethod
    def __call__(
        self,
        objective: AbstractObjective,
        restriction: AbstractRestriction,
        begin: Iterate,
        step: Tensor,
        bounds: Bounds = UNBOUNDED,
    ) -> Iterate:
        """Return where the prolonged step (k,) leads within the bounds, `begin` itself where f would not fall."""


@setting
class Shortened(AbstractAcceptance):
    """The step is halved until f is lower, a few times."""

    def __call__(
        self,
        objective: AbstractObjective,
        restriction: AbstractRestriction,
        begin: Iterate,
        step: Tensor,
        bounds: Bounds = UNBOUNDED,
    ) -> Iterate:
        """Try a few lengths, each at the cost of one value."""
        found = shortened(objective, restriction, begin, step, bounds)
        return found.reached(bounds.project(begin.theta + found.extended)) if found.success else begin


@setting
class LineSearched(AbstractAcceptance):
    """A line search along the prolonged step, of which it must be a direction of descent (Nash, MG/OPT, 2000).

    Parameters
    ----------
    search : Search, default Armijo()
        The search; its first trial is the whole step.
    """

    search: Search = field(default_factory=Armijo)

    def __call__(
        self,
        objective: AbstractObjective,
        restriction: AbstractRestriction,
        begin: Iterate,
        step: Tensor,
        bounds: Bounds = UNBOUNDED,
    ) -> Iterate:
        """Search; every trial costs value and gradient."""
        direction = restriction.adjoint(step)
        (slope,) = begin.read(begin.grad.dot(direction))
        if not -float("inf") < slope < 0:
            return begin
        found = self.search(objective, begin, direction, slope, 1.0).iterate
        if bounds != UNBOUNDED and not torch.equal(inside := bounds.project(found.theta), found.theta):
            found = objective.at(inside)
        return found if found.value < begin.value else begin
