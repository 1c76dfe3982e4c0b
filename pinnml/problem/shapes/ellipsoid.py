"""Ellipses and ellipsoids."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.composable import ComposableDomain
from pinnml.problem.sampling import measured_share
from pinnml.problem.shapes.sphere import ROUNDING, checked_centre, checked_length, directions, written

STEPS = 12
"""Steps of Newton's method, after which the nearest point of the surface is known to rounding."""

TINY = 1e-30
"""Coordinates this small, as a share of the smallest semi-axis, count as so large: the nearest point is then unique."""


class Ellipsoid(ComposableDomain):
    """The ellipsoid Σ ((x_i − c_i)/a_i)² ≤ 1 in two or more coordinates, whose boundary is its "rim".

    `Ellipsoid(x=(0.0, 2.0), y=(0.0, 1.0))` is an ellipse about the origin, twice as long as it is high.

    Parameters
    ----------
    **axes : tuple of two floats
        The centre c_i and the semi-axis a_i > 0 by the names of the coordinates, which have one unit.

    Raises
    ------
    DeclarationError
        For fewer than two coordinates, a centre that is not finite and a semi-axis that is not positive.
    """

    def __init__(self, /, **axes: tuple[float, float]) -> None:
        for name, pair in axes.items():
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise DeclarationError(f"{name} is {pair!r}", "Ellipsoid", "give (centre, semi-axis)")
        self.centre = checked_centre("Ellipsoid", {name: pair[0] for name, pair in axes.items()})
        self.axes = tuple(checked_length("Ellipsoid", f"the semi-axis of {n}", pair[1]) for n, pair in axes.items())
        self.names, self.parts = tuple(axes), ("rim",)
        self.lower = tuple(c - a for c, a in zip(self.centre, self.axes, strict=True))
        self.upper = tuple(c + a for c, a in zip(self.centre, self.axes, strict=True))
        self._share = measured_share(lambda unit: self.place(unit, "rim"), self.dimension)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare the norm of ((x_i − c_i)/a_i) with one."""
        scaled = (points - points.new_tensor(self.centre)) / points.new_tensor(self.axes)
        beyond = torch.linalg.vector_norm(scaled, dim=1) - 1
        return beyond <= ROUNDING if part is None else beyond.abs() <= ROUNDING

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Stretch points of a ball; of those on its rim keep so many as their area grows by, by the last coordinate.

        Area at a point y of the sphere grows as ‖(y_1/a_1, …, y_d/a_d)‖.
        """
        axes, centre = unit.new_tensor(self.axes), unit.new_tensor(self.centre)
        if part is None:
            return axes * unit[:, :1] ** (1 / self.dimension) * directions(unit[:, 1:]) + centre
        sphere = directions(unit[:, :-1])
        growth = min(self.axes) * torch.linalg.vector_norm(sphere / axes, dim=1)
        return torch.where((unit[:, -1] < growth)[:, None], axes * sphere + centre, torch.nan)

    def cube(self, part: str | None = None) -> int:
        """Return d: a part needs a coordinate more, by which points are left out."""
        return self.dimension

    def share(self, part: str | None = None) -> float:
        """Return what was measured of the rim."""
        return 1.0 if part is None else self._share

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the gradient of Σ ((x_i − c_i)/a_i)², normalised."""
        scaled = (points - points.new_tensor(self.centre)) / points.new_tensor(self.axes) ** 2
        return torch.nn.functional.normalize(scaled, dim=1)

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return (1 − Σ ((x_i − c_i)/a_i)²) a/2 with the smallest semi-axis a, a slope between a/max a_i and one."""
        scaled = (points - points.new_tensor(self.centre)) / points.new_tensor(self.axes)
        return (1 - scaled.square().sum(1)) * (min(self.axes) / 2)

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return the distance from the nearest point z_i = a_i² y_i/(t + a_i²), y = x − c, where Σ (z_i/a_i)² = 1.

        s = t + min a² is found by Newton's method from below, where the sum, convex in s, is between 1 and d (after
        Eberly, Distance from a point to an ellipse, an ellipsoid, or a hyperellipsoid, 2013).
        """
        axes, smallest = points.new_tensor(self.axes), min(self.axes)
        y = (points - points.new_tensor(self.centre)).abs()
        scaled = axes * y.clamp_min(TINY * smallest)
        beyond = axes**2 - smallest**2
        s = (scaled - beyond).amax(1)
        for _ in range(STEPS):
            terms = (scaled / (s[:, None] + beyond)) ** 2
            s = s + (terms.sum(1) - 1) / (2 * (terms / (s[:, None] + beyond)).sum(1))
        nearest = axes * scaled / (s[:, None] + beyond)
        distance = torch.linalg.vector_norm(nearest - y, dim=1)
        return torch.where(((y / axes) ** 2).sum(1) > 1, distance, -distance)

    def __repr__(self) -> str:
        pairs = zip(self.names, zip(self.centre, self.axes, strict=True), strict=True)
        return f"Ellipsoid({written(dict(pairs))})"
