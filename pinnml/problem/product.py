"""Products of domains with different coordinates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.parts import found_part, united


class Product(AbstractDomain):
    """The product of two domains with different coordinates, such as time and space: `Box(t=(0, 1)) * Ball(…)`.

    Its parts are a part of one factor times all of the other.

    Parameters
    ----------
    first, second : AbstractDomain
        The factors.

    Raises
    ------
    DeclarationError
        For factors that share a coordinate, and for unbounded ones.
    """

    def __init__(self, first: AbstractDomain, second: AbstractDomain) -> None:
        if set(first.names) & set(second.names):
            what = f"{first} and {second} share the coordinate {min(set(first.names) & set(second.names))}"
            raise DeclarationError(what, "operator *", "give each factor coordinates of its own")
        self.factors = (first, second)
        self.names = first.names + second.names
        self.lower, self.upper = first.lower + second.lower, first.upper + second.upper
        self._origins = united(first.parts, second.parts)
        self.parts = tuple(self._origins)
        self.cavities = (*first.cavities, *second.cavities)
        self.corners = (*first.corners, *second.corners)
        if not all(map(math.isfinite, (*self.lower, *self.upper))):
            raise DeclarationError(f"{self} is unbounded", "domain", "give bounded factors")

    @property
    def description(self) -> str:
        """Both factors'."""
        return f"({self.factors[0].description} * {self.factors[1].description})"

    def part(self, text: str, where: str) -> str:
        """Return the name of a part, also where a factor writes it otherwise."""
        return found_part(text, self._origins, self.factors, where)

    def sides(self, axis: int) -> tuple[str, ...]:
        """Return the sides of the factor that has the coordinate."""
        number = int(axis >= self.factors[0].dimension)
        sides = self.factors[number].sides(axis - number * self.factors[0].dimension)
        return tuple(name for side in sides for name, origin in self._origins.items() if origin == (number, side))

    def across(self, name: str) -> AbstractDomain | None:
        """Return the other factor, and what is left of the one that has the coordinate."""
        number = next((number for number, factor in enumerate(self.factors) if name in factor.names), None)
        if number is None or self.factors[number].names == (name,):
            return None if number is None else self.factors[1 - number]
        left = self.factors[number].across(name)
        if left is None:
            return None
        return Product(left, self.factors[1]) if number == 0 else Product(self.factors[0], left)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Ask both factors."""
        first, second = self._split(points)
        one, two = self._own(part)
        return self.factors[0].contains(first, one) & self.factors[1].contains(second, two)

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Place the first columns by the first factor, the others by the second."""
        one, two = self._own(part)
        size = self.factors[0].cube(one)
        return torch.cat([self.factors[0].place(unit[:, :size], one), self.factors[1].place(unit[:, size:], two)], 1)

    def cube(self, part: str | None = None) -> int:
        """Return the sum over both factors."""
        return sum(factor.cube(own) for factor, own in zip(self.factors, self._own(part), strict=True))

    def share(self, part: str | None = None) -> float:
        """Return the product over both factors."""
        return math.prod(factor.share(own) for factor, own in zip(self.factors, self._own(part), strict=True))

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the factor's normals, zero along the coordinates of the other one."""
        number, own = self._origins[part]
        pieces = list(self._split(points))
        pieces[number] = self.factors[number].normal(own, pieces[number])
        pieces[1 - number] = torch.zeros_like(pieces[1 - number])
        return torch.cat(pieces, 1)

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return the factor's."""
        number, own = self._origins[part]
        return self.factors[number].approximate_distance(own, self._split(points)[number])

    def side(self, part: str) -> tuple[int, bool] | None:
        """Return what the factor tells, among all coordinates."""
        number, own = self._origins[part]
        found = self.factors[number].side(own)
        return None if found is None else (found[0] + self._first(number), found[1])

    def axes_of(self, part: str) -> frozenset[int]:
        """Return the factor's, among all coordinates."""
        number, own = self._origins[part]
        return frozenset(axis + self._first(number) for axis in self.factors[number].axes_of(own))

    def _first(self, number: int) -> int:
        """Return the axis of a factor's first coordinate."""
        return number * self.factors[0].dimension

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return ‖max(d, 0)‖ + min(max(d₁, d₂), 0), as of a box."""
        pair = zip(self.factors, self._split(points), strict=True)
        both = torch.stack([factor.signed_distance(piece) for factor, piece in pair])
        return torch.linalg.vector_norm(both.clamp_min(0), dim=0) + both.amax(0).clamp_max(0)

    def _split(self, points: Tensor) -> tuple[Tensor, Tensor]:
        size = self.factors[0].dimension
        return points[:, :size], points[:, size:]

    def _own(self, part: str | None) -> tuple[str | None, str | None]:
        """Return what a part is in each factor: a part of one, all of the other."""
        if part is None:
            return None, None
        number, own = self._origins[part]
        return (own, None) if number == 0 else (None, own)

    def __repr__(self) -> str:
        return f"({self.factors[0]} * {self.factors[1]})"
