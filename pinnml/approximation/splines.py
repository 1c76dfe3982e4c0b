"""Tensor-product splines on a box: what the linearised equation is solved in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.settings import record

Array = np.ndarray


@dataclass(frozen=True)
class SplineSpace:
    """All splines of a degree whose pieces are polynomials on the cells between `edges`, smooth across them.

    Parameters
    ----------
    edges : tuple of arrays
        The edges of the cells by axis, increasing, from the lower to the upper bound, in the coordinates' units.
    degree : int
        The degree of the pieces in each coordinate; derivatives below it are continuous.

    References
    ----------
    de Boor, A Practical Guide to Splines, 2001, chapters IX, X and XVII.
    """

    edges: tuple[Array, ...]
    degree: int

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of basis functions by axis."""
        return tuple(len(edges) + self.degree - 1 for edges in self.edges)

    @property
    def size(self) -> int:
        """The number N of basis functions, products of one by axis, the last axis running fastest."""
        return math.prod(self.counts)

    def nodes(self, count: int) -> list[tuple[Array, Array]]:
        """Return by axis the Gauss points of all cells, so many in each, and their weights, which sum to one."""
        points, weights = np.polynomial.legendre.leggauss(count)
        found = []
        for edges in self.edges:
            lengths = np.diff(edges)[:, None]
            inside = edges[:-1, None] + lengths * (points + 1) / 2
            found.append((inside.ravel(), (lengths * weights / 2).ravel() / (edges[-1] - edges[0])))
        return found

    def columns(self, x: Array) -> Array:
        """Return the numbers of the w = (degree + 1)^d basis functions that do not vanish at points (n, d), (n, w)."""
        found = np.zeros((len(x), 1), dtype=np.int64)
        for axis, count in enumerate(self.counts):
            along = self._cells(x[:, axis], axis)[:, None] + np.arange(self.degree + 1)
            found = (found[:, :, None] * count + along[:, None]).reshape(len(x), -1)
        return found

    def derivatives(self, x: Array, index: Sequence[int]) -> Array:
        """Return ∂^index of these w functions at points x (n, d), shape (n, w)."""
        found = np.ones((len(x), 1))
        for axis, order in enumerate(index):
            unique, place = np.unique(x[:, axis], return_inverse=True)
            basis = self._basis[axis].derivative(order) if order else self._basis[axis]
            local = self._cells(unique, axis)[:, None] + np.arange(self.degree + 1)
            along = np.take_along_axis(basis(unique), local, 1)[place.ravel()]
            found = (found[:, :, None] * along[:, None]).reshape(len(x), -1)
        return found

    def _cells(self, x: Array, axis: int) -> Array:
        edges = self.edges[axis]
        return np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)

    @cached_property
    def _basis(self) -> list[Any]:
        """All basis functions of each axis; every end is a knot of full multiplicity."""
        from scipy.interpolate import BSpline

        repeated, found = self.degree, []
        for edges, count in zip(self.edges, self.counts, strict=True):
            knots = np.concatenate([[edges[0]] * repeated, edges, [edges[-1]] * repeated])
            found.append(BSpline(knots, np.eye(count), self.degree))
        return found


@record
class SplineField:
    """Splines as a function of points: `edges` of the cells by axis, and coefficients of every field, shape (m, N)."""

    edges: tuple[Tensor, ...]
    degree: int
    coefficients: Tensor

    @property
    def space(self) -> SplineSpace:
        """All splines on these cells."""
        return SplineSpace(tuple(edges.cpu().numpy() for edges in self.edges), self.degree)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the fields at points x (n, d), shape (m, n), in double precision on the CPU."""
        points, space = x.double().cpu().numpy(), self.space
        basis = space.derivatives(points, (0,) * points.shape[1])
        local = self.coefficients.cpu().numpy()[:, space.columns(points)]
        return torch.from_numpy((local * basis).sum(-1))
