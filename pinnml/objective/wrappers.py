"""Blocks as ranges of θ, and an objective tilted by a linear term."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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


@dataclass(frozen=True)
class Ranges(AbstractRestriction):
    """The entries of some ranges (start, stop) that do not meet, one after another, of a θ with `size` entries."""

    ranges: tuple[tuple[int, int], ...]
    size: int

    def __call__(self, v: Tensor) -> Tensor:
        """Return the entries."""
        return torch.cat([v[..., start:stop] for start, stop in self.ranges], -1)

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend by zero."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        begin = 0
        for start, stop in self.ranges:
            whole[..., start:stop] = x[..., begin : begin + stop - start]
            begin += stop - start
        return whole


@dataclass(frozen=True)
class Within(AbstractRestriction):
    """A part of a block, R = R_inner R_outer, for objectives that know how to restrict themselves to the block."""

    outer: AbstractRestriction
    inner: AbstractRestriction

    def __call__(self, v: Tensor) -> Tensor:
        """Restrict to the block, then to its part."""
        return self.inner(self.outer(v))

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend to the block, then to all."""
        return self.outer.adjoint(self.inner.adjoint(x))


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
