"""A block as a range of θ, and an objective tilted by a linear term."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinnml.objective.abstract import AbstractObjective, AbstractRestriction, Iterate


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
    """f(θ) + ⟨slope, θ − origin⟩: an objective with a linear term, as in a tau correction (Nash 2000)."""

    def __init__(self, inner: AbstractObjective, slope: Tensor, origin: Tensor) -> None:
        self._inner = inner
        self._slope = slope
        self._origin = origin

    def at(self, theta: Tensor) -> Iterate:
        """Add the linear term to value and gradient."""
        plain = self._inner.at(theta)
        return Iterate(theta, plain.f + self._slope.dot(theta - self._origin), plain.grad + self._slope)
