"""Polygons cut into vertical slabs, through which points are placed by area."""

from __future__ import annotations

import torch
from torch import Tensor


class Slabs:
    """A simple polygon between neighbouring corners' x: in each slab trapezoids, one above the other.

    With L(x) the length of the vertical line at x within the polygon, (u, v) goes to the x that has the share u of all
    area to its left, and to the point that has the share v of L(x) below it.

    Parameters
    ----------
    starts, ends : tensor (e, 2)
        The ends of the edges, float64 on the CPU.
    """

    def __init__(self, starts: Tensor, ends: Tensor) -> None:
        self._x = starts[:, 0].unique()
        left, right = [], []
        for low, high in zip(self._x[:-1], self._x[1:], strict=True):
            crossing = torch.minimum(starts[:, 0], ends[:, 0]) <= low
            crossing &= torch.maximum(starts[:, 0], ends[:, 0]) >= high
            first, along = starts[crossing], (ends - starts)[crossing]
            slope = along[:, 1] / along[:, 0]
            heights = torch.stack([first[:, 1] + slope * (x - first[:, 0]) for x in (low, high)])
            heights = heights[:, heights.sum(0).argsort()]
            left.append(heights[0].view(-1, 2))
            right.append(heights[1].view(-1, 2))
        most = max(len(one) for one in left)
        # trapezoids (slabs, most, lower and upper); those that fill up have no height and lie on the highest
        self._left, self._right = (torch.stack([_filled(one, most) for one in ends]) for ends in (left, right))
        lengths = [(one[..., 1] - one[..., 0]).clamp_min(0).sum(1) for one in (self._left, self._right)]
        self._lengths = torch.stack(lengths, 1)
        areas = self._lengths.mean(1) * (self._x[1:] - self._x[:-1])
        self._edges = torch.cat([areas.new_zeros(1), areas.cumsum(0)]) / areas.sum()

    def place(self, unit: Tensor) -> Tensor:
        """Map points of the unit square (n, 2) into the polygon, equal areas to equal areas."""
        edges, x, lengths = self._edges.to(unit), self._x.to(unit), self._lengths.to(unit)
        slab = (torch.searchsorted(edges, unit[:, 0].detach().contiguous(), right=True) - 1).clamp(0, len(x) - 2)
        share = ((unit[:, 0] - edges[slab]) / (edges[slab + 1] - edges[slab])).clamp(0, 1)
        first, last = lengths[slab].T
        # the s in [0, 1] below which the share of ∫ (first + s (last − first)) ds lies
        root = (first**2 + share * (last**2 - first**2)).clamp_min(torch.finfo(unit.dtype).tiny).sqrt()
        s = share * (first + last) / (first + root)
        trapezoids = torch.lerp(self._left.to(unit)[slab], self._right.to(unit)[slab], s[:, None, None])
        heights = (trapezoids[..., 1] - trapezoids[..., 0]).clamp_min(0)
        sums = heights.cumsum(1)
        height = unit[:, 1] * sums[:, -1]
        number = (sums < height[:, None]).sum(1).clamp_max(sums.shape[1] - 1)[:, None]
        below = (sums - heights).gather(1, number)[:, 0]
        y = trapezoids[..., 0].gather(1, number)[:, 0] + height - below
        return torch.stack([torch.lerp(x[slab], x[slab + 1], s), y], 1)


def _filled(trapezoids: Tensor, most: int) -> Tensor:
    """Return trapezoids' ends (m, 2) with some of no height on top, shape (most, 2)."""
    top = trapezoids[-1:, 1:].expand(most - len(trapezoids), 2)
    return torch.cat([trapezoids, top])
