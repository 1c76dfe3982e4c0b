"""The flows of PINNacle on staggered grids."""

from __future__ import annotations

import math

import numpy as np

from .staggered import Flow, graded

Array = np.ndarray


def cavity(x: Array, y: Array, count: int = 64) -> tuple[Array, ...]:
    """Return u, v, p of NS2d-C on a grid, shape (x, y) each, p(0, 0) = 0, extrapolated from cells and half more.

    Errors of differences go with the square of the cells' size.
    """
    fine = 3 * count // 2
    return tuple((fine**2 * on_cells(x, y, fine) - count**2 * on_cells(x, y, count)) / (fine**2 - count**2))


def on_cells(x: Array, y: Array, count: int) -> Array:
    """Return the same on so many cells along each side, shape (3, x, y)."""
    edges = graded([0.0, 1.0], [count])
    lid = 4 * edges * (1 - edges)
    flow = Flow(edges, edges, np.ones((count, count), dtype=bool), outflow=False, lid=lid)
    w, p = flow.steady(np.zeros(flow.total))
    u, v, p = flow.values(w, p, x, y, lid, "cubic")
    return np.stack([u, v, p - p[0, 0]])


def step(x: Array, y: Array, count: int = 40) -> tuple[Array, Array, Array]:
    """Return u, v, p of NS2d-CG on a grid, shape (x, y) each; 0 inside of the step."""
    along, across = graded([0.0, 2.0, 4.0], [count, count]), graded([0.0, 1.0, 2.0], [count, count])
    fluid = np.ones((2 * count, 2 * count), dtype=bool)
    fluid[:count, count:] = False
    flow = Flow(along, across, fluid, outflow=True)
    w = np.zeros(flow.total)
    high = (across[1:] + across[:-1]) / 2
    w[: 2 * count] = np.where(high < 1, 4 * high * (1 - high), 0.0)
    return flow.values(*flow.steady(w), x, y)


def pulsating(t: Array, x: Array, y: Array, count: int = 20, length: float = 0.0025) -> tuple[Array, Array, Array]:
    """Return u, v, p of NS2d-LT on a grid, shape (t, x, y) each, whose times are multiples of `length`."""
    along, across = graded([0.0, 2.0], [2 * count]), graded([0.0, 1.0], [count])
    flow = Flow(along, across, np.ones((2 * count, count), dtype=bool), outflow=True)
    mid = [(edges[1:] + edges[:-1]) / 2 for edges in (along, across)]
    at_u = np.outer(np.sin(math.pi * along), np.sin(math.pi * mid[1])).ravel()
    at_v = np.outer(np.sin(math.pi * mid[0]), np.sin(math.pi * across)).ravel()
    shape = flow.volume * np.concatenate([at_u, at_v])[flow.active]
    inflow = np.sin(math.pi * mid[1])

    def given(now: float) -> Array:
        w = np.zeros(flow.total)
        w[:count] = inflow * sum(math.sin(k * math.pi * now) for k in (1, 3, 5))
        return w

    states = flow.march(given, lambda now: -math.sin(math.pi * now) * shape, t, length)
    u, v, p = zip(*(flow.values(w, p, x, y) for w, p in states), strict=True)
    return np.stack(u), np.stack(v), np.stack(p)
