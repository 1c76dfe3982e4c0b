"""Points placed in segments, triangles and tetrahedra, equal volumes to equal volumes."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray


class Simplices:
    """Simplices of k + 1 corners each, into which the k-dimensional unit cube is mapped.

    The simplices are halved again and again, each half with what is near one another, and the cube with them, so that
    neighbours stay neighbours and low discrepancy survives: one coordinate of the cube after the other tells which half
    a point goes to, by the half's share of volume, and what is left of it tells the place within.

    Parameters
    ----------
    corners : array (c, k + 1, d)
        The corners, k ≤ d, none of volume zero.
    """

    def __init__(self, corners: Array) -> None:
        order = _halved(corners.mean(1))
        volumes = simplex_volumes(corners)[order]
        self._below = torch.from_numpy(np.concatenate([[0.0], volumes.cumsum()]) / volumes.sum())
        self._corners = torch.from_numpy(corners[order])

    def place(self, unit: Tensor) -> Tensor:
        """Map points of the unit cube (n, k) into the simplices (n, d)."""
        number, within = self._chosen(unit)
        # sorted coordinates cut the cube into k! simplices, each of which goes to the one with these weights
        sorted_ = within.sort(dim=1).values
        edges = torch.cat([unit.new_zeros(len(unit), 1), sorted_, unit.new_ones(len(unit), 1)], 1)
        weights = edges.diff(dim=1)
        return (weights[..., None] * self._corners.to(unit)[number.to(unit.device)]).sum(1)

    def _chosen(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Return the number (n,) of each point's simplex, and where it lies in the cube that belongs to it (n, k)."""
        below, count = self._below.to(unit.device), len(self._corners)
        low = torch.zeros(len(unit), dtype=torch.int64, device=unit.device)
        high = torch.full_like(low, count)
        columns = list(unit.unbind(1))
        for level in range(math.ceil(math.log2(count))):
            along = level % len(columns)
            middle = low + (high - low + 1) // 2
            share = ((below[middle] - below[low]) / (below[high] - below[low])).to(unit)
            column = columns[along]
            beyond = (column >= share) & (middle < high)
            rest = torch.where(beyond, 1 - share, 1.0)
            columns[along] = torch.where(beyond, (column - share) / rest, column / share)
            low, high = torch.where(beyond, middle, low), torch.where(beyond, high, middle)
        return low, torch.stack(columns, 1)


def simplex_volumes(corners: Array) -> Array:
    """Return the volumes (c,) of simplices with the corners (c, k + 1, d)."""
    edges = corners[:, 1:] - corners[:, :1]
    squares = np.linalg.det(edges @ edges.swapaxes(1, 2))
    return np.asarray(np.sqrt(np.maximum(squares, 0)) / math.factorial(edges.shape[1]))


def _halved(centres: Array) -> Array:
    """Return numbers of points (c, d) in an order whose halves, their halves and so on lie apart.

    Halves are [low, middle) and [middle, high) with middle = low + ⌈(high − low)/2⌉, cut along the longest side of a
    group's box.
    """
    order, starts = np.arange(len(centres)), np.array([0])
    while len(starts) < len(centres):
        sizes = np.diff(starts, append=len(centres))
        group = np.repeat(np.arange(len(starts)), sizes)
        sorted_ = centres[order]
        sides = np.maximum.reduceat(sorted_, starts) - np.minimum.reduceat(sorted_, starts)
        key = sorted_[np.arange(len(order)), sides.argmax(1)[group]]
        order = order[np.lexsort((key, group))]
        starts = np.unique(np.concatenate([starts, (starts + (sizes + 1) // 2)[sizes > 1]]))
    return order
