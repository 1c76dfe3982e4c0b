"""Functions that are known at the nodes of a mesh of triangles."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.columns import finite_numbers
from pinnml.problem.mesh.arrays import check_volumes, checked_names, checked_numbers, checked_points, merged
from pinnml.problem.mesh.nearest import Facets

Array = np.ndarray

OUTSIDE = 1e-6
"""A point outside the mesh by no more than this share of its length is inside: files have seven digits."""

KEPT = 256
"""Sets of points whose triangles are kept in mind: those of a run stay from step to step."""

FEWEST = 6
"""Nodes by which a quadratic function is known."""

WHERE = "Table.from_mesh"

SPLIT = [
    (3, 0, 0, 0), (2, 1, 0, 0), (2, 0, 1, 0), (2, 0, 0, 1), (1, 2, 0, 0), (1, 1, 0, 1), (1, 0, 2, 0), (1, 0, 1, 1),
    (1, 0, 0, 2), (0, 3, 0, 0), (0, 2, 1, 0), (0, 2, 0, 1), (0, 1, 2, 0), (0, 1, 1, 1), (0, 1, 0, 2), (0, 0, 3, 0),
    (0, 0, 2, 1), (0, 0, 1, 2), (0, 0, 0, 3),
]  # fmt: skip
"""The powers of a cubic's Bernstein polynomials on a triangle split at its centre, the last one the centre's."""


class NodalTable:
    """A function through values at the nodes of triangles, cubic on thirds of each, with a continuous gradient.

    Call it with tensors (n,) in the order of `names`, or by name; second derivatives jump between triangles, and
    outside of the mesh it is NaN. Gradients at the nodes are those of quadratic functions fitted to the nodes around,
    so that quadratic functions come out exactly; of others the values are off by O(h³) for triangles of size h.
    Source: Clough, Tocher, 1965; Alfeld, Comput. Aided Geom. Des. 1, 1984, for the Bernstein coefficients.

    Parameters
    ----------
    points : array (n, 2)
        The nodes, in the unit that both coordinates have.
    cells : array (c, 3) of int
        The numbers of each triangle's corners.
    values : array (n,)
        The values at the nodes, in their units.
    names : sequence of 2 str, default "x", "y"
        The names of the coordinates.

    Raises
    ------
    DeclarationError
        For nodes that are not in a plane, values that are not one finite number each, triangles without an area, and a
        node without five others around it.
    """

    def __init__(self, points: Any, cells: Any, values: Any, names: Sequence[str] | None = None) -> None:
        nodes = checked_points(points, WHERE)
        if nodes.shape[1] != 2:
            what, remedy = "Its cells are tetrahedra", "give triangles, or the values on a grid as a Table"
            raise DeclarationError(what, WHERE, remedy)
        self.names = checked_names(names, 2, WHERE)
        known = finite_numbers(values, "values", WHERE)
        if known.shape != (len(nodes),):
            what = f"The values have shape {known.shape} for {len(nodes)} nodes"
            raise DeclarationError(what, WHERE, "give one number a node")
        nodes, triangles, number = merged(nodes, checked_numbers(cells, len(nodes), 3, "cells", WHERE))
        known = _once(known, number, len(nodes))
        check_volumes(nodes[triangles], "cell", WHERE)
        self._corners = torch.from_numpy(nodes[triangles])
        self._coefficients = torch.from_numpy(_bernstein(nodes, triangles, known, _gradients(nodes, triangles, known)))
        self._facets = Facets(np.pad(nodes[triangles], ((0, 0), (0, 0), (0, 1))))
        self._slack = OUTSIDE * float(np.ptp(nodes, axis=0).max())
        self._located = lru_cache(KEPT)(self._locate)
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self.names]
        self.__signature__ = inspect.Signature(parameters)

    def __call__(self, *points: Tensor, **named: Tensor) -> Tensor:
        """Return the function at points, one tensor (n,) a coordinate."""
        given = dict(zip(self.names, points, strict=False)) | named
        if len(points) + len(named) != 2 or set(given) != set(self.names):
            what = f"The table is called with {len(points)} coordinates and {sorted(named)}"
            raise DeclarationError(what, "Table", f"give {', '.join(self.names)}")
        x = torch.stack([given[name] for name in self.names], 1)
        number, inside = (part.to(x.device) for part in self._located(x.detach().cpu().double().numpy().tobytes()))
        corners, coefficients = self._corners.to(x)[number], self._coefficients.to(x)[number]
        first, second, away = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], x - corners[:, 0]
        area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        u = (away[:, 0] * second[:, 1] - away[:, 1] * second[:, 0]) / area
        v = (first[:, 0] * away[:, 1] - first[:, 1] * away[:, 0]) / area
        weights = torch.stack([1 - u - v, u, v], 1)
        third = torch.where(inside, weights.gather(1, weights.detach().argmin(1)[:, None])[:, 0], torch.nan)
        parts = [*(weights - third[:, None]).unbind(1), 3 * third]
        return (torch.stack([_monomial(parts, powers) for powers in SPLIT], 1) * coefficients).sum(1)

    def _locate(self, points: bytes) -> tuple[Tensor, Tensor]:
        """Return the numbers (n,) of the triangles at points (n, 2) in double precision, and which are inside."""
        at = np.frombuffer(points, dtype=np.float64).reshape(-1, 2)
        number, weights = self._facets.nearest(np.pad(at, ((0, 0), (0, 1))))
        nearest = np.einsum("nk,nkd->nd", weights, self._facets.corners[number])[:, :2]
        return torch.from_numpy(number), torch.from_numpy(np.linalg.norm(nearest - at, axis=1) <= self._slack)

    def __repr__(self) -> str:
        return f"NodalTable({', '.join(self.names)}: {len(self._corners)} triangles)"


def _monomial(parts: Sequence[Tensor], powers: Sequence[int]) -> Tensor:
    """Return a Bernstein polynomial 3!/∏p! ∏b^p of the weights b (n,) of four corners."""
    factors = [part for part, power in zip(parts, powers, strict=True) for _ in range(power)]
    return factors[0] * factors[1] * factors[2] * {3: 1, 2: 3, 1: 6}[max(powers)]


def _once(values: Array, number: Array, count: int) -> Array:
    """Return one value a place (count,); `number` has the place of each given node, −1 where no cell has it."""
    found = np.zeros(count)
    found[number[number >= 0]] = values[number >= 0]
    if (found[number[number >= 0]] != values[number >= 0]).any():
        raise DeclarationError("Nodes at one place have different values", WHERE, "give a continuous function")
    return found


def _gradients(nodes: Array, triangles: Array, values: Array) -> Array:
    """Return at every node the gradient of the quadratic function through it that is nearest to the values around.

    Those are the nodes of its triangles and of their neighbours, and further ones where these are fewer than five.
    """
    from scipy.sparse import csr_array

    edges = np.concatenate([triangles[:, [a, b]] for a in range(3) for b in range(3)])
    beside = csr_array((np.ones(len(edges)), edges.T), shape=(len(nodes),) * 2)
    around, found = beside @ beside, np.zeros_like(nodes)
    for node in range(len(nodes)):
        near = around.indices[around.indptr[node] : around.indptr[node + 1]]
        while len(near) < FEWEST and len(wider := np.unique((beside[near]).indices)) > len(near):
            near = wider
        near = near[near != node]
        away = nodes[near] - nodes[node]
        size = np.linalg.norm(away, axis=1)
        if len(near) < FEWEST - 1:
            what = f"The node at {nodes[node].tolist()} has {len(near)} others around it"
            raise DeclarationError(what, WHERE, "give a mesh of more triangles")
        x, y = away.T / size.max()
        rows = np.stack([x, y, x * x, x * y, y * y], 1) / size[:, None]
        found[node] = np.linalg.lstsq(rows, (values[near] - values[node]) / size)[0][:2] / size.max()
    return found


def _bernstein(nodes: Array, triangles: Array, values: Array, slopes: Array) -> Array:
    """Return the Bernstein coefficients (c, 19) of all triangles, in the order of `SPLIT`.

    Across an edge the slope along the line between the centres of its two triangles changes linearly, which makes the
    gradient continuous and depends on nothing else; at the boundary it is the line to the edge's middle.
    """
    c: dict[str, Array] = {}
    f, g, corners = values[triangles], slopes[triangles], nodes[triangles]
    names = ("3000", "0300", "0030")
    for one, name in enumerate(names):
        c[name] = f[:, one]
        for other in {0, 1, 2} - {one}:
            powers = [2 * (k == one) + (k == other) for k in range(3)]
            along = np.einsum("nd,nd->n", g[:, one], corners[:, other] - corners[:, one])
            c["".join(map(str, powers)) + "0"] = f[:, one] + along / 3
    c["2001"] = (c["2100"] + c["2010"] + c["3000"]) / 3
    c["0201"] = (c["1200"] + c["0300"] + c["0210"]) / 3
    c["0021"] = (c["1020"] + c["0120"] + c["0030"]) / 3
    turns = _turns(corners, triangles)
    for opposite, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):

        def key(*powers: tuple[int, int]) -> str:
            return "".join(str(sum(n for corner, n in powers if corner == k)) for k in range(4))

        aaa, aab, abb, bbb = (c[key((a, 3 - n), (b, n))] for n in range(4))
        ends = -aaa + 2 * aab - abb + c[key((a, 2), (3, 1))] + c[key((b, 2), (3, 1))]
        c[key((a, 1), (b, 1), (3, 1))] = (turns[:, opposite] * (-aaa + 3 * aab - 3 * abb + bbb) + ends) / 2
    c["1002"] = (c["1101"] + c["1011"] + c["2001"]) / 3
    c["0102"] = (c["1101"] + c["0111"] + c["0201"]) / 3
    c["0012"] = (c["1011"] + c["0111"] + c["0021"]) / 3
    c["0003"] = (c["1002"] + c["0102"] + c["0012"]) / 3
    return np.stack([c["".join(map(str, powers))] for powers in SPLIT], 1)


def _turns(corners: Array, triangles: Array) -> Array:
    """Return how the line of slopes across each edge is turned towards its ends, by the opposite corner, (c, 3)."""
    found = np.full((len(triangles), 3), -0.5)
    edges = np.concatenate([np.sort(np.delete(triangles, opposite, 1), 1) for opposite in range(3)])
    order = np.lexsort(edges.T)
    same = np.flatnonzero((edges[order][1:] == edges[order][:-1]).all(1))
    for first, second in ((order[same], order[same + 1]), (order[same + 1], order[same])):
        (opposite, own), other = np.divmod(first, len(triangles)), second % len(triangles)
        matrix = np.concatenate([corners[own].transpose(0, 2, 1), np.ones((len(own), 1, 3))], 1)
        centre = np.concatenate([corners[other].mean(1), np.ones((len(own), 1))], 1)
        weights = np.linalg.solve(matrix, centre[:, :, None])[:, :, 0]
        a, b = (np.take_along_axis(weights, ((opposite + k) % 3)[:, None], 1)[:, 0] for k in (1, 2))
        found[own, opposite] = (2 * b + a - 1) / (2 - 3 * b - 3 * a)
    return found
