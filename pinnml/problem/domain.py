"""Domains: named coordinates, a boundary of named parts, and where points lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.problem.sampling import UnitPoints, drawn


@dataclass(frozen=True)
class Triangulation:
    """A mesh's nodes, shape (n, d), and the numbers of the corners of its triangles or tetrahedra, shape (c, d + 1)."""

    points: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True)
class Cavity:
    """A ball outside of a domain and surrounded by it: radius, and centre by the names of its coordinates."""

    radius: float
    centre: Mapping[str, float]


@dataclass(frozen=True)
class Corner:
    """Where two parts of a boundary meet: its place by the names of two coordinates, and the angle ω of the inside.

    The inside lies around the direction β = `direction`, an angle from the first of the two axes; both in radians.
    """

    place: Mapping[str, float]
    direction: float
    angle: float


class AbstractDomain(ABC):
    """A bounded set of points with named coordinates, whose boundary consists of named parts.

    Attributes
    ----------
    names : tuple of str
        The names of the d coordinates.
    lower, upper : tuple of float
        A box ∏ [lower_i, upper_i] that holds the domain, the smallest where it is known, in the user's units.
    parts : tuple of str
        The names of the parts of the boundary.
    triangulation : Triangulation or None
        What a mesh consists of; None for other domains.
    cavities : tuple of Cavity
        Balls within the domain's holes, as far as they are known: near them solutions change faster than elsewhere.
    corners : tuple of Corner
        Its corners in two of the coordinates, as far as they are known: at them solutions are less smooth.
    """

    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    parts: tuple[str, ...]
    triangulation: Triangulation | None = None
    cavities: tuple[Cavity, ...] = ()
    corners: tuple[Corner, ...] = ()

    @property
    def dimension(self) -> int:
        """The number d of coordinates."""
        return len(self.names)

    @property
    def pieces(self) -> tuple[AbstractDomain, ...]:
        """The domains of which this is the union, as far as it was made of such."""
        return (self,)

    @property
    def lengths(self) -> tuple[float, ...]:
        """The side lengths upper_i − lower_i of the box that holds the domain."""
        return tuple(high - low for low, high in zip(self.lower, self.upper, strict=True))

    @property
    def description(self) -> str:
        """A text that others with the same box do not have, as far as the domain writes down what it is.

        It is kept with a run, so that the run is read on its own domain alone.
        """
        return type(self).__name__ if type(self).__repr__ is object.__repr__ else repr(self)

    @abstractmethod
    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Return for each point (n, d) whether it lies in the closed domain, or on a part of its boundary.

        Rounding errors of the points are allowed for; a point that is not finite is outside.
        """

    @abstractmethod
    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Map points of the unit cube (n, k) into the domain, or onto a part of its boundary; k = `cube(part)`.

        Equal volumes of the cube go to equal volumes, or areas; dtype and device are kept. A domain that has no such
        map of the whole cube leaves some points without an image, which are rows of NaN: `sample` leaves them out.
        """

    def cube(self, part: str | None = None) -> int:
        """Return the dimension of the unit cube that `place` maps: d, and d − 1 for a part of the boundary."""
        return self.dimension - (part is not None)

    def share(self, part: str | None = None) -> float:
        """Return the share of that cube which has images."""
        return 1.0

    def sample(self, unit: UnitPoints, count: int, part: str | None = None) -> Tensor:
        """Return `count` points (n, d) of the domain, or of a part of its boundary, as even as those of the cube.

        Where all of the cube has images, there are as many as `unit` gives; a part that is a point is one row.
        """
        return drawn(lambda points: self.place(points, part), unit, count, self.cube(part), self.share(part))

    def within(self, lower: Sequence[float], upper: Sequence[float]) -> AbstractDomain:
        """Return a set that is the same in a box, for the sake of points; only a set without bounds needs one."""
        return self

    @abstractmethod
    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the outward unit normals (n, d) at points (n, d) of a part of the boundary."""

    @abstractmethod
    def signed_distance(self, points: Tensor) -> Tensor:
        """Return the distance (n,) of points (n, d) to the boundary, negative inside, in the coordinates' units.

        Its sign is exact. For set operations it is no more than the distance, and equal to it near smooth parts.
        """

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return a smooth function (n,) that is zero on a part with a slope of about one, and above zero inside.

        Raises `DeclarationError` for a domain that has none: values there cannot hold by construction.
        """
        remedy = "leave the condition out of hard, or hand over lifting=Lifting(u=(g, l))"
        raise DeclarationError(f"No smooth distance is known from {part!r} of {self}", "hard condition", remedy)

    def side(self, part: str) -> tuple[int, bool] | None:
        """Return axis and end of a part on which a coordinate is its `lower`, False, or `upper`; None for others."""
        sides = ((axis, self.sides(axis)) for axis in range(self.dimension))
        return next(((axis, part == both[1]) for axis, both in sides if part in both), None)

    def axes_of(self, part: str) -> frozenset[int]:
        """Return the axes of the coordinates that tell whether a point lies on a part."""
        return frozenset(range(self.dimension))

    def part(self, text: str, where: str) -> str:
        """Return the name of the part that a text names; raise `DeclarationError` where there is none."""
        if text not in self.parts:
            raise DeclarationError(f"No part of the boundary is called {text!r}", where, suggestion(text, self.parts))
        return text

    def across(self, name: str) -> AbstractDomain | None:
        """Return the domain of the other coordinates where it is the same at every value of one, such as time."""
        return None

    def sides(self, axis: int) -> tuple[str, ...]:
        """Return the two parts on which a coordinate is constant, the lower one first; none for other shapes."""
        return ()


def check_inside(points: Tensor, domain: AbstractDomain, where: str) -> None:
    """Raise `DeclarationError` naming the first of the points (n, d) that is not finite or outside the domain."""
    outside = (~domain.contains(points)).nonzero()
    if len(outside):
        point = ", ".join(f"{name}={value:g}" for name, value in zip(domain.names, points[outside[0, 0]], strict=True))
        raise DeclarationError(
            f"{len(outside)} of {len(points)} points lie outside {domain}, the first at {point}",
            where,
            "move the points or enlarge the domain",
        )
