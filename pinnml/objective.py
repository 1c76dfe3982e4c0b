"""The waist: what a solver may know of a problem. Nothing here knows PDEs, nothing here knows solvers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
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


@dataclass(frozen=True)
class GaussNewtonModel:
    """f(θ + d) ≈ f + ⟨∇f, d⟩ + ½⟨d, Gd⟩ with ∇f = Jᵀr (p,) and G = JᵀJ (p, p)."""

    f: Tensor
    grad: Tensor
    gram: Tensor


class AbstractRestriction(ABC):
    """A linear map R from θ (p,) to a block (k,) with its exact adjoint: ⟨Rv, x⟩ = ⟨v, Rᵀx⟩."""

    @abstractmethod
    def __call__(self, v: Tensor) -> Tensor:
        """Return Rv, shape (…, k), for v of shape (…, p)."""

    @abstractmethod
    def adjoint(self, x: Tensor) -> Tensor:
        """Return Rᵀx, shape (p,)."""


class AbstractObjective(ABC):
    """A function f of θ that gives its value and gradient together."""

    @abstractmethod
    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f at θ; entries that are not finite are handed on for the solver to see."""

    def value(self, theta: Tensor) -> Tensor:
        """Return f(θ) alone."""
        return self.at(theta).f

    def restricted(self, restriction: AbstractRestriction, theta: Tensor) -> AbstractObjective:
        """Return x ↦ f(θ + Rᵀ(x − Rθ)): the other parameters stay as they are in θ."""
        return Restricted(self, restriction, theta)

    def reserved(self) -> AbstractContextManager[None]:
        """Return a context for many evaluations in a row, in which the objective may arrange the machine's threads."""
        return nullcontext()

    @property
    def share(self) -> float:
        """The share of the whole network that an evaluation passes through; less than 1 where parts are kept."""
        return 1.0

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """The ranges (start, stop) of θ that belong together, in order; none where nothing is known of them."""
        return ()


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

    def value(self, theta: Tensor) -> Tensor:
        """Return ½‖r‖²."""
        residual = self.residual(theta)
        return 0.5 * residual.dot(residual)

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Return the Gauss–Newton model at θ, or its restriction f, R∇f, RGRᵀ."""
        residual, jacobian = self.residual(theta), self.jacobian(theta, 0, len(theta))
        columns = jacobian if restriction is None else restriction(jacobian)
        return GaussNewtonModel(0.5 * residual.dot(residual), columns.T @ residual, columns.T @ columns)

    def restricted(self, restriction: AbstractRestriction, theta: Tensor) -> AbstractLeastSquares:
        """Return the same restriction as a least-squares objective with Jacobian JRᵀ."""
        return RestrictedLeastSquares(self, restriction, theta)


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


class RestrictedLeastSquares(Restricted, AbstractLeastSquares):
    """x ↦ f(θ + Rᵀ(x − Rθ)) with residual r(θ + Rᵀ(x − Rθ)) and Jacobian JRᵀ."""

    _inner: AbstractLeastSquares

    def _whole(self, x: Tensor) -> Tensor:
        return self._frozen + self._restriction.adjoint(x)

    def residual(self, theta: Tensor) -> Tensor:
        """Return the whole residual, shape (q,)."""
        return self._inner.residual(self._whole(theta))

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return JRᵀ·direction."""
        return self._inner.jvp(self._whole(theta), self._restriction.adjoint(direction))

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return RJᵀ·cotangent."""
        return self._restriction(self._inner.vjp(self._whole(theta), cotangent))

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Return columns of JRᵀ from the whole J."""
        whole = self._whole(theta)
        return self._restriction(self._inner.jacobian(whole, 0, len(whole)))[:, start:stop]

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Return f, R∇f and RGRᵀ."""
        if restriction is not None:
            return super().gauss_newton(theta, restriction)
        return self._inner.gauss_newton(self._whole(theta), self._restriction)


@dataclass(frozen=True)
class Range(AbstractRestriction):
    """The entries start … stop − 1 of a θ with `size` entries."""

    start: int
    stop: int
    size: int

    def __call__(self, v: Tensor) -> Tensor:
        """Return the entries."""
        return v[..., self.start : self.stop]

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend by zero."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        whole[..., self.start : self.stop] = x
        return whole


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
    JᵀJ of k columns costs k²/(24p) more: n k² multiplications, half of k², against 6·4·n·p for jets of four channels.
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

    def replace(self, inner: AbstractObjective) -> None:
        """Go on counting with another objective of the same kind."""
        self._inner = inner

    def _spend(self, kind: str, work: float) -> None:
        if self._guard(self.counts):
            raise BudgetSpentError
        counts = self.counts
        self.counts = replace(counts, **{kind: getattr(counts, kind) + 1, "work": counts.work + work})

    def at(self, theta: Tensor) -> Iterate:
        """Count one gradient, one work unit."""
        self._spend("gradients", 1.0)
        return self._inner.at(theta)

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """The layers of the objective inside."""
        return self._inner.layers


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

    def value(self, theta: Tensor) -> Tensor:
        """Count one residual, a third of a work unit."""
        self._spend("residuals", 1 / 3)
        return self._inner.value(theta)

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Count one Jacobian of all columns, one work unit, and the products of its columns."""
        self._spend("jacobians", 1.0)
        self._add_products(theta.numel(), theta.numel())
        return self._inner.gauss_newton(theta, restriction)

    def restricted(self, restriction: AbstractRestriction, theta: Tensor) -> AbstractLeastSquares:
        """Return a restriction whose evaluations are counted here, too; what it keeps is evaluated once."""
        part = self._inner.restricted(restriction, theta)
        self.counts = replace(self.counts, work=self.counts.work + (1 - part.share) / 3)
        return CountedPart(self, part, theta.numel())

    def _add_products(self, columns: int, size: int) -> None:
        self.counts = replace(self.counts, work=self.counts.work + columns**2 / (24 * size))

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Count one Jacobian: two thirds of a work unit, and the block's share of the last third."""
        self._spend("jacobians", (2 + (stop - start) / theta.numel()) / 3)
        return self._inner.jacobian(theta, start, stop)


class CountedPart(AbstractLeastSquares):
    """A restriction of a counted objective to k of p parameters: it counts there, for its share of the work.

    An evaluation passes through the share σ of the network that the restriction does not keep: a residual costs σ/3,
    a gradient (2σ + k/p)/3.
    """

    def __init__(self, whole: CountedLeastSquares, inner: AbstractLeastSquares, size: int) -> None:
        self._whole = whole
        self._inner = inner
        self._size = size

    @property
    def share(self) -> float:
        """The share of the objective inside."""
        return self._inner.share

    def _spend(self, kind: str, theta: Tensor) -> None:
        own = 0.0 if kind == "residuals" else self._inner.share + theta.numel() / self._size
        self._whole._spend(kind, (self._inner.share + own) / 3)

    def at(self, theta: Tensor) -> Iterate:
        """Count one gradient of the part."""
        self._spend("gradients", theta)
        return self._inner.at(theta)

    def value(self, theta: Tensor) -> Tensor:
        """Count one residual."""
        self._spend("residuals", theta)
        return self._inner.value(theta)

    def residual(self, theta: Tensor) -> Tensor:
        """Count one residual."""
        self._spend("residuals", theta)
        return self._inner.residual(theta)

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Count one product."""
        self._spend("products", theta)
        return self._inner.jvp(theta, direction)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Count one product."""
        self._spend("products", theta)
        return self._inner.vjp(theta, cotangent)

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Count one Jacobian."""
        self._spend("jacobians", theta)
        return self._inner.jacobian(theta, start, stop)

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Count one Jacobian and the products of its columns."""
        self._spend("jacobians", theta)
        self._whole._add_products(theta.numel(), self._size)
        return self._inner.gauss_newton(theta, restriction)


def counted(objective: AbstractObjective, guard: Callable[[Counts], bool] = lambda counts: False) -> Counted:
    """Wrap an objective so that it counts; a least-squares objective stays one."""
    kind = CountedLeastSquares if isinstance(objective, AbstractLeastSquares) else Counted
    return kind(objective, guard)
