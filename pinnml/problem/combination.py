"""Unions, differences and intersections of domains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.cavities import cavities, corners_left
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.parts import found_part, united
from pinnml.problem.sampling import measured_share

ROUNDING = 1e-9
"""Points so far from a boundary are still on it, as a share of the longest side (dimensionless)."""

PARALLEL = 1e-6
"""Normals whose cosine differs from ±1 by less are parallel: two boundaries touch along a face."""


@dataclass(frozen=True)
class Operation:
    """How two signed distances become one, max(s₁d₁, s₂d₂) for an intersection, and which boundaries remain.

    `union` takes the minimum in place of the maximum; `signs` are −1 where the complement of an operand is meant.
    """

    symbol: str
    signs: tuple[int, int] = (1, 1)
    union: bool = False


UNION, DIFFERENCE, INTERSECTION = Operation("|", union=True), Operation("-", signs=(1, -1)), Operation("&")


class Combination(AbstractDomain):
    """The union, difference or intersection of two domains with the same coordinates.

    The signed distance is the minimum or maximum of the operands'. Its sign is exact, but for zeros on faces within a
    union along which its operands touch; its size is that of the distance near smooth parts of the boundary, and
    less inside of unions and outside of differences and intersections where an operand's boundary that is none of the
    result's is nearer.

    Parameters
    ----------
    first, second : AbstractDomain
        The operands.
    operation : Operation
        What is done with them.

    Raises
    ------
    DeclarationError
        For operands of different coordinates, and for a result that is unbounded or empty.
    """

    def __init__(self, first: AbstractDomain, second: AbstractDomain, operation: Operation) -> None:
        if first.names != second.names:
            what = f"{first} has the coordinates {', '.join(first.names)} and {second} has {', '.join(second.names)}"
            raise DeclarationError(what, f"operator {operation.symbol}", "give both the same, in the same order")
        self.names, self.operation = first.names, operation
        self._whole = (first, second)
        self.lower, self.upper = _bounds(first, second, operation)
        if not all(map(math.isfinite, (*self.lower, *self.upper))):
            raise DeclarationError(f"{self} is unbounded", "domain", "begin with a bounded domain, and use & or -")
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            raise _empty(self)
        self.operands = tuple(one.within(self.lower, self.upper) for one in (first, second))
        self._slack = ROUNDING * max(self.lengths)
        self._shares: dict[str | None, float] = {None: measured_share(self.place, self.dimension)}
        if self._shares[None] == 0:
            raise _empty(self)
        self._origins = united(first.parts, second.parts)
        self._shares |= {
            part: measured_share(partial(self.place, part=part), self.cube(part)) for part in self._origins
        }
        self._origins = {part: origin for part, origin in self._origins.items() if self._shares[part] > 0}
        self.parts = tuple(self._origins)
        if operation == DIFFERENCE:
            self.cavities = cavities(first, second)
            self.corners = corners_left(first, second)

    @property
    def pieces(self) -> tuple[AbstractDomain, ...]:
        """Those of both for a union."""
        return tuple(piece for one in self._whole for piece in one.pieces) if self.operation.union else (self,)

    @property
    def description(self) -> str:
        """The operands', with what is done with them."""
        first, second = (one.description for one in self._whole)
        return f"({first} {self.operation.symbol} {second})"

    def part(self, text: str, where: str) -> str:
        """Return the name of a part of the result, also where an operand writes it otherwise."""
        return found_part(text, self._origins, self.operands, where)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare the signed distance with zero; on a part, ask the operand and whether its boundary remains there."""
        if part is None:
            return self.signed_distance(points) <= self._slack
        number, own = self._origins[part]
        held = self.operands[number].contains(points, own).clone()
        if held.any():  # of few points only is more asked, since nested operations pass the question on
            held[held.clone()] = self._remains(points[held], number, own)
        return held

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Leave out of an operand's points, or of a box's for a union, those that do not belong to the result."""
        if part is not None:
            number, own = self._origins[part]
            points = self.operands[number].place(unit, own)
            return torch.where(self._remains(points, number, own)[:, None], points, torch.nan)
        bounded = [one for one in self.operands if all(map(math.isfinite, (*one.lower, *one.upper)))]
        if self.operation.union:
            points = unit * unit.new_tensor(self.lengths) + unit.new_tensor(self.lower)
        elif self.operation.signs[1] < 0:
            points = self.operands[0].place(unit)
        else:
            points = min(bounded, key=lambda one: math.prod(one.lengths)).place(unit)
        return torch.where((self.signed_distance(points) <= 0)[:, None], points, torch.nan)

    def cube(self, part: str | None = None) -> int:
        """Return what the part's operand needs."""
        if part is None:
            return self.dimension
        number, own = self._origins[part]
        return self.operands[number].cube(own)

    def share(self, part: str | None = None) -> float:
        """Return what was measured when the domain was made."""
        return self._shares[part]

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the operand's normals, turned round for what is subtracted."""
        number, own = self._origins[part]
        return self.operation.signs[number] * self.operands[number].normal(own, points)

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return the operand's, turned round for what is subtracted.

        There is none where it may vanish inside: of unions, and of one among several parts of what is subtracted.
        """
        number, own = self._origins[part]
        if self.operation.union or (self.operation.signs[number] < 0 and len(self.operands[number].parts) > 1):
            return super().approximate_distance(part, points)
        return self.operation.signs[number] * self.operands[number].approximate_distance(own, points)

    def side(self, part: str) -> tuple[int, bool] | None:
        """Return what the operand tells, where its bounds are those of the result."""
        number, own = self._origins[part]
        operand, found = self.operands[number], self.operands[number].side(own)
        if found is None or self.operation.signs[number] < 0:
            return None
        axis, upper = found
        same = operand.upper[axis] == self.upper[axis] if upper else operand.lower[axis] == self.lower[axis]
        return found if same else None

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return min(d₁, d₂), max(d₁, d₂) or max(d₁, −d₂)."""
        pair = zip(self.operation.signs, self.operands, strict=True)
        first, second = (sign * operand.signed_distance(points) for sign, operand in pair)
        return torch.minimum(first, second) if self.operation.union else torch.maximum(first, second)

    def _remains(self, points: Tensor, number: int, own: str) -> Tensor:
        """Return where points (n, d) of a part of an operand bound the result, corners included.

        Where both operands' boundaries run along one another, the result has one if both lie on the same side of it,
        and the first operand keeps it.
        """
        other, sign = self.operands[1 - number], self.operation.signs[1 - number]
        beyond = sign * other.signed_distance(points) * (-1 if self.operation.union else 1)
        remains, close = beyond < -self._slack, beyond.abs() <= self._slack
        if not close.any():  # of a few points only are normals compared: nested operations would do so 2^depth times
            return remains
        near = points[close]
        cosine = near.new_zeros(len(near))
        normal = sign * self.operation.signs[number] * self.operands[number].normal(own, near)
        for part in other.parts:
            here = (normal * other.normal(part, near)).sum(1)
            cosine = torch.where(other.contains(near, part), here, cosine)
        along = cosine.abs() > 1 - PARALLEL
        remains[close] = ~along | ((cosine > 0) & (number == 0))
        return remains

    def __repr__(self) -> str:
        first, second = self._whole
        return f"({first} {self.operation.symbol} {second})"


def _bounds(
    first: AbstractDomain, second: AbstractDomain, operation: Operation
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return a box that holds the result, the smallest for a union."""
    if operation.signs[1] < 0:
        return first.lower, first.upper
    outer, inner = (min, max) if operation.union else (max, min)
    lower = tuple(map(outer, first.lower, second.lower))
    return lower, tuple(map(inner, first.upper, second.upper))


def _empty(domain: AbstractDomain) -> DeclarationError:
    return DeclarationError(f"{domain} is empty", "domain", "let its operands overlap")
