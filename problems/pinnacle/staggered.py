"""Incompressible flow on staggered grids: velocities on faces and pressure in cells (Harlow, Welch 1965).

Velocities of faces between two wet cells are unknown; on walls and at an inflow they are given. At an outflow, the
right end of the grid, p = 0, and the velocity across the stream is zero. The viscosity is 1/100.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray

NU = 0.01

NEWTON, SMALL = 20, 1e-10
"""Most steps of Newton's method, and the largest change of a velocity in the last."""


def graded(ends: list[float], counts: list[int]) -> Array:
    """Return edges that crowd towards both ends of every interval, as Chebyshev's points do."""
    parts = [
        low + (high - low) * np.sin(np.linspace(0, math.pi / 2, count + 1)[:-1]) ** 2
        for low, high, count in zip(ends[:-1], ends[1:], counts, strict=True)
    ]
    return np.append(np.concatenate(parts), ends[-1])


def corners(wet: Array, sizes: Array, numbers: Array, total: int, wall: Array) -> tuple[Any, Any, Array, Array]:
    """Return a velocity and its derivative at corners along the last axis, as matrices (k, total) and constants (k,).

    `wet` (n, m) says which velocities are unknown, `numbers` (n, m) where they stand among all; beside others there is
    a wall, whose velocity is `wall` (n, m + 1). Corners come in the order of (n, m + 1).
    """
    from scipy.sparse import csr_array

    pad = ((0, 0), (1, 1))
    known, place, size = np.pad(wet, pad), np.pad(numbers, pad), np.pad(np.broadcast_to(sizes, wet.shape), pad)
    below, above = known[:, :-1], known[:, 1:]
    low, high = size[:, :-1], size[:, 1:]
    both = np.where(below & above, low + high, 1.0)
    only_below, only_above = below & ~above, above & ~below
    flat = np.arange(below.size).reshape(below.shape)
    slope = np.where(below & above, 2 / both, 0.0)
    entries = [
        (below & above, place[:, :-1], high / both, -slope), (below & above, place[:, 1:], low / both, slope),
        (only_below, place[:, :-1], 0 * low, -2 / np.where(only_below, low, 1)),
        (only_above, place[:, 1:], 0 * low, 2 / np.where(only_above, high, 1)),
    ]  # fmt: skip
    rows, columns, values, slopes = (
        np.concatenate([part[mask] for mask, *parts in entries for part in [[flat, *parts][which]]])
        for which in range(4)
    )
    at_wall = only_below | only_above
    rise = 2 * wall * (only_below / np.where(only_below, low, 1) - only_above / np.where(only_above, high, 1))
    shape = (below.size, total)
    matrices = [csr_array((entry, (rows, columns)), shape=shape) for entry in (values, slopes)]
    return *matrices, (at_wall * wall).ravel(), rise.ravel()


class Flow:
    """The balances on cells between edges x and y, of which `fluid` (nx, ny) says which are wet.

    `lid` is the velocity along the upper wall at the edges x, 0 where it is not given.
    """

    def __init__(self, x: Array, y: Array, fluid: Array, *, outflow: bool, lid: Array | float = 0.0) -> None:
        from scipy.sparse import block_diag, csr_array, diags_array, eye_array, kron, vstack

        self.x, self.y, self.fluid, self.outflow = x, y, fluid, outflow
        nx, ny = fluid.shape
        dx, dy = np.diff(x), np.diff(y)
        self.split, total = (nx + 1) * ny, (nx + 1) * ny + nx * (ny + 1)
        numbers = np.arange(self.split).reshape(nx + 1, ny), np.arange(self.split, total).reshape(nx, ny + 1)
        padded = np.pad(fluid, ((1, 1), (0, 0)))
        padded[-1] |= outflow & fluid[-1]
        wet_u = padded[1:] & padded[:-1]
        padded = np.pad(fluid, ((0, 0), (1, 1)))
        wet_v = padded[:, 1:] & padded[:, :-1]
        self.active = np.concatenate([numbers[0][wet_u], numbers[1][wet_v]])

        wall = np.zeros((nx + 1, ny + 1))
        wall[:, -1] = lid
        u, u_y, self.u_wall, rise = corners(wet_u, dy, numbers[0], total, wall)
        turned = corners(wet_v.T, dx, numbers[1].T, total, np.zeros((ny + 1, nx + 1)))
        order = np.arange((nx + 1) * (ny + 1)).reshape(ny + 1, nx + 1).T.ravel()
        v, v_x = turned[0][order], turned[1][order]
        # cells have a ghost column behind the outflow, into which u goes on as it is
        mean_x, jump_x = _between(nx, dx, outflow)
        mean_y, jump_y = _between(ny, dy, False)
        one_x, one_y = eye_array(nx), eye_array(ny)
        half_x = np.diff(np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]]))
        half_y = np.diff(np.concatenate([y[:1], (y[1:] + y[:-1]) / 2, y[-1:]]))
        empty_u, empty_v = csr_array((self.split, 1)), csr_array((total - self.split, 1))

        def on_u(matrix: Any) -> Any:
            return vstack([matrix, csr_array((total - self.split, matrix.shape[1]))]).tocsr()[self.active]

        def on_v(matrix: Any) -> Any:
            return vstack([csr_array((self.split, matrix.shape[1])), matrix]).tocsr()[self.active]

        def of_u(matrix: Any) -> Any:
            return block_diag([matrix, empty_v.T]).tocsr()[: matrix.shape[0]]

        def of_v(matrix: Any) -> Any:
            return block_diag([empty_u.T, matrix]).tocsr()[-matrix.shape[0] :]

        out_x, out_y = _outflow_of(nx), _outflow_of(ny)
        u_cells, v_cells = of_u(kron(mean_x, one_y)), of_v(kron(one_x, mean_y))
        east, north = on_u(kron(out_x, diags_array(dy))), on_v(kron(diags_array(dx), out_y))
        rim_u = on_u(kron(diags_array(half_x), _difference(ny)))
        rim_v = on_v(kron(_difference(nx), diags_array(half_y)))
        self.products = [(east, u_cells, u_cells), (north, v_cells, v_cells), (rim_u, u, v), (rim_v, v, u)]
        stress = east @ of_u(kron(jump_x, one_y)) + north @ of_v(kron(one_x, jump_y)) + rim_u @ u_y + rim_v @ v_x
        self.viscous, self.driven = -NU * stress, -NU * (rim_u @ rise)
        self.volume = np.concatenate([np.outer(half_x, dy)[wet_u], np.outer(dx, half_y)[wet_v]])
        spread = [of_u(kron(_difference(nx), diags_array(dy))), of_v(kron(diags_array(dx), _difference(ny)))]
        wet = fluid.ravel()
        self.divergence = (spread[0] + spread[1]).tocsr()[wet]
        if not outflow:  # p is known but for a constant
            self.divergence = self.divergence[:-1]
        self.total, self.pinned = total, int(not outflow)

    def convection(self, w: Array) -> Array:
        """Return ∮ (w·n) w over the volumes of the unknown velocities."""
        # a wall's own velocity is along it, and carries nothing: the other factor is zero there
        return np.asarray(sum(out @ ((a @ w) * (b @ w)) for out, a, b in self.products))

    def _slope(self, w: Array) -> Any:
        from scipy.sparse import diags_array

        return sum(out @ (diags_array(b @ w) @ a + diags_array(a @ w) @ b) for out, a, b in self.products)

    def system(self, inner: Any) -> Any:
        """Return the matrix of momentum and continuity for unknown velocities and pressures."""
        from scipy.sparse import block_array

        spread = self.divergence[:, self.active]
        return block_array([[inner[:, self.active], -spread.T], [spread, None]]).tocsc()

    def steady(self, w: Array) -> tuple[Array, Array]:
        """Return steady velocities and pressures by Newton's method; `w` holds what is given, and is filled."""
        from scipy.sparse.linalg import splu

        count = len(self.active)
        p = np.zeros(self.divergence.shape[0])
        for number in range(NEWTON):
            inner = self.viscous + (self._slope(w) if number else 0 * self.viscous)
            convection = self.convection(w) if number else 0.0
            momentum = self.viscous @ w + self.driven + convection - self.divergence[:, self.active].T @ p
            change = splu(self.system(inner)).solve(-np.concatenate([momentum, self.divergence @ w]))
            w[self.active] += change[:count]
            p += change[count:]
            if np.abs(change[:count]).max() < SMALL:
                break
        return w, p

    def march(self, given: Callable[[float], Array], force: Callable[[float], Array], times: Array, step: float) -> Any:
        """Yield velocities and pressures at `times` from rest by steps of order two (BDF2, convection extrapolated)."""
        from scipy.sparse import csr_array
        from scipy.sparse.linalg import splu

        mass = csr_array((self.volume, (np.arange(len(self.active)), self.active)), shape=self.viscous.shape)
        solve = [splu(self.system(share / step * mass + self.viscous)).solve for share in (1.0, 1.5)]
        w = before = given(0.0)
        c = self.convection(w)
        c_before, p = c, np.zeros(self.divergence.shape[0])
        for number in range(round(times[-1] / step) + 1):
            if np.abs(times - number * step).min() < step / 4:
                yield w, p
            now, first = given((number + 1) * step), number == 0
            past = w if first else 2 * w - before / 2
            load = mass @ (past - (1.0 if first else 1.5) * now) / step - self.viscous @ now - self.driven
            load += force((number + 1) * step) - (c if first else 2 * c - c_before)
            found = solve[0 if first else 1](np.concatenate([load, -self.divergence @ now]))
            now[self.active] = found[: len(self.active)]
            p = found[len(self.active) :]
            before, w, c_before, c = w, now, c, self.convection(now)

    def values(self, w: Array, p: Array, x: Array, y: Array, lid: Array | float = 0.0) -> tuple[Array, Array, Array]:
        """Return u, v and p on a grid, shape (x, y) each, linear between their places."""
        from scipy.interpolate import RegularGridInterpolator
        from scipy.ndimage import distance_transform_edt

        nx, ny = self.fluid.shape
        mid_x, mid_y = (self.x[1:] + self.x[:-1]) / 2, (self.y[1:] + self.y[:-1]) / 2
        u = np.pad(w[: self.split].reshape(nx + 1, ny), ((0, 0), (1, 1)))
        v = np.pad(w[self.split :].reshape(nx, ny + 1), ((1, 1), (0, 0)))
        u[:, -1] = lid
        cells = np.zeros(nx * ny)
        cells[self.fluid.ravel()] = np.append(p, np.zeros(self.pinned))
        near = distance_transform_edt(~self.fluid, return_distances=False, return_indices=True)
        cells = cells.reshape(nx, ny)[tuple(near)]
        across, along = (
            np.concatenate([self.y[:1], mid_y, self.y[-1:]]),
            np.concatenate([self.x[:1], mid_x, self.x[-1:]]),
        )
        at = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
        places = ((self.x, across), u), ((along, self.y), v), ((mid_x, mid_y), cells)
        found = [RegularGridInterpolator(axes, part, bounds_error=False, fill_value=None)(at) for axes, part in places]
        return found[0], found[1], found[2]


def _between(count: int, sizes: Array, ghost: bool) -> tuple[Any, Any]:
    """Return mean and derivative in cells, and in one behind the last, of values at edges, (count + 1, count + 1)."""
    from scipy.sparse import diags_array

    mean = diags_array([np.append(np.full(count, 0.5), float(ghost)), np.full(count, 0.5)], offsets=[0, 1])
    jump = diags_array([np.append(-1 / sizes, 0.0), 1 / sizes], offsets=[0, 1])
    return mean, jump


def _outflow_of(count: int) -> Any:
    """Return differences of cells and the one behind the last at edges, (count + 1, count + 1)."""
    from scipy.sparse import diags_array

    return diags_array([np.ones(count + 1), -np.ones(count)], offsets=[0, -1])


def _difference(count: int) -> Any:
    """Return differences of edges in cells, (count, count + 1)."""
    from scipy.sparse import diags_array

    return diags_array([-np.ones(count), np.ones(count)], offsets=[0, 1], shape=(count, count + 1))


def cavity(x: Array, y: Array, count: int = 64) -> tuple[Array, Array, Array]:
    """Return u, v, p of NS2d-C on a grid, shape (x, y) each, p(0, 0) = 0."""
    edges = graded([0.0, 1.0], [count])
    lid = 4 * edges * (1 - edges)
    flow = Flow(edges, edges, np.ones((count, count), dtype=bool), outflow=False, lid=lid)
    w, p = flow.steady(np.zeros(flow.total))
    u, v, p = flow.values(w, p, x, y, lid)
    return u, v, p - p[0, 0]


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
