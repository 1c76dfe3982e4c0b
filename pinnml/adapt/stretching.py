"""Coordinates stretched at walls: how neurons read them, and how points gather there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated

import torch
from torch import Tensor

from pinnml.adapt.gathering import moved
from pinnml.errors import DeclarationError
from pinnml.network import Stretch
from pinnml.points import Collocation, ConditionPoints
from pinnml.problem import Box, Problem
from pinnml.settings import Above, AtLeast, setting

HALVINGS = 60
"""Bisections that find a point on its stretched coordinate."""


@setting
class Stretching:
    """A coordinate that is stretched: t = Σ asinh((s − e)/w), s being the coordinate scaled to [−1, 1].

    Parameters
    ----------
    axis : int
        The number of the coordinate.
    ends : tuple of float
        Where it is stretched, e: one of −1 and 1, or both.
    width : float
        w, above 0 (dimensionless): layers of this width are resolved, and all that are wider.

    Raises
    ------
    DeclarationError
        For other ends than these, none, or one twice.
    """

    axis: Annotated[int, AtLeast(0)]
    ends: tuple[float, ...]
    width: Annotated[float, Above(0)]

    def __post_init__(self) -> None:
        if not self.ends or len(set(self.ends)) < len(self.ends) or not {-1.0, 1.0}.issuperset(self.ends):
            raise DeclarationError(f"ends is {self.ends}", "Stretching", "give (-1.0,), (1.0,) or both")

    def stretched(self, unit: Tensor) -> Tensor:
        """Return t for a coordinate scaled to [0, 1]."""
        return self._sum(unit, torch.asinh)

    def density(self, unit: Tensor) -> Tensor:
        """Return half of a uniform density on [0, 1], and half of one that is uniform in t."""
        slope = self._sum(unit, lambda z: (1 + z.square()).rsqrt()) * 2 / self.width
        return 0.5 + 0.5 * slope / self._length(unit)

    def placed(self, unit: Tensor) -> Tensor:
        """Return points of [0, 1] with that density for uniform ones; ends stay."""
        begin, length = self.stretched(unit.new_zeros(())), self._length(unit)
        low, high = torch.zeros_like(unit), torch.ones_like(unit)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = 0.5 * middle + 0.5 * (self.stretched(middle) - begin) / length < unit
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return torch.where((unit > 0) & (unit < 1), (low + high) / 2, unit)

    def _sum(self, unit: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        parts = [function((2 * unit - 1 - end) / self.width) for end in self.ends]
        return torch.stack(parts).sum(0)

    def _length(self, like: Tensor) -> Tensor:
        return self.stretched(like.new_ones(())) - self.stretched(like.new_zeros(()))


def of_rows(stretchings: Sequence[Stretching], rows: Tensor, axes: Sequence[int], corners: Tensor) -> Stretch:
    """Return the stretch of the rows of a network's states that belong to coordinates by `axes`.

    The rows' values (w, 2) at the domain's lower and upper `corners` say how they scale the coordinates. Raises
    `DeclarationError` for a coordinate that none of them is.
    """
    for one in stretchings:
        if one.axis not in axes:
            what = f"There is no coordinate of the number {one.axis}"
            raise DeclarationError(what, "stretches of Widening", "give numbers of coordinates that are not periodic")
    places = [list(axes).index(one.axis) for one in stretchings]
    centres, widths = (corners.new_zeros(len(places), 2) for _ in range(2))
    widths[:] = math.inf
    for number, (place, one) in enumerate(zip(places, stretchings, strict=True)):
        low, high = corners[rows[place]]
        for turn, end in enumerate(one.ends):
            centres[number, turn] = low + (end + 1) / 2 * (high - low)
            widths[number, turn] = one.width * (high - low).abs() / 2
    return Stretch(rows[places], centres, widths)


def gathered(problem: Problem, collocation: Collocation, stretchings: Sequence[Stretching]) -> Collocation:
    """Return the points of equations and boundaries of a box gathered where coordinates are stretched (`moved`)."""
    return moved(problem, collocation, lambda domain, points: _gathered(domain, points, stretchings))


def _gathered(domain: Box, points: ConditionPoints, stretchings: Sequence[Stretching]) -> ConditionPoints:
    lower, lengths = points.x.new_tensor(domain.lower), points.x.new_tensor(domain.lengths)
    x, unit, weights = points.x.clone(), (points.x - lower) / lengths, points.weights
    for one in stretchings:
        own = unit[:, one.axis]
        placed, inside = one.placed(own), (own > 0) & (own < 1)
        x[inside, one.axis] = (lower + lengths * placed[:, None])[inside, one.axis]
        weights = weights / torch.where(inside, one.density(placed), torch.ones_like(own))
    return ConditionPoints(x, weights * (points.weights.sum() / weights.sum()), points.data)
