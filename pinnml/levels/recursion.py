"""Rules for when a cycle goes down, how a correction that comes up is taken, and when a level no longer pays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import field, replace
from typing import Annotated

from torch import Tensor

from pinnml.levels.level import shortened
from pinnml.objective import AbstractObjective, AbstractRestriction, CoarseProblem, Iterate
from pinnml.optim import Armijo, Search
from pinnml.settings import AtLeast, Count, record, setting


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
        self, objective: AbstractObjective, restriction: AbstractRestriction, begin: Iterate, step: Tensor
    ) -> Iterate:
        """Return where the prolonged step (k,) leads, `begin` itself where f would not fall."""


@setting
class Shortened(AbstractAcceptance):
    """The step is halved until f is lower, a few times."""

    def __call__(
        self, objective: AbstractObjective, restriction: AbstractRestriction, begin: Iterate, step: Tensor
    ) -> Iterate:
        """Try a few lengths, each at the cost of one value."""
        found = shortened(objective, restriction, begin, step)
        return found.reached(begin.theta + found.extended) if found.success else begin


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
        self, objective: AbstractObjective, restriction: AbstractRestriction, begin: Iterate, step: Tensor
    ) -> Iterate:
        """Search; every trial costs value and gradient."""
        direction = restriction.adjoint(step)
        (slope,) = begin.read(begin.grad.dot(direction))
        if not -float("inf") < slope < 0:
            return begin
        found = self.search(objective, begin, direction, slope, 1.0).iterate
        return found if found.value < begin.value else begin


@setting
class Paying:
    """A level is left out once it brings less decrease for its work than the smoother above it.

    Over the last `window` cycles the decrease of f by the level's corrections, a work unit of theirs, is compared with
    that by the smoothing that goes with them, a unit of that.

    Parameters
    ----------
    window : int, default 6
        Cycles that are looked at, at least 1.
    least : float, default 1.0
        The ratio of the two below which a level is left out (dimensionless), at least 0.
    retry : int or None, default None
        Cycles after which it is tried in one cycle again, by which it is judged then; None for never.
    """

    window: Count = 6
    least: Annotated[float, AtLeast(0)] = 1.0
    retry: Count | None = None

    def after(self, payoff: Payoff, gains: tuple[float, float, float, float] | None) -> Payoff:
        """Return what is known of a level after a cycle, `gains` being None where it was left out or not asked."""
        if payoff.off:
            is_due = self.retry is not None and payoff.off >= self.retry
            return Payoff((), 0, True) if is_due else replace(payoff, off=payoff.off + 1)
        if gains is None:
            return payoff
        seen = (*payoff.gains, gains)[-self.window :]
        if len(seen) < (1 if payoff.retried else self.window):
            return replace(payoff, gains=seen)
        gained, work, smoothed, smoothing = (sum(column) for column in zip(*seen, strict=True))
        if gained * smoothing < self.least * smoothed * work:
            return Payoff((), 1, payoff.retried)
        return Payoff(seen)


@record
class Payoff:
    """What a level has brought lately, how many cycles it has been left out, 0 where it is not, and if it is retried.

    `gains` has a row a cycle: decrease by its corrections and their work, decrease by smoothing above and its work.
    """

    gains: tuple[tuple[float, float, float, float], ...] = ()
    off: Annotated[int, AtLeast(0)] = 0
    retried: bool = False
