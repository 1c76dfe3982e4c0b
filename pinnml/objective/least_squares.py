"""Objectives with a Gauss–Newton model, and least squares."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.objective.iterate import Iterate
from pinnml.objective.objective import AbstractObjective, Restricted
from pinnml.objective.restriction import AbstractRestriction
from pinnml.objective.root import RootModel, RowStack


@dataclass(frozen=True)
class GaussNewtonModel:
    """f(θ + d) ≈ f + ⟨∇f, d⟩ + ½⟨d, Gd⟩ with ∇f (p,) and G = JᵀJ (p, p); its tensors are the caller's to change."""

    f: Tensor
    grad: Tensor
    gram: Tensor


@dataclass(frozen=True)
class LinearModel:
    """f(θ + d) ≈ ½‖r + Jd‖² + ⟨slope, d⟩ + constant, with r (q,), J (q, p), and no slope for plain least squares."""

    f: Tensor
    residual: Tensor
    jacobian: Tensor
    slope: Tensor | None = None

    @property
    def grad(self) -> Tensor:
        """∇f = Jᵀr + slope, shape (p,)."""
        gradient = self.jacobian.T @ self.residual
        return gradient if self.slope is None else gradient + self.slope


@dataclass(frozen=True)
class Observed:
    """A point with f and the residual r (q,) there, from which f's gradient can be pulled back through any J."""

    theta: Tensor
    f: Tensor
    residual: Tensor


class AbstractGaussNewton(AbstractObjective):
    """f(θ) = ½‖r(θ)‖², perhaps with a linear term: what a damped Gauss–Newton method needs."""

    @abstractmethod
    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Return the model with G = JᵀJ at θ, or its restriction f, R∇f, RGRᵀ."""

    @abstractmethod
    def linear_model(self, theta: Tensor) -> LinearModel:
        """Return the model with r and J at θ."""

    @abstractmethod
    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Return the model with the triangle of J at θ, or with that of JRᵀ."""

    @abstractmethod
    def gram_product(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return JᵀJ·direction at θ, shape (p,)."""

    @abstractmethod
    def observe(self, theta: Tensor) -> Observed:
        """Return f and r at θ."""

    @abstractmethod
    def pull_back(self, theta: Tensor, observed: Observed) -> Tensor:
        """Return J(θ)ᵀr(observed), and the linear term's slope with it, shape (p,)."""


class AbstractLeastSquares(AbstractGaussNewton):
    """f(θ) = ½‖r(θ)‖² with r of shape (q,) and Jacobian J (q, p).

    Products of residuals are the objective's, `half_square` and `inner`, so that their rows may lie anywhere.
    """

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
    def jacobian(self, theta: Tensor) -> Tensor:
        """Return J, shape (q, p)."""

    def tested(self, theta: Tensor, tests: Tensor) -> Tensor:
        """Return BJ, shape (k, p), for k tests B (k, q) of the residuals."""
        return tests @ self.jacobian(theta)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        """Return ⟨a, b⟩ for two residuals (q,), a 0-dimensional tensor."""
        return a.dot(b)

    def half_square(self, residual: Tensor) -> Tensor:
        """Return ½‖r‖², a 0-dimensional tensor."""
        return 0.5 * self.inner(residual, residual)

    def at(self, theta: Tensor) -> Iterate:
        """Return ½‖r‖² and Jᵀr."""
        residual = self.residual(theta)
        return Iterate(theta, self.half_square(residual), self.vjp(theta, residual))

    def value(self, theta: Tensor) -> Tensor:
        """Return ½‖r‖²."""
        return self.half_square(self.residual(theta))

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Return f, Jᵀr and JᵀJ from the whole Jacobian."""
        residual, jacobian = self.residual(theta), self.jacobian(theta)
        columns = jacobian if restriction is None else restriction(jacobian)
        return GaussNewtonModel(self.half_square(residual), columns.T @ residual, columns.T @ columns)

    def linear_model(self, theta: Tensor) -> LinearModel:
        """Return r and J."""
        residual = self.residual(theta)
        return LinearModel(self.half_square(residual), residual, self.jacobian(theta))

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Return the triangle of the whole Jacobian."""
        residual, jacobian = self.residual(theta), self.jacobian(theta)
        columns = jacobian if restriction is None else restriction(jacobian)
        stack = RowStack()
        stack.push(torch.cat([columns, residual[:, None]], 1))
        return stack.model()

    def gram_product(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return Jᵀ(J·direction)."""
        return self.vjp(theta, self.jvp(theta, direction))

    def observe(self, theta: Tensor) -> Observed:
        """Return f and r."""
        residual = self.residual(theta)
        return Observed(theta, self.half_square(residual), residual)

    def pull_back(self, theta: Tensor, observed: Observed) -> Tensor:
        """Return J(θ)ᵀr(observed)."""
        return self.vjp(theta, observed.residual)

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractLeastSquares:
        """Return the same restriction as a least-squares objective with Jacobian JRᵀ."""
        return RestrictedLeastSquares(self, restriction, theta, start)


class RestrictedLeastSquares(Restricted, AbstractLeastSquares):
    """x ↦ ½‖r(θ + Rᵀ(x − x₀))‖² with Jacobian JRᵀ."""

    _inner: AbstractLeastSquares

    restricted = Restricted.restricted  # type: ignore[assignment]

    def residual(self, theta: Tensor) -> Tensor:
        """Return the whole residual, shape (q,)."""
        return self._inner.residual(self._whole(theta))

    def half_square(self, residual: Tensor) -> Tensor:
        """Return that of the objective inside."""
        return self._inner.half_square(residual)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        """Return that of the objective inside."""
        return self._inner.inner(a, b)

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return JRᵀ·direction."""
        return self._inner.jvp(self._whole(theta), self._restriction.adjoint(direction))

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return RJᵀ·cotangent."""
        return self._restriction(self._inner.vjp(self._whole(theta), cotangent))

    def jacobian(self, theta: Tensor) -> Tensor:
        """Return JRᵀ from the whole J, or column by column where there are few."""
        if not self._restriction.by_products:
            return self._restriction(self._inner.jacobian(self._whole(theta)))
        units = torch.eye(len(theta), dtype=theta.dtype, device=theta.device)
        return torch.stack([self.jvp(theta, unit) for unit in units], 1)

    def tested(self, theta: Tensor, tests: Tensor) -> Tensor:
        """Return BJRᵀ from BJ."""
        return self._restriction(self._inner.tested(self._whole(theta), tests))

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Return f, R∇f and RGRᵀ."""
        if self._restriction.by_products:
            return super().gauss_newton(theta, restriction)
        within = self._restriction if restriction is None else restriction @ self._restriction
        return self._inner.gauss_newton(self._whole(theta), within)

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Return the triangle of JRᵀ."""
        if self._restriction.by_products:
            return super().square_root(theta, restriction)
        within = self._restriction if restriction is None else restriction @ self._restriction
        return self._inner.square_root(self._whole(theta), within)
