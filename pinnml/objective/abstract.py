"""What a solver may know of a problem: values, gradients, residuals, Jacobians, and their restriction to a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

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


E = TypeVar("E", Tensor, Iterate)


@dataclass(frozen=True)
class GaussNewtonModel:
    """f(θ + d) ≈ f + ⟨∇f, d⟩ + ½⟨d, Gd⟩ with ∇f = Jᵀr (p,) and G = JᵀJ (p, p); its tensors are the caller's own."""

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

    def released(self) -> AbstractContextManager[None]:
        """Return a context within `reserved` for large operations of the solver's own, such as a factorisation."""
        return nullcontext()

    @property
    def share(self) -> float:
        """The share of the whole network that an evaluation passes through; less than 1 where parts are kept."""
        return 1.0

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """The ranges (start, stop) of θ that belong together, in order; none where nothing is known of them."""
        return ()

    @property
    def outputs(self) -> tuple[int, ...]:
        """The neurons of each layer, where θ[start:stop] holds W (outputs × inputs) by rows, then b (outputs)."""
        return ()

    def thinned(self, share: float) -> AbstractObjective:
        """Return the same kind of function of the same θ from about this share of its terms, at that share of the work.

        An objective that is no sum returns itself.
        """
        return self


def evaluated(function: Callable[[Tensor], E], theta: Tensor) -> E:
    """Return `objective.at`, or another of its evaluations, at θ: again, twice at most, where it is not finite.

    For evaluations that much work has led to; where f has no value they come back as they are.
    """
    found = function(theta)
    for _ in range(2):
        if found.is_finite() if isinstance(found, Iterate) else bool(torch.isfinite(found).all()):
            break
        found = function(theta)
    return found


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

    @property
    def share(self) -> float:
        """The share of the objective inside."""
        return self._inner.share

    def released(self) -> AbstractContextManager[None]:
        """Do what the whole objective does."""
        return self._inner.released()

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
