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


def corners(wet: Array, sizes: Array, numbers: Array, total: int, wall: Array) -> tuple[Any, Any, Array]:
    """Return a velocity and its derivative at corners along the last axis as matrices (k, total), and what a wall adds.

    `wet` (n, m) says which velocities are unknown, `numbers` (n, m) where they stand among all; beside others there is
    a wall, whose velocity is `wall` (n, m + 1). It adds (k,) to the derivative; to the velocity nothing, since no flow
    crosses there to carry it. Corners come in the order of (n, m + 1).
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
    rise = 2 * wall * (only_below / np.where(only_below, low, 1) - only_above / np.where(only_above, high, 1))
    shape = (below.size, total)
    matrices = [csr_array((entry, (rows, columns)), shape=shape) for entry in (values, slopes)]
    return matrices[0], matrices[1], rise.ravel()


class Flow:
    """The balances on cells between edges x and y, of which `fluid` (nx, ny) says which are wet.

    `lid` is the velocity along the upper wall at the edges x, 0 where it is not given.
    """

    def __init__(self, x: Array, y: Array, fluid: Array, *, outflow: bool, lid: Array | float = 0.0) -> None:
        self.x, self.y, self.fluid, self.outflow = x, y, fluid, outflow
        nx, ny = fluid.shape
        self.split, self.total = (nx + 1) * ny, (nx + 1) * ny + nx * (ny + 1)
        behind = np.pad(fluid, ((1, 1), (0, 0)))
        behind[-1] |= outflow & fluid[-1]
        above = np.pad(fluid, ((0, 0), (1, 1)))
        wet = behind[1:] & behind[:-1], above[:, 1:] & above[:, :-1]
        self.numbers = np.arange(self.split).reshape(nx + 1, ny), np.arange(self.split, self.total).reshape(nx, ny + 1)
        self.active = np.concatenate([part[mask] for part, mask in zip(self.numbers, wet, strict=True)])
        self._momentum(*wet, lid)
        self._continuity()

    def _momentum(self, wet_u: Array, wet_v: Array, lid: Array | float) -> None:
        """Set what viscosity does, the products of convection, and the volumes."""
        from scipy.sparse import diags_array, eye_array, kron

        (nx, ny), dx, dy = self.fluid.shape, np.diff(self.x), np.diff(self.y)
        wall = np.zeros((nx + 1, ny + 1))
        wall[:, -1] = lid
        u, u_y, rise = corners(wet_u, dy, self.numbers[0], self.total, wall)
        order = np.arange(wall.size).reshape(ny + 1, nx + 1).T.ravel()
        v, v_x = (part[order] for part in corners(wet_v.T, dx, self.numbers[1].T, self.total, 0 * wall.T)[:2])
        # cells have a ghost column behind the outflow, into which u goes on as it is
        (mean_x, jump_x), (mean_y, jump_y) = _between(nx, dx, self.outflow), _between(ny, dy, False)
        half_x, half_y = (np.diff(np.concatenate([z[:1], (z[1:] + z[:-1]) / 2, z[-1:]])) for z in (self.x, self.y))
        east, north = self._on_u(kron(_steps(nx), diags_array(dy))), self._on_v(kron(diags_array(dx), _steps(ny)))
        over = self._on_u(kron(diags_array(half_x), _difference(ny)))
        beside = self._on_v(kron(_difference(nx), diags_array(half_y)))
        u_cells, u_x = (self._of_u(kron(part, eye_array(ny))) for part in (mean_x, jump_x))
        v_cells, v_y = (self._of_v(kron(eye_array(nx), part)) for part in (mean_y, jump_y))
        self.products = [(east, u_cells, u_cells), (north, v_cells, v_cells), (over, u, v), (beside, v, u)]
        self.viscous = -NU * (east @ u_x + north @ v_y + over @ u_y + beside @ v_x)
        self.driven = -NU * (over @ rise)
        self.volume = np.concatenate([np.outer(half_x, dy)[wet_u], np.outer(dx, half_y)[wet_v]])

    def _continuity(self) -> None:
        """Set the divergence in wet cells; but for the last one where p is known but for a constant."""
        from scipy.sparse import diags_array, kron

        (nx, ny), dx, dy = self.fluid.shape, np.diff(self.x), np.diff(self.y)
        out = self._of_u(kron(_difference(nx), diags_array(dy))) + self._of_v(kron(diags_array(dx), _difference(ny)))
        self.pinned = int(not self.outflow)
        wet = np.flatnonzero(self.fluid.ravel())
        self.divergence = out.tocsr()[wet[: len(wet) - self.pinned]]

    def _on_u(self, matrix: Any) -> Any:
        """Return the rows of unknown velocities of a matrix whose rows are the faces of u."""
        return _under(matrix, 0, self.total - self.split)[self.active]

    def _on_v(self, matrix: Any) -> Any:
        return _under(matrix, self.split, 0)[self.active]

    def _of_u(self, matrix: Any) -> Any:
        """Return a matrix for all velocities of one for those of u."""
        return _under(matrix.T, 0, self.total - self.split).T.tocsr()

    def _of_v(self, matrix: Any) -> Any:
        return _under(matrix.T, self.split, 0).T.tocsr()

    def convection(self, w: Array) -> Array:
        """Return ∮ (w·n) w over the volumes of the unknown velocities; what a lid carries along itself is nothing."""
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

    def values(
        self, w: Array, p: Array, x: Array, y: Array, lid: Array | float = 0.0, between: str = "linear"
    ) -> tuple[Array, Array, Array]:
        """Return u, v and p on a grid, shape (x, y) each, linear or cubic between their places."""
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
        found = [RegularGridInterpolator(axes, part, between, False, None)(at) for axes, part in places]
        return found[0], found[1], found[2]


def _between(count: int, sizes: Array, ghost: bool) -> tuple[Any, Any]:
    """Return mean and derivative in cells, and in one behind the last, of values at edges, (count + 1, count + 1)."""
    from scipy.sparse import diags_array

    mean = diags_array([np.append(np.full(count, 0.5), float(ghost)), np.full(count, 0.5)], offsets=[0, 1])
    jump = diags_array([np.append(-1 / sizes, 0.0), 1 / sizes], offsets=[0, 1])
    return mean, jump


def _steps(count: int) -> Any:
    """Return differences of cells and the one behind the last at edges, (count + 1, count + 1)."""
    from scipy.sparse import diags_array

    return diags_array([np.ones(count + 1), -np.ones(count)], offsets=[0, -1])


def _under(matrix: Any, before: int, behind: int) -> Any:
    """Return a matrix with so many rows of zeros above and below."""
    from scipy.sparse import csr_array, vstack

    columns = matrix.shape[1]
    return vstack([csr_array((before, columns)), matrix, csr_array((behind, columns))]).tocsr()


def _difference(count: int) -> Any:
    """Return differences of edges in cells, (count, count + 1)."""
    from scipy.sparse import diags_array

    return diags_array([-np.ones(count), np.ones(count)], offsets=[0, 1], shape=(count, count + 1))
