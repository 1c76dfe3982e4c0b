"""Boxes and their faces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.problem.composable import ComposableDomain
from pinnml.problem.domain import AbstractDomain, Corner

ROUNDING = 1e-9
"""Points this far beyond a face are still on it, as a share of the side's length (dimensionless)."""


@dataclass(frozen=True)
class Face:
    """One side of a box: the points whose coordinate `axis` equals the lower (`upper=False`) or upper bound."""

    axis: int
    upper: bool


class Box(ComposableDomain):
    """The box ∏ [lower_i, upper_i] with a name for every coordinate.

    `Box(t=(0, 1), x=(-1, 1))`. The parts of its boundary are its faces, written as a coordinate and one of its two
    bounds: "t=0", "t=1", "x=-1", "x=1".

    Parameters
    ----------
    **sides : tuple of two floats
        The lower and upper bound of each coordinate by its name, in the user's own units.

    Raises
    ------
    DeclarationError
        Without a coordinate, and for a side that is empty, unbounded or no pair of numbers.
    """

    def __init__(self, /, **sides: tuple[float, float]) -> None:
        if not sides:
            raise DeclarationError("Box has no coordinate", "Box()", "give at least one, as in Box(x=(0, 1))")
        bounds = [_bounds(name, side) for name, side in sides.items()]
        self.names = tuple(sides)
        self.lower = tuple(low for low, _ in bounds)
        self.upper = tuple(high for _, high in bounds)
        self.faces: dict[str, Face] = {
            f"{name}={_digits(bound)}": Face(axis, upper)
            for axis, name in enumerate(self.names)
            for upper, bound in ((False, self.lower[axis]), (True, self.upper[axis]))
        }
        self.parts = tuple(self.faces)
        self.corners = tuple(self._corners())

    def _corners(self) -> Iterator[Corner]:
        """Yield the right angles between faces, by the two coordinates that are fixed there."""
        for axes in combinations(range(self.dimension), 2):
            for uppers in product((False, True), repeat=2):
                ends = [(self.lower, self.upper)[upper][axis] for axis, upper in zip(axes, uppers, strict=True)]
                along, across = (-1.0 if upper else 1.0 for upper in uppers)
                place = dict(zip((self.names[axis] for axis in axes), ends, strict=True))
                yield Corner(place, math.atan2(across, along), math.pi / 2)

    def face(self, text: str, where: str) -> Face:
        """Return the face written as `"x=-1"`; raise `DeclarationError` naming the valid ones otherwise."""
        try:
            name, _, number = text.partition("=")
            axis, value = self.names.index(name.strip()), float(number)
        except (AttributeError, ValueError):
            raise DeclarationError(f"No face {text!r}", where, suggestion(text, self.faces)) from None
        for face in (Face(axis, False), Face(axis, True)):
            if abs(value - self.position(face)) <= ROUNDING * self.lengths[axis]:
                return face
        raise DeclarationError(f"{text!r} is no face of the domain", where, suggestion(text, self.faces))

    def part(self, text: str, where: str) -> str:
        """Return the name of the face that a text such as `"x = -1.0"` names, as it stands in `parts`."""
        face = self.face(text, where)
        return self.sides(face.axis)[face.upper]

    def sides(self, axis: int) -> tuple[str, ...]:
        """Return the names of the lower and the upper face of a coordinate."""
        return self.parts[2 * axis : 2 * axis + 2]

    def across(self, name: str) -> Box | None:
        """Return the box of the other coordinates."""
        sides = zip(self.names, self.lower, self.upper, strict=True)
        others = {other: (low, high) for other, low, high in sides if other != name}
        return Box(**others) if 0 < len(others) < self.dimension else None

    def position(self, face: Face) -> float:
        """Return the value of the coordinate that is constant on a face."""
        return self.upper[face.axis] if face.upper else self.lower[face.axis]

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return the distance from the face's plane."""
        face = self.face(part, "part")
        away = points[:, face.axis] - self.position(face)
        return -away if face.upper else away

    def axes_of(self, part: str) -> frozenset[int]:
        """Return the axis of the coordinate that is constant on a face."""
        return frozenset([self.face(part, "part").axis])

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare points (n, d) with the bounds, and with the position of a face."""
        slack = ROUNDING * points.new_tensor(self.lengths)
        lower, upper = points.new_tensor(self.lower), points.new_tensor(self.upper)
        inside = ((points >= lower - slack) & (points <= upper + slack)).all(1)
        if part is None:
            return inside
        face = self.face(part, "part")
        position = points.new_tensor(self.position(face))
        return inside & ((points[:, face.axis] - position).abs() <= slack[face.axis])

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Scale points of the unit cube to the box, or to a face."""
        if part is None:
            return unit * unit.new_tensor(self.lengths) + unit.new_tensor(self.lower)
        face = self.face(part, "part")
        points = self.place(torch.cat([unit[:, : face.axis], unit.new_zeros(len(unit), 1), unit[:, face.axis :]], 1))
        points[:, face.axis] = self.position(face)
        return points

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the unit vector along the coordinate that is constant on the face."""
        face = self.face(part, "part")
        normals = torch.zeros_like(points)
        normals[:, face.axis] = 1.0 if face.upper else -1.0
        return normals

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return ‖max(b, 0)‖ + min(max_i b_i, 0), where b_i is how far a point lies beyond the nearer bound of x_i."""
        lower, upper = points.new_tensor(self.lower), points.new_tensor(self.upper)
        beyond = torch.maximum(lower - points, points - upper)
        return torch.linalg.vector_norm(beyond.clamp_min(0), dim=1) + beyond.amax(1).clamp_max(0)

    def __mul__(self, other: AbstractDomain) -> ComposableDomain:
        """Return a box of more coordinates where the other factor is one, too."""
        if not isinstance(other, Box) or set(self.names) & set(other.names):
            return super().__mul__(other)
        bounds = zip(self.lower + other.lower, self.upper + other.upper, strict=True)
        return Box(**dict(zip(self.names + other.names, bounds, strict=True)))

    def __repr__(self) -> str:
        sides = zip(self.names, self.lower, self.upper, strict=True)
        return "Box(" + ", ".join(f"{name}=({_digits(low)}, {_digits(high)})" for name, low, high in sides) + ")"


def _bounds(name: str, side: tuple[float, float]) -> tuple[float, float]:
    where = f"coordinate {name!r} of Box"
    try:
        if isinstance(side, str):
            raise ValueError
        low, high = (float(bound) for bound in side)
    except (TypeError, ValueError, RuntimeError):
        raise DeclarationError(f"{side!r} is no interval", where, "give (lower, upper)") from None
    except OverflowError:
        low, high = -math.inf, math.inf
    if not math.isfinite(high - low):
        raise DeclarationError(f"({low}, {high}) is unbounded", where, "give finite bounds")
    if not low < high:
        raise DeclarationError(f"({_digits(low)}, {_digits(high)}) is empty", where, "give lower < upper")
    return low, high


def _digits(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return repr(value).removesuffix(".0")
