"""The waist: what a solver may know of a problem. Nothing here knows PDEs, nothing here knows solvers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Iterate:
    """A point θ (p,) and what is known there: f (a 0-dimensional tensor) and its gradient (p,)."""

    theta: Tensor
    f: Tensor
    grad: Tensor

    def is_finite(self) -> bool:
        """Tell whether f and every entry of the gradient are finite (reads one number from the device)."""
        return bool(torch.isfinite(self.f) & torch.isfinite(self.grad).all())


class AbstractRestriction(ABC):
    """A linear map R from θ (p,) to a block (k,) with its exact adjoint: ⟨Rv, x⟩ = ⟨v, Rᵀx⟩."""

    @abstractmethod
    def __call__(self, v: Tensor) -> Tensor:
        """Return Rv, shape (k,)."""

    @abstractmethod
    def adjoint(self, x: Tensor) -> Tensor:
        """Return Rᵀx, shape (p,)."""


class AbstractObjective(ABC):
    """A function f of θ that gives its value and gradient together."""

    @abstractmethod
    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f at θ; entries that are not finite are handed on for the solver to see."""

    def restricted(self, restriction: AbstractRestriction, theta: Tensor) -> AbstractObjective:
        """Return x ↦ f(θ + Rᵀ(x − Rθ)): the other parameters stay as they are in θ."""
        return Restricted(self, restriction, theta)


class AbstractLeastSquares(AbstractObjective):
    """f(θ) = ½‖r(θ)‖² with r of shape (q,) and Jacobian J (q, p)."""

    @abstractmethod
    def residual(self, theta: Tensor) -> Tensor:
        """Return r(θ), shape (q,)."""

    @abstractmethod
    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return J·direction, shape (q,)."""

    @abstractmethod
    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return Jᵀ·cotangent, shape (p,)."""

    @abstractmethod
    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Return the columns start … stop − 1 of J, shape (q, stop − start)."""

    def at(self, theta: Tensor) -> Iterate:
        """Return ½‖r‖² and Jᵀr."""
        residual = self.residual(theta)
        return Iterate(theta, 0.5 * residual.dot(residual), self.vjp(theta, residual))


class Restricted(AbstractObjective):
    """x ↦ f(θ + Rᵀ(x − Rθ)), with gradient R∇f: the right default for every objective."""

    def __init__(self, inner: AbstractObjective, restriction: AbstractRestriction, theta: Tensor) -> None:
        self._inner = inner
        self._restriction = restriction
        self._frozen = theta - restriction.adjoint(restriction(theta))

    def at(self, theta: Tensor) -> Iterate:
        """Evaluate the whole objective and restrict its gradient; `theta` is the block's x (k,)."""
        whole = self._inner.at(self._frozen + self._restriction.adjoint(theta))
        return Iterate(theta, whole.f, self._restriction(whole.grad))


class Tilted(AbstractObjective):
    """f(θ) + ⟨slope, θ − origin⟩: an objective with a linear term, as in a tau correction (Nash 2000, eq. 5)."""

    def __init__(self, inner: AbstractObjective, slope: Tensor, origin: Tensor) -> None:
        self._inner = inner
        self._slope = slope
        self._origin = origin

    def at(self, theta: Tensor) -> Iterate:
        """Add the linear term to value and gradient."""
        plain = self._inner.at(theta)
        return Iterate(theta, plain.f + self._slope.dot(theta - self._origin), plain.grad + self._slope)


@dataclass(frozen=True)
class Counts:
    """Evaluations so far, by kind, and the work they cost.

    One work unit is one loss and gradient of the whole network on all points. By matrix products (forward 1, adjoint
    1, gradient 1 a layer) a residual costs 1/3, a product with J or Jᵀ 1, and columns of J 2/3 and their share of 1/3.
    """

    gradients: int = 0
    residuals: int = 0
    products: int = 0
    jacobians: int = 0
    work: float = 0.0

    @property
    def evaluations(self) -> int:
        """All evaluations, line searches included."""
        return self.gradients + self.residuals + self.products + self.jacobians


class BudgetSpentError(Exception):
    """Raised in place of an evaluation that the budget no longer covers; `minimise` catches it."""


class Counted(AbstractObjective):
    """An objective that counts what it is asked, and refuses once its guard says that the budget is spent."""

    def __init__(self, inner: AbstractObjective, guard: Callable[[Counts], bool] = lambda counts: False) -> None:
        self._inner = inner
        self._guard = guard
        self.counts = Counts()

    def _spend(self, kind: str, work: float) -> None:
        if self._guard(self.counts):
            raise BudgetSpentError
        counts = self.counts
        self.counts = replace(counts, **{kind: getattr(counts, kind) + 1, "work": counts.work + work})

    def at(self, theta: Tensor) -> Iterate:
        """Count one gradient, one work unit."""
        self._spend("gradients", 1.0)
        return self._inner.at(theta)


class CountedLeastSquares(Counted, AbstractLeastSquares):
    """A least-squares objective that counts what it is asked."""

    _inner: AbstractLeastSquares

    def residual(self, theta: Tensor) -> Tensor:
        """Count one residual, a third of a work unit."""
        self._spend("residuals", 1 / 3)
        return self._inner.residual(theta)

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Count one product, one work unit."""
        self._spend("products", 1.0)
        return self._inner.jvp(theta, direction)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Count one product, one work unit."""
        self._spend("products", 1.0)
        return self._inner.vjp(theta, cotangent)

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Count one Jacobian: two thirds of a work unit, and the block's share of the last third."""
        self._spend("jacobians", (2 + (stop - start) / theta.numel()) / 3)
        return self._inner.jacobian(theta, start, stop)


def counted(objective: AbstractObjective, guard: Callable[[Counts], bool] = lambda counts: False) -> Counted:
    """Wrap an objective so that it counts; a least-squares objective stays one."""
    kind = CountedLeastSquares if isinstance(objective, AbstractLeastSquares) else Counted
    return kind(objective, guard)
