"""Box domains with named coordinates, and their faces."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from pinnml.errors import DeclarationError, suggestion


@dataclass(frozen=True)
class Face:
    """One side of a box: the points whose coordinate `axis` equals the lower (`upper=False`) or upper bound."""

    axis: int
    upper: bool


class Box:
    """The box ∏ [lower_i, upper_i] with a name for every coordinate.

    `Box(t=(0, 1), x=(-1, 1))`; units are the user's own. Raises `DeclarationError` for an empty or unbounded side.
    """

    def __init__(self, **sides: tuple[float, float]) -> None:
        if not sides:
            raise DeclarationError("Box has no coordinate; where: Box(); give at least one, as in Box(x=(0, 1)).")
        bounds = [_bounds(name, side) for name, side in sides.items()]
        self.names: tuple[str, ...] = tuple(sides)
        self.lower: tuple[float, ...] = tuple(low for low, _ in bounds)
        self.upper: tuple[float, ...] = tuple(high for _, high in bounds)

    @property
    def dimension(self) -> int:
        """The number d of coordinates."""
        return len(self.names)

    @property
    def lengths(self) -> tuple[float, ...]:
        """The side lengths upper_i − lower_i."""
        return tuple(high - low for low, high in zip(self.lower, self.upper, strict=True))

    @property
    def faces(self) -> dict[str, Face]:
        """The 2d faces by name, as in `{"t=0": Face(0, False), "t=1": Face(0, True), …}`."""
        named = {}
        for axis, name in enumerate(self.names):
            named[f"{name}={_digits(self.lower[axis])}"] = Face(axis, False)
            named[f"{name}={_digits(self.upper[axis])}"] = Face(axis, True)
        return named

    def face(self, text: str, where: str) -> Face:
        """Return the face written as `"x=-1"`; raise `DeclarationError` naming the valid ones otherwise."""
        try:
            name, _, number = text.partition("=")
            axis, value = self.names.index(name.strip()), float(number)
        except (AttributeError, ValueError):
            raise DeclarationError(f"No face {text!r}; where: {where}. {suggestion(text, self.faces)}") from None
        tolerance = 1e-9 * self.lengths[axis]
        if abs(value - self.lower[axis]) <= tolerance:
            return Face(axis, False)
        if abs(value - self.upper[axis]) <= tolerance:
            return Face(axis, True)
        raise DeclarationError(f"{text!r} is no face of the domain; where: {where}. {suggestion(text, self.faces)}")

    def position(self, face: Face) -> float:
        """Return the value of the coordinate that is constant on a face."""
        return self.upper[face.axis] if face.upper else self.lower[face.axis]

    def __repr__(self) -> str:
        sides = zip(self.names, self.lower, self.upper, strict=True)
        return "Box(" + ", ".join(f"{name}=({low:g}, {high:g})" for name, low, high in sides) + ")"


def check_inside(points: Tensor, domain: Box, where: str) -> None:
    """Raise `DeclarationError` naming the first of the points (n, ≥ d) that is not finite or outside the box."""
    inner = points[:, : domain.dimension]
    slack = 1e-9 * inner.new_tensor(domain.lengths)
    inside = (inner >= inner.new_tensor(domain.lower) - slack) & (inner <= inner.new_tensor(domain.upper) + slack)
    outside = (~inside.all(1)).nonzero()
    if len(outside):
        point = ", ".join(f"{name}={value:g}" for name, value in zip(domain.names, inner[outside[0, 0]], strict=True))
        raise DeclarationError(
            f"{len(outside)} of {len(points)} points lie outside {domain}, the first at {point}; where: {where}; "
            "move the points or enlarge the Box."
        )


def _bounds(name: str, side: tuple[float, float]) -> tuple[float, float]:
    where = f"where: coordinate {name!r} of Box"
    try:
        if isinstance(side, str):
            raise ValueError
        low, high = (float(bound) for bound in side)
    except (TypeError, ValueError, RuntimeError):
        raise DeclarationError(f"{side!r} is no interval; {where}; give (lower, upper).") from None
    except OverflowError:
        low, high = -math.inf, math.inf
    if not math.isfinite(high - low):
        raise DeclarationError(f"({low}, {high}) is unbounded; {where}; give finite bounds.")
    if not low < high:
        raise DeclarationError(f"({_digits(low)}, {_digits(high)}) is empty; {where}; give lower < upper.")
    return low, high


def _digits(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return repr(value).removesuffix(".0")
