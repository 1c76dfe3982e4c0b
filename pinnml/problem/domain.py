"""Domains: named coordinates, a boundary of named parts, and where points lie."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from pinnml.errors import DeclarationError, suggestion


class AbstractDomain(ABC):
    """A bounded set of points with named coordinates, whose boundary consists of named parts.

    Attributes
    ----------
    names : tuple of str
        The names of the d coordinates.
    lower, upper : tuple of float
        The smallest box ∏ [lower_i, upper_i] that holds the domain, in the user's units.
    parts : tuple of str
        The names of the parts of the boundary.
    """

    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    parts: tuple[str, ...]

    @property
    def dimension(self) -> int:
        """The number d of coordinates."""
        return len(self.names)

    @property
    def lengths(self) -> tuple[float, ...]:
        """The side lengths upper_i − lower_i of the smallest box."""
        return tuple(high - low for low, high in zip(self.lower, self.upper, strict=True))

    @abstractmethod
    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Return for each point (n, d) whether it lies in the closed domain, or on a part of its boundary.

        Rounding errors of the points are allowed for; a point that is not finite is outside.
        """

    @abstractmethod
    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Map points of the unit cube (n, d) into the domain, or points (n, d − 1) onto a part of its boundary.

        Equal volumes (areas) of the cube go to equal volumes (areas); dtype and device are kept.
        """

    @abstractmethod
    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the outward unit normals (n, d) at points (n, d) of a part of the boundary."""

    @abstractmethod
    def signed_distance(self, points: Tensor) -> Tensor:
        """Return the distance (n,) of points (n, d) to the boundary, negative inside, in the coordinates' units."""

    def part(self, text: str, where: str) -> str:
        """Return the name of the part that a text names; raise `DeclarationError` where there is none."""
        if text not in self.parts:
            raise DeclarationError(f"No part of the boundary is called {text!r}", where, suggestion(text, self.parts))
        return text

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
            f"move the points or enlarge the {type(domain).__name__}",
        )
