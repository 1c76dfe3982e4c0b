"""What an argument of a user's function may stand for: what it needs of the fields, and what it is at points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.problem.unknown import Unknown

MultiIndex = tuple[int, ...]
"""Orders of differentiation by coordinate: (1, 2) is ∂³/∂t∂x² where the coordinates are (t, x)."""


class Symbol(ABC):
    """What an argument stands for."""

    @property
    def needs(self) -> tuple[FieldDerivative, ...]:
        """The derivatives of fields that it is made of."""
        return ()

    @property
    def needs_normals(self) -> bool:
        """Whether it is made of the normal."""
        return False

    @abstractmethod
    def of(self, at: At) -> Tensor | float:
        """Return what it is at n points, shape (n,), or (n, k) for a vector; a number is the same at all of them."""


@dataclass(frozen=True)
class FieldDerivative(Symbol):
    """The derivative ∂^index of a field, both by number."""

    field: int
    index: MultiIndex

    @property
    def needs(self) -> tuple[FieldDerivative, ...]:
        """The derivative itself."""
        return (self,)

    def of(self, at: At) -> Tensor:
        """Return its values."""
        return at.values[self]


@dataclass(frozen=True)
class At:
    """Points x (n, d), what is learned there, shape (n,) each, and on the boundary outward normals (n, d)."""

    x: Tensor
    values: Mapping[Any, Tensor]
    normals: Tensor | None = None


@dataclass(frozen=True)
class Coordinate(Symbol):
    """A coordinate by its axis."""

    axis: int

    def of(self, at: At) -> Tensor:
        """Return a column of the points."""
        return at.x[:, self.axis]


@dataclass(frozen=True)
class Position(Symbol):
    """Several coordinates by their axes, as one vector."""

    axes: tuple[int, ...]

    def of(self, at: At) -> Tensor:
        """Return columns of the points, shape (n, k)."""
        return torch.stack([at.x[:, axis] for axis in self.axes], 1)


@dataclass(frozen=True)
class Parameter(Symbol):
    """A parameter of the equation by its value (units are the user's own)."""

    value: float

    def of(self, at: At) -> float:
        """Return the number."""
        return self.value


@dataclass(frozen=True)
class UnknownParameter(Symbol):
    """A parameter that is learned, by its number among those of the problem."""

    number: int
    unknown: Unknown

    def of(self, at: At) -> Tensor:
        """Return its value at every point."""
        return at.values[self]


Learned = FieldDerivative | UnknownParameter
"""What θ decides: at every point a field's derivative, or a parameter."""


@dataclass(frozen=True)
class Gradient(Symbol):
    """The derivatives of a field, by number, along some axes of d, as one vector."""

    field: int
    axes: tuple[int, ...]
    dimension: int
    order: int = 1

    @property
    def needs(self) -> tuple[FieldDerivative, ...]:
        """One derivative for each axis."""
        along = [tuple(self.order * (axis == other) for other in range(self.dimension)) for axis in self.axes]
        return tuple(FieldDerivative(self.field, index) for index in along)

    def of(self, at: At) -> Tensor:
        """Return ∇u, shape (n, k)."""
        return torch.stack([at.values[part] for part in self.needs], 1)


@dataclass(frozen=True)
class Laplacian(Gradient):
    """The sum of the second derivatives of a field along some axes."""

    order: int = 2

    def of(self, at: At) -> Tensor:
        """Return Δu, shape (n,)."""
        return super().of(at).sum(1)


@dataclass(frozen=True)
class Normal(Symbol):
    """A component of the outward unit normal by its axis (dimensionless)."""

    axis: int

    @property
    def needs_normals(self) -> bool:
        """It is a part of it."""
        return True

    def of(self, at: At) -> Tensor:
        """Return a column of the normals."""
        assert at.normals is not None
        return at.normals[:, self.axis]


@dataclass(frozen=True)
class NormalDerivative(Gradient):
    """The derivative n·∇u of a field along the outward unit normal, in the field's over the coordinates' units.

    The normal is zero along other axes than those given.
    """

    @property
    def needs_normals(self) -> bool:
        """It is along it."""
        return True

    def of(self, at: At) -> Tensor:
        """Return the sum over the axes, shape (n,)."""
        assert at.normals is not None
        return (at.normals[:, self.axes] * super().of(at)).sum(1)
