"""Patches of a box where a solution is narrow: how neurons lie in them, and how points gather there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from pinnml.adapt.gathering import moved, scaled, unscaled
from pinnml.errors import DeclarationError
from pinnml.network import Patches
from pinnml.points import Collocation, ConditionPoints
from pinnml.problem import Box, Problem
from pinnml.settings import Above, setting

GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of this number lie evenly between whole ones."""

NEAR = 0.1
"""A patch lies at a wall where it is no less than this there."""


@setting
class Patch:
    """A place of a box: p = exp(−½ Σ_j ((s_j − c_j)/w_j)²), s being the coordinates scaled to [−1, 1].

    Parameters
    ----------
    centre : tuple of float
        c, for every coordinate.
    widths : tuple of float
        w, for every coordinate, above 0 (dimensionless); infinite where the patch is all of a coordinate.

    Raises
    ------
    DeclarationError
        For centres outside of the domain, where there are not as many widths, and where it is all of the domain.
    """

    centre: tuple[float, ...]
    widths: tuple[Annotated[float, Above(0)], ...]

    def __post_init__(self) -> None:
        if len(self.centre) != len(self.widths) or not all(-1 <= one <= 1 for one in self.centre):
            what = f"centre is {self.centre}, widths {self.widths}"
            raise DeclarationError(what, "Patch", "give both for every coordinate, centres from -1 to 1")
        if not self.axes:
            raise DeclarationError("widths are all infinite", "Patch", "give one that is finite")

    @property
    def axes(self) -> tuple[int, ...]:
        """The coordinates along which it is narrow."""
        return tuple(axis for axis, width in enumerate(self.widths) if width < math.inf)

    def density(self, s: Tensor, free: Tensor) -> Tensor:
        """Return the density of its points beside a uniform one, shape (n,), along coordinates that are free (n, d)."""
        found = torch.ones_like(s[:, 0])
        for axis in self.axes:
            z, low, high = self._normal(s, axis)
            own = torch.exp(-z.square() / 2) / math.sqrt(math.pi / 2) / self.widths[axis] / (high - low)
            found = found * torch.where(free[:, axis], own, torch.ones_like(own))
        return found

    def placed(self, s: Tensor, free: Tensor) -> Tensor:
        """Return points (n, d) with that density, normal within the box, for uniform ones; what is not free stays."""
        found = s.clone()
        for axis in self.axes:
            _, low, high = self._normal(s, axis)
            z = torch.special.ndtri(low + (s[:, axis] + 1) / 2 * (high - low))
            moved = (self.centre[axis] + self.widths[axis] * z).clamp(-1, 1)
            found[:, axis] = torch.where(free[:, axis], moved, s[:, axis])
        return found

    def reaches(self, s: Tensor, free: Tensor) -> Tensor:
        """Return for which points (n,) on walls it lies at the wall; for those inside it does."""
        found = torch.zeros_like(s[:, 0])
        for axis in self.axes:
            found = found + torch.where(free[:, axis], 0.0, ((s[:, axis] - self.centre[axis]) / self.widths[axis]) ** 2)
        return torch.exp(-found / 2) >= NEAR

    def _normal(self, s: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return z for a coordinate, and the share of the normal distribution below each end of it."""
        ends = torch.stack([s.new_tensor(-1.0), s.new_tensor(1.0)])
        low, high = torch.special.ndtr((ends - self.centre[axis]) / self.widths[axis])
        return (s[:, axis] - self.centre[axis]) / self.widths[axis], low, high


def on_rows(patches: Sequence[Patch], rows: Tensor, axes: Sequence[int], corners: Tensor) -> Patches:
    """Return the patches on the rows of a network's states that belong to coordinates by `axes`.

    The rows' values (w, 2) at the domain's lower and upper `corners` say how they scale the coordinates. Raises
    `DeclarationError` for a coordinate along which a patch is narrow and that none of them is.
    """
    narrow = sorted({axis for patch in patches for axis in patch.axes})
    if not set(axes).issuperset(narrow):
        what = f"There is no coordinate of the number {next(axis for axis in narrow if axis not in axes)}"
        raise DeclarationError(what, "patches of Widening", "let them be narrow where coordinates are not periodic")
    places = [list(axes).index(axis) for axis in narrow]
    low, high = corners[rows[places]].T
    centres, widths = (
        corners.new_tensor([[one[axis] for axis in narrow] for one in parts])
        for parts in ([patch.centre for patch in patches], [patch.widths for patch in patches])
    )
    return Patches(rows[places], low + (centres + 1) / 2 * (high - low), widths * (high - low).abs() / 2)


def within(patches: Patches, number: int, states: Tensor, generator: torch.Generator) -> Tensor:
    """Return states (w, n) whose points lie evenly within one width of a patch, along the rows where it is narrow."""
    found = states.clone()
    for row, centre, width in zip(patches.rows, patches.centres[number], patches.widths[number], strict=True):
        if not math.isfinite(float(width)):
            continue
        unit = 2 * torch.rand(states.shape[1], generator=generator, dtype=torch.float64, device="cpu").to(states) - 1
        found[row] = (centre + width * unit).clamp(states[row].min(), states[row].max())
    return found


def gathered_in(problem: Problem, collocation: Collocation, patches: Sequence[Patch]) -> Collocation:
    """Return the points of equations and boundaries of a box, half of them gathered in patches (`moved`)."""
    return moved(problem, collocation, lambda domain, points: _gathered(domain, points, patches))


def _gathered(domain: Box, points: ConditionPoints, patches: Sequence[Patch]) -> ConditionPoints:
    s = scaled(domain, points.x)
    free = s.abs() < 1
    reached = torch.stack([patch.reaches(s, free) for patch in patches])
    count = reached.sum(0)
    # by one number every second point is chosen, by another one of the patches that reach it: both lie evenly
    turn = torch.where(_turns(s, GOLDEN) < 0.5, (_turns(s, math.sqrt(2)) * count).floor().to(count), -1)
    placed = s
    for patch, own, rank in zip(patches, reached, reached.cumsum(0) - 1, strict=True):
        placed = torch.where((own & (rank == turn))[:, None], patch.placed(s, free), placed)
    densities = torch.stack([patch.density(placed, free) for patch in patches]) * reached
    density = torch.where(count > 0, 0.5 + 0.5 * densities.sum(0) / count.clamp_min(1), 1.0)
    x = torch.where(placed == s, points.x, unscaled(domain, placed))
    weights = points.weights / density
    return ConditionPoints(x, weights * (points.weights.sum() / weights.sum()), points.data)


def _turns(like: Tensor, number: float) -> Tensor:
    """Return what multiples of a number, one for each point (n, d), have behind the point."""
    return (torch.arange(1, len(like) + 1, dtype=like.dtype, device=like.device) * number).frac()
