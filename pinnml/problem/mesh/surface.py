"""Domains within a closed line of segments or a closed surface of triangles."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.composable import ComposableDomain
from pinnml.problem.mesh.arrays import (
    check_volumes,
    checked_names,
    checked_numbers,
    checked_points,
    digest,
    merged,
    rows_by_part,
)
from pinnml.problem.mesh.closed import check_closed, facet_normals, oriented, pseudonormals
from pinnml.problem.mesh.holes import enclosed
from pinnml.problem.mesh.nearest import Facets
from pinnml.problem.mesh.reading import read_surface
from pinnml.problem.mesh.simplices import Simplices
from pinnml.problem.sampling import measured_share

Array = np.ndarray

ROUNDING = 1e-9
"""Points so far from the boundary are still on it, as a share of the longest side (dimensionless)."""


class Surface(ComposableDomain):
    """What lies within a closed surface of triangles, or a closed line of segments in two coordinates.

    Parameters
    ----------
    points : array (n, d)
        The corners of all facets, in the unit that all coordinates have, d = 2 or 3.
    facets : array (f, d) of int
        The numbers of each facet's corners, which run the same way round as those of its neighbours.
    parts : mapping of str to array (k, d) of int, default {}
        Facets by the part of the boundary that they belong to; those in none are "boundary".
    names : sequence of d str, default "x", "y", "z"
        The names of the coordinates.

    Attributes
    ----------
    corners : array (f, d, d)
        The corners of all facets, turned outwards.
    digest : str
        A short text that differs where the boundary or its parts do.

    Raises
    ------
    DeclarationError
        For arrays of other shapes or types, facets without a volume, a boundary that is not closed or touches itself,
        and a facet of two parts.
    """

    _share = 1.0

    def __init__(
        self,
        points: Any,
        facets: Any,
        parts: Mapping[str, Any] = MappingProxyType({}),
        names: Sequence[str] | None = None,
    ) -> None:
        points = checked_points(points, type(self).__name__)
        self.names = checked_names(names, points.shape[1], type(self).__name__)
        points, facets, number = merged(points, self._numbers(facets, points, "facets"))
        self._enclose(points, oriented(points, facets), self._parts(parts, number))
        self._share = measured_share(self.place, self.dimension)

    @classmethod
    def read(cls, path: str | os.PathLike[str], names: Sequence[str] | None = None) -> Surface:
        """Read a closed surface of triangles from a file: STL, VTU, or gmsh 2.2 and 4.1, whose groups become parts.

        Parameters
        ----------
        path : path
            The file, whose suffix tells its format: .stl, .vtu or .msh.
        names : sequence of str, default "x", "y", "z"
            The names of the coordinates.

        Returns
        -------
        Surface

        Raises
        ------
        DeclarationError
            For a file that cannot be read or holds no triangles, and as for arrays.
        """
        found = read_surface(path)
        return cls(found.points, found.simplices, found.groups, names)

    def _numbers(self, numbers: Any, points: Array, what: str, size: int = 0) -> Array:
        """Return numbers of points (c, size) after checks; `size` is that of facets where it is not given."""
        return checked_numbers(numbers, len(points), size or points.shape[1], what, type(self).__name__)

    def _parts(self, parts: Mapping[str, Any], number: Array) -> dict[str, Array]:
        """Return the facets of parts by the numbers that their points have now, −1 for those that are gone."""
        where = type(self).__name__
        if not isinstance(parts, Mapping) or not all(isinstance(name, str) and name for name in parts):
            raise DeclarationError(f"The parts are {parts!r}", where, "give facets by name, as in {'inflow': facets}")
        size = len(self.names)
        return {
            name: number[checked_numbers(facets, len(number), size, f"part {name!r}", where)]
            for name, facets in parts.items()
        }

    def _enclose(self, points: Array, facets: Array, parts: Mapping[str, Array]) -> None:
        """Set what is asked of a domain, by facets that are turned outwards."""
        where = type(self).__name__
        check_volumes(points[facets], "facet", where)
        check_closed(points, facets, where)
        self.lower, self.upper = tuple(map(float, points.min(0))), tuple(map(float, points.max(0)))
        self._slack = ROUNDING * max(self.lengths)
        self.triangles = points[facets]
        self._facets, self._beside = Facets(self.triangles), pseudonormals(points, facets)
        rows = rows_by_part(facets, parts, where)
        self.parts = tuple(rows)
        self._own = {part: Facets(points[facets[numbers]]) for part, numbers in rows.items()}
        self._simplices = {part: Simplices(points[facets[numbers]]) for part, numbers in rows.items()}
        self._text = f"{where}(<{len(facets)} facets>)"
        self.digest = digest(rows, points, facets)
        self.cavities = enclosed(self, points, facets)

    @property
    def description(self) -> str:
        """The digest in place of all numbers."""
        return f"{type(self).__name__}({self.digest})"

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare the signed distance, or that from a part's facets, with zero."""
        if part is None:
            return self.signed_distance(points) <= self._slack
        facets, (known, x) = self._own[part], _finite(points)
        number, weights = facets.nearest(x)
        near = np.zeros(len(points), dtype=bool)
        near[known] = np.linalg.norm(x - _at(facets, number, weights), axis=1) <= self._slack
        return torch.from_numpy(near).to(points.device)

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Leave out of a box's points those outside; on a part, map to facets by their areas."""
        if part is not None:
            return self._simplices[part].place(unit)
        points = unit * unit.new_tensor(self.lengths) + unit.new_tensor(self.lower)
        return torch.where((self.signed_distance(points) <= 0)[:, None], points, torch.nan)

    def share(self, part: str | None = None) -> float:
        """Return what was measured of the box when the domain was made; parts have images of all of their cube."""
        return self._share if part is None else 1.0

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the normal of the part's nearest facet."""
        facets, (known, x) = self._own[part], _finite(points)
        normals = np.full(tuple(points.shape), np.nan)
        found = facet_normals(facets.corners)[facets.nearest(x)[0]]
        normals[known] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return torch.from_numpy(normals).to(points)

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return the distance from the nearest facet; NaN where a point is not finite."""
        known, x = _finite(points)
        number, weights = self._facets.nearest(x)
        away = x - _at(self._facets, number, weights)
        face = ((weights > 0) << np.arange(weights.shape[1])).sum(1)
        inside = (away * self._beside[number, face]).sum(1) < 0
        distance = np.full(len(points), np.nan)
        distance[known] = np.linalg.norm(away, axis=1) * np.where(inside, -1, 1)
        return torch.from_numpy(distance).to(points)

    def __repr__(self) -> str:
        return self._text


def _finite(points: Tensor) -> tuple[Array, Array]:
    """Return which points (n, d) are finite, and these in double precision."""
    x = points.detach().cpu().to(torch.float64).numpy()
    known = np.isfinite(x).all(1)
    return known, x[known]


def _at(facets: Facets, number: Array, weights: Array) -> Array:
    return np.asarray((weights[..., None] * facets.corners[number]).sum(1))
