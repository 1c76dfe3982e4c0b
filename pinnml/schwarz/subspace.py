"""An objective on the span of some directions."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, AbstractObjective, Iterate


class Subspace(AbstractObjective):
    """β ↦ f(θ + Dᵀβ) for directions D (s, p), with gradient D∇f (s,)."""

    def __init__(self, inner: AbstractObjective, theta: Tensor, directions: Tensor) -> None:
        self._inner = inner
        self._origin = theta
        self._directions = directions

    def _whole(self, beta: Tensor) -> Tensor:
        return self._origin + beta @ self._directions

    def released(self) -> AbstractContextManager[None]:
        """Do what the objective inside does."""
        return self._inner.released()

    def at(self, theta: Tensor) -> Iterate:
        """Evaluate the whole objective; `theta` is β (s,)."""
        whole = self._inner.at(self._whole(theta))
        return Iterate(theta, whole.f, self._directions @ whole.grad)


class SubspaceLeastSquares(Subspace, AbstractLeastSquares):
    """β ↦ r(θ + Dᵀβ) with Jacobian JDᵀ, one jvp a direction: the Jacobian of all parameters is never formed."""

    _inner: AbstractLeastSquares

    def residual(self, theta: Tensor) -> Tensor:
        """Return the whole residual, shape (q,)."""
        return self._inner.residual(self._whole(theta))

    def value(self, theta: Tensor) -> Tensor:
        """Return f(θ + Dᵀβ)."""
        return self._inner.value(self._whole(theta))

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return JDᵀ·direction."""
        return self._inner.jvp(self._whole(theta), direction @ self._directions)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return DJᵀ·cotangent."""
        return self._directions @ self._inner.vjp(self._whole(theta), cotangent)

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Return columns of JDᵀ, shape (q, stop − start)."""
        whole = self._whole(theta)
        return torch.stack([self._inner.jvp(whole, direction) for direction in self._directions[start:stop]], 1)
