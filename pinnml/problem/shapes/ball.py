"""Discs and balls."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.problem.composable import ComposableDomain
from pinnml.problem.shapes.sphere import ROUNDING, checked_centre, checked_length, directions, written


class Ball(ComposableDomain):
    """The ball ‖x − c‖ ≤ r in two or more coordinates, whose boundary is its "rim".

    `Ball(1.0, x=0.0, y=0.0)` is the unit disc.

    Parameters
    ----------
    radius : float
        r, in the unit that all coordinates have, above 0.
    **centre : float
        c by the names of the coordinates.

    Raises
    ------
    DeclarationError
        For fewer than two coordinates, a centre that is not finite and a radius that is not positive.
    """

    def __init__(self, radius: float, /, **centre: float) -> None:
        self.centre = checked_centre("Ball", centre)
        self.radius = checked_length("Ball", "the radius", radius)
        self.names, self.parts = tuple(centre), ("rim",)
        self.lower = tuple(c - self.radius for c in self.centre)
        self.upper = tuple(c + self.radius for c in self.centre)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare the distance from the rim with zero."""
        distance, slack = self.signed_distance(points), ROUNDING * self.radius
        return distance <= slack if part is None else distance.abs() <= slack

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Map the first coordinate to the radius, the others to a direction."""
        sphere = directions(unit if part is not None else unit[:, 1:])
        points = sphere if part is not None else unit[:, :1] ** (1 / self.dimension) * sphere
        return self.radius * points + unit.new_tensor(self.centre)

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the direction from the centre."""
        return torch.nn.functional.normalize(points - points.new_tensor(self.centre), dim=1)

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return (r² − ‖x − c‖²)/2r."""
        return (self.radius**2 - (points - points.new_tensor(self.centre)).square().sum(1)) / (2 * self.radius)

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return ‖x − c‖ − r."""
        return torch.linalg.vector_norm(points - points.new_tensor(self.centre), dim=1) - self.radius

    def __repr__(self) -> str:
        return f"Ball({self.radius!r}, {written(dict(zip(self.names, self.centre, strict=True)))})"
