"""Stencils: at which points fields are read for one residual."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class AbstractStencil(ABC):
    """A map of each point of a condition to the `count` points at which its residual reads the fields.

    A condition keeps its own points, whatever its stencil: they are drawn, renewed and given as those of any other.
    """

    count: int

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return for points (n, d) all first points of their stencils, then all second ones, …, (count·n, d)."""

    def chosen(self, values: Tensor, numbers: Tensor | slice) -> Tensor:
        """Return what belongs to the stencils with some numbers of values (count·n, …), in the same order."""
        return torch.cat([part[numbers] for part in values.chunk(self.count)]) if self.count > 1 else values[numbers]


class OnePoint(AbstractStencil):
    """The point itself."""

    count = 1

    def __call__(self, x: Tensor) -> Tensor:
        """Return the points."""
        return x
