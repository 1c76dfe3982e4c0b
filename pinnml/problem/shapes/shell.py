"""Rings and spherical shells."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.composable import ComposableDomain
from pinnml.problem.domain import Cavity
from pinnml.problem.shapes.sphere import ROUNDING, checked_centre, checked_length, directions, written


class Shell(ComposableDomain):
    """The shell r ≤ ‖x − c‖ ≤ R in two or more coordinates, with the parts "inner" and "outer" of its boundary.

    `Shell(0.5, 1.0, x=0.0, y=0.0)` is a ring.

    Parameters
    ----------
    inner, outer : float
        r and R, in the unit that all coordinates have, 0 < r < R.
    **centre : float
        c by the names of the coordinates.

    Raises
    ------
    DeclarationError
        For fewer than two coordinates, a centre that is not finite, and radii that are not positive and increasing.
    """

    def __init__(self, inner: float, outer: float, /, **centre: float) -> None:
        self.centre = checked_centre("Shell", centre)
        self.inner = checked_length("Shell", "the inner radius", inner)
        self.outer = checked_length("Shell", "the outer radius", outer)
        if self.inner >= self.outer:
            raise DeclarationError(f"The radii are {inner} and {outer}", "Shell", "give the inner, smaller one first")
        self.names, self.parts = tuple(centre), ("inner", "outer")
        self.cavities = (Cavity(self.inner, dict(zip(self.names, self.centre, strict=True))),)
        self.lower = tuple(c - self.outer for c in self.centre)
        self.upper = tuple(c + self.outer for c in self.centre)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare the distance from the centre with the radii."""
        radius, slack = self._radius(points), ROUNDING * self.outer
        if part is None:
            return (radius >= self.inner - slack) & (radius <= self.outer + slack)
        return (radius - (self.inner if part == "inner" else self.outer)).abs() <= slack

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Map the first coordinate to the radius, the others to a direction."""
        if part is None:
            low, high = self.inner**self.dimension, self.outer**self.dimension
            points = (low + unit[:, :1] * (high - low)) ** (1 / self.dimension) * directions(unit[:, 1:])
        else:
            points = (self.inner if part == "inner" else self.outer) * directions(unit)
        return points + unit.new_tensor(self.centre)

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the direction from the centre on the outer sphere, to the centre on the inner one."""
        outwards = torch.nn.functional.normalize(points - points.new_tensor(self.centre), dim=1)
        return -outwards if part == "inner" else outwards

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return (R² − ‖x − c‖²)/2R, and the like from the inner sphere."""
        radius, sign = (self.inner, 1) if part == "inner" else (self.outer, -1)
        return sign * ((points - points.new_tensor(self.centre)).square().sum(1) - radius**2) / (2 * radius)

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return max(r − ‖x − c‖, ‖x − c‖ − R)."""
        radius = self._radius(points)
        return torch.maximum(self.inner - radius, radius - self.outer)

    def _radius(self, points: Tensor) -> Tensor:
        return torch.linalg.vector_norm(points - points.new_tensor(self.centre), dim=1)

    def __repr__(self) -> str:
        return f"Shell({self.inner!r}, {self.outer!r}, {written(dict(zip(self.names, self.centre, strict=True)))})"
