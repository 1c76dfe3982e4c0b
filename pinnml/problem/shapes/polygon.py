"""Polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.composable import ComposableDomain
from pinnml.problem.domain import Corner
from pinnml.problem.shapes.slabs import Slabs
from pinnml.problem.shapes.sphere import checked_number, written

ROUNDING = 1e-9
"""Points so far from an edge are still on it, as a share of the longest side of the box (dimensionless)."""


ENTRIES = 2**20
"""Pairs of a point and an edge that are looked at together."""


class Polygon(ComposableDomain):
    """A simple polygon, convex or not, whose boundary has the parts "edge 0", "edge 1", ….

    `Polygon(x=[0, 2, 2, 1, 1, 0], y=[0, 0, 1, 1, 2, 2])` is an L. Edge i goes from corner i to the next one, the last
    edge back to corner 0; `.named(**{"edge 0": "floor"})` gives one another name.

    Parameters
    ----------
    **corners : sequence of float
        The corners in order, either way round, by the names of the two coordinates, which have one unit.

    Raises
    ------
    DeclarationError
        For other than two coordinates, fewer than three corners, corners that are not finite or not equally many, and
        for edges that have no length, cross or touch.
    """

    def __init__(self, /, **corners: Sequence[float]) -> None:
        if len(corners) != 2:
            raise DeclarationError(f"{len(corners)} coordinates", "Polygon", "give two, as in Polygon(x=[…], y=[…])")
        columns = [_numbers(name, values) for name, values in corners.items()]
        if len(columns[0]) != len(columns[1]) or len(columns[0]) < 3:
            what = f"{' and '.join(str(len(column)) for column in columns)} numbers for the corners"
            raise DeclarationError(what, "Polygon", "give both coordinates of three corners or more")
        self.names, self.vertices = tuple(corners), tuple(zip(*columns, strict=True))
        self.lower, self.upper = (tuple(end(column) for column in columns) for end in (min, max))
        self.parts = tuple(f"edge {number}" for number in range(len(self.vertices)))
        self._starts = torch.tensor(self.vertices, dtype=torch.float64, device="cpu")
        self._ends = self._starts.roll(-1, 0)
        _check_simple(self._starts, self._ends)
        x, y = self._starts.T
        self._turn = float((x * self._ends[:, 1] - self._ends[:, 0] * y).sum().sign())  # 1 anticlockwise
        self._slabs = Slabs(self._starts, self._ends)
        self.corners = tuple(self._corner(number) for number in range(len(self.vertices)))

    def _corner(self, number: int) -> Corner:
        """Return the angle between two edges; anticlockwise the inside lies to the left of each."""
        before, after = (self._ends[one] - self._starts[one] for one in (number - 1, number))
        onwards, back = (after, -before) if self._turn > 0 else (-before, after)
        begin, end = (math.atan2(float(one[1]), float(one[0])) for one in (onwards, back))
        angle = (end - begin) % (2 * math.pi)
        return Corner(dict(zip(self.names, self.vertices[number], strict=True)), begin + angle / 2, angle)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare the distance from all edges or from one with zero."""
        slack = ROUNDING * max(self.lengths)
        if part is None:
            return self.signed_distance(points) <= slack
        number = self._number(part)
        return _distances(points, self._starts[number : number + 1], self._ends[number : number + 1])[:, 0] <= slack

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Map the first coordinate to a vertical line by the area to its left, the second to a point of that."""
        if part is None:
            return self._slabs.place(unit)
        number = self._number(part)
        start, end = self._starts[number].to(unit), self._ends[number].to(unit)
        return start + unit * (end - start)

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the edge's direction, turned outwards."""
        number = self._number(part)
        along = self._ends[number] - self._starts[number]
        outwards = self._turn * torch.stack([along[1], -along[0]]) / along.norm()
        return outwards.to(points).expand_as(points).clone()

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return the distance from the edge's line, where that does not run through the polygon."""
        number = self._number(part)
        start, normal = self._starts[number].to(points), self.normal(part, points)
        if bool(((self._starts.to(points) - start) @ normal[0] > ROUNDING * max(self.lengths)).any()):
            return super().approximate_distance(part, points)
        return ((start - points) * normal).sum(1)

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return the distance from the nearest edge; inside, a ray to the right crosses an odd number of edges."""
        starts, ends = self._starts.to(points), self._ends.to(points)
        return torch.cat([_signed(some, starts, ends) for some in points.split(max(1, ENTRIES // len(starts)))])

    def _number(self, part: str) -> int:
        return self.parts.index(part)

    def __repr__(self) -> str:
        columns = zip(self.names, zip(*self.vertices, strict=True), strict=True)
        return f"Polygon({written({name: list(column) for name, column in columns})})"


def _numbers(name: str, values: Sequence[float]) -> list[float]:
    if isinstance(values, str):
        raise DeclarationError(f"{name} is {values!r}", "Polygon", "give a list of numbers")
    try:
        listed = [one.item() if hasattr(one, "item") else one for one in values]
    except (TypeError, ValueError, RuntimeError):
        raise DeclarationError(f"{name} is {values!r}", "Polygon", "give a list of numbers") from None
    return [checked_number("Polygon", f"a corner's {name}", value) for value in listed]


def _signed(points: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Return the distance of points (n, 2) from e edges, negative inside, shape (n,)."""
    distance = _distances(points, starts, ends).amin(1)
    x, y = points[:, :1], points[:, 1:]
    straddles = (starts[:, 1] > y) != (ends[:, 1] > y)
    rise = torch.where(straddles, ends[:, 1] - starts[:, 1], 1)
    crossing = starts[:, 0] + (y - starts[:, 1]) / rise * (ends[:, 0] - starts[:, 0])
    inside = (straddles & (x < crossing)).sum(1) % 2 == 1
    return torch.where(inside, -distance, distance)


def _distances(points: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Return the distance of points (n, 2) from each of e segments, shape (n, e)."""
    starts, along = starts.to(points), (ends - starts).to(points)
    away = points[:, None] - starts
    share = ((away * along).sum(2) / (along * along).sum(1)).clamp(0, 1)
    return torch.linalg.vector_norm(away - share[..., None] * along, dim=2)


def _check_simple(starts: Tensor, ends: Tensor) -> None:
    """Raise `DeclarationError` where an edge has no length, and where two cross, touch, or fold back."""
    none = ((ends - starts).norm(dim=1) == 0).nonzero()
    if len(none):
        what = f"Edge {int(none[0, 0])} has no length"
        raise DeclarationError(what, "Polygon", "leave out corners given twice; the last edge goes back to the first")
    count = len(starts)
    slack = ROUNDING * float((starts.amax(0) - starts.amin(0)).max())
    near = _distances(starts, starts, ends) <= slack  # corners on edges other than their own two
    numbers = torch.arange(count, device="cpu")
    near[numbers, numbers] = near[numbers, numbers - 1] = False
    sides = _side(starts, ends, starts) * _side(starts, ends, ends)
    crossing = (sides < 0) & (sides.T < 0)
    bad = (near | crossing).nonzero()
    if len(bad):
        what = f"Edges {int(bad[0, 0])} and {int(bad[0, 1])} cross or touch"
        raise DeclarationError(what, "Polygon", "give the corners in the order in which they follow one another")


def _side(starts: Tensor, ends: Tensor, points: Tensor) -> Tensor:
    """Return on which side of each edge each point lies, 1, −1 or 0, shape (e, n)."""
    along, away = (ends - starts)[:, None], points - starts[:, None]
    return (along[..., 0] * away[..., 1] - along[..., 1] * away[..., 0]).sign()
