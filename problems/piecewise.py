"""A tabulated function u(t, x): tensor products of Chebyshev interpolants on a grid of rectangles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .cached import cached

Array = np.ndarray

CHUNK = 8192
"""Points evaluated at once, so that their blocks of nodal values take about 15 MB."""


def nodes(edges: Array, count: int) -> Array:
    """Return `count` Chebyshev points of the second kind between neighbouring edges, (intervals, count)."""
    unit = np.sin(np.pi * np.arange(count) / (2 * (count - 1))) ** 2
    points = edges[:-1, None] + unit * np.diff(edges)[:, None]
    points[:, -1] = edges[1:]
    return points


def basis(edges: Array, count: int, at: Array) -> tuple[Array, Array]:
    """Return for points `at` (n,) their intervals (n,) and the Lagrange polynomials there (n, count).

    Barycentric formula of the second kind (Berrut, Trefethen 2004, equation 4.2).
    """
    interval = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
    distance = at[:, None] - nodes(edges, count)[interval]
    weights = (-1.0) ** np.arange(count)
    weights[[0, -1]] /= 2
    hit = distance == 0
    terms = weights / np.where(hit, 1.0, distance)
    terms = np.where(hit.any(axis=1, keepdims=True), hit, terms)
    return interval, terms / terms.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class PiecewisePolynomial:
    """u(t, x) on rectangles between `t_edges` (a+1,) and `x_edges` (b+1,); nodal `values` (a, p, b, q)."""

    t_edges: Array
    x_edges: Array
    values: Array

    def __call__(self, t: Array, x: Array) -> Array:
        """Evaluate at points t, x of shape (n,) inside the edges."""
        _, p, _, q = self.values.shape
        out = np.empty(len(t))
        for start in range(0, len(t), CHUNK):
            part = slice(start, start + CHUNK)
            i, in_t = basis(self.t_edges, p, t[part])
            j, in_x = basis(self.x_edges, q, x[part])
            along_x = (in_t[:, None, :] @ self.values[i, :, j, :])[:, 0]
            out[part] = (along_x * in_x).sum(axis=1)
        return out


def tabulate(
    solve: Callable[[Array, Array], Array], t_edges: Array, x_edges: Array, p: int, q: int
) -> dict[str, Array]:
    """Return the arrays of a `PiecewisePolynomial` with p by q nodes a rectangle.

    `solve` takes increasing times (m,) and points x (n,), and returns values (m, n).
    """
    t, x = nodes(t_edges, p), nodes(x_edges, q)
    times, place = np.unique(t, return_inverse=True)
    values = solve(times, x.ravel())[place.ravel()]
    return {"t_edges": t_edges, "x_edges": x_edges, "values": values.reshape(*t.shape, *x.shape)}


class Tabulated:
    """A function u(t, x) whose table is computed, or read from the user's cache, at the first call."""

    def __init__(self, name: str, compute: Callable[[], dict[str, Array]]) -> None:
        self.name = name
        self.compute = compute

    @cached_property
    def table(self) -> PiecewisePolynomial:
        """The interpolant."""
        return PiecewisePolynomial(**cached(self.name, self.compute))

    def __call__(self, t: Array, x: Array) -> Array:
        """Evaluate at points t, x of shape (n,)."""
        return self.table(t, x)
