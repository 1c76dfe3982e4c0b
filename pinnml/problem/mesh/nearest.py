"""The nearest point of segments or triangles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray

PAIRS = 200_000
"""Pairs of a point and a segment or triangle that are compared at once."""

ROUNDING = 1e-9
"""The share by which distances may be off (dimensionless)."""

FIRST = 4
"""Neighbours by their centres whose distance bounds that of the nearest one."""


class Facets:
    """The segments of a line or the triangles of a surface.

    Parameters
    ----------
    corners : array (f, d, d)
        The d corners of each facet, none of volume zero.
    """

    def __init__(self, corners: Array) -> None:
        # as in other rooms, SciPy would take as long to import as the package
        from scipy.spatial import cKDTree

        self.corners = corners
        self._centres = corners.mean(1)
        # how far a facet reaches from its centre, and a little more, so that none is missed by rounding
        self._reach = np.linalg.norm(corners - self._centres[:, None], axis=2).max(1) * (1 + ROUNDING)
        self._tree: Any = cKDTree(self._centres)

    def nearest(self, points: Array) -> tuple[Array, Array]:
        """Return for finite points (n, d) the number (n,) of the nearest facet, and the nearest point's weights (n, d).

        The weights of the facet's corners are not negative and add up to 1; one that is 0 tells that the nearest point
        lies on the facet's edge opposite to that corner.
        """
        number, weights = np.zeros(len(points), dtype=np.int64), np.zeros(points.shape)
        for some in np.array_split(np.arange(len(points)), max(1, len(points) * FIRST // PAIRS)):
            near = self._tree.query(points[some], range(1, min(FIRST, len(self.corners)) + 1))[1]
            bound = self._compared(points[some], np.repeat(np.arange(some.size), near.shape[1]), near.ravel())[2]
            for few, point, facet in self._candidates(points[some], bound):
                number[some[few]], weights[some[few]], _ = self._compared(points[some[few]], point, facet)
        return number, weights

    def _candidates(self, points: Array, bound: Array) -> Iterator[tuple[Array, Array, Array]]:
        """Yield numbers of some points, and pairs of one of these and a facet that may be as near as its bound (n,)."""
        bound = bound * (1 + ROUNDING)
        radius = bound + self._reach.max()
        counts = self._tree.query_ball_point(points, radius, return_length=True)
        for few in np.split(np.arange(len(points)), np.flatnonzero(np.diff(counts.cumsum() // PAIRS)) + 1):
            found = self._tree.query_ball_point(points[few], radius[few])
            facet = np.concatenate(found).astype(np.int64)
            point = np.repeat(np.arange(few.size), counts[few])
            away = np.linalg.norm(points[few][point] - self._centres[facet], axis=1)
            kept = away <= bound[few][point] + self._reach[facet]
            yield few, point[kept], facet[kept]

    def _compared(self, points: Array, point: Array, facet: Array) -> tuple[Array, Array, Array]:
        """Return each point's nearest facet of its pairs, the nearest point's weights, and its distance."""
        weights, distance = closest(points[point], self.corners[facet])
        order = np.lexsort((distance, point))
        best = order[np.flatnonzero(np.diff(point[order], prepend=-1))]
        return facet[best], weights[best], distance[best]


def closest(points: Array, corners: Array) -> tuple[Array, Array]:
    """Return the weights (n, d) of the corners (n, d, d) that give the nearest point to each point (n, d), and how far.

    It is the foot of the perpendicular where that lies within the segment or triangle, else that on its nearest side.
    """
    weights = _foot(points, corners) if corners.shape[1] == 3 else _on_segments(points, corners)
    beyond = np.flatnonzero((weights < 0).any(1))
    if beyond.size:
        least = np.full(beyond.size, np.inf)
        for pair in ([0, 1], [1, 2], [2, 0]):
            side = corners[beyond][:, pair]
            found = _on_segments(points[beyond], side)
            distance = _distance(points[beyond], side, found)
            better = distance < least
            least[better] = distance[better]
            rows = beyond[better]
            weights[rows] = 0
            weights[rows[:, None], pair] = found[better]
    return weights, _distance(points, corners, weights)


def _foot(points: Array, corners: Array) -> Array:
    """Return the weights of triangles' corners that give the foot of the perpendicular on their planes."""
    first, second, away = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    a, b, c = _dot(first, first), _dot(first, second), _dot(second, second)
    p, q, area = _dot(first, away), _dot(second, away), a * c - b * b
    u, v = (c * p - b * q) / area, (a * q - b * p) / area
    return np.stack([1 - u - v, u, v], 1)


def _on_segments(points: Array, ends: Array) -> Array:
    """Return the weights (n, 2) of segments' ends that give their nearest points."""
    along = ends[:, 1] - ends[:, 0]
    share = np.clip(_dot(along, points - ends[:, 0]) / _dot(along, along), 0, 1)
    return np.stack([1 - share, share], 1)


def _distance(points: Array, corners: Array, weights: Array) -> Array:
    return np.asarray(np.linalg.norm(points - np.einsum("nk,nkd->nd", weights, corners), axis=1))


def _dot(first: Array, second: Array) -> Array:
    return np.asarray(np.einsum("nd,nd->n", first, second))
