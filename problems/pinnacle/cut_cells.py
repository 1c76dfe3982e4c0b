"""Finite volumes on boxes with round holes: square cells that the rims cut (Ng, Min, Gibou 2009; Papac et al. 2010)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

SUBCELLS = 4
"""Points along each side of a cell, or of its faces, at which the share outside of holes is measured."""

LEAST = 1e-4
"""Cells of which a smaller share lies outside of holes belong to these, and nothing flows to them."""

OUTWARDS = 3
"""Layers of cells in the holes to which values are continued, for the interpolation near rims."""

WARM = {(4, 3, 1.0): 5.0, (4, 9, 1.0): 5.0, (0, 0, 1.0): 5.0, (0, 6, 1.0): 5.0, (3.2, 6, 0.4): 1.0, (3.2, 0, 0.4): 1.0}
"""Centre and radius of the discs of Heat2d-CG in the quarter x, y ≥ 0, and the temperature within."""

BALLS = ((0.4, 0.3, 0.6, 0.2), (0.6, 0.7, 0.6, 0.2), (0.2, 0.8, 0.7, 0.1), (0.6, 0.2, 0.3, 0.1))
"""Centre and radius of the holes of Poisson3d-CG."""


@dataclass(frozen=True)
class Cells:
    """Cubes of side `h` with centres along each axis, the share of their volume and of their faces outside of holes."""

    h: float
    centres: list[Array]
    volume: Array
    faces: list[Array]

    def conduction(self) -> Any:
        """Return the matrix of what flows out of the cells through their inner faces, for gradients 1/h."""
        from scipy.sparse import csr_array, diags_array

        shape, numbers = self.volume.shape, np.arange(self.volume.size).reshape(self.volume.shape)
        total: Any = 0
        for axis, face in enumerate(self.faces):
            first = np.take(numbers, range(shape[axis] - 1), axis).ravel()
            second = np.take(numbers, range(1, shape[axis]), axis).ravel()
            count, weight = np.arange(len(first)), np.ones(len(first))
            entries = (np.concatenate([-weight, weight]), (np.tile(count, 2), np.concatenate([first, second])))
            jump = csr_array(entries, shape=(len(first), numbers.size))
            inner = np.take(face, range(1, shape[axis]), axis)
            total = total + jump.T @ (diags_array(inner.ravel()) @ jump)
        return total * self.h ** (len(shape) - 2)

    def values(self, u: Array, at: Sequence[Array]) -> Array:
        """Return cells' values at points of a grid, linear between centres, continued into holes and to the walls."""
        from scipy.interpolate import RegularGridInterpolator

        filled = np.where(self.volume > 0, u, np.nan)
        for _ in range(OUTWARDS):
            filled = np.where(np.isnan(filled), _continued(filled), filled)
        filled = np.where(np.isnan(filled), np.nanmean(filled), filled)
        inner = RegularGridInterpolator(self.centres, filled, bounds_error=False, fill_value=None)
        return np.asarray(inner(np.stack(np.meshgrid(*at, indexing="ij"), -1)))


def _continued(values: Array) -> Array:
    """Return in each cell the mean of linear continuations from two neighbours in line, NaN where there are none."""
    padded = np.pad(values, 2, constant_values=np.nan)
    found = []
    for axis in range(values.ndim):
        for side in (1, -1):
            near, far = np.roll(padded, side, axis), np.roll(padded, 2 * side, axis)
            found.append((2 * near - far)[(slice(2, -2),) * values.ndim])
    known = [np.nan_to_num(part) for part in found]
    count = sum((~np.isnan(part)).astype(float) for part in found)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(count > 0, sum(known) / count, np.nan))


def cells(upper: Sequence[float], h: float, distance: Callable[..., Array]) -> Cells:
    """Return the cells of ∏ (0, upper_i); `distance` from the nearest rim is negative in the holes."""
    counts = [round(high / h) for high in upper]
    centres = [h * (np.arange(count) + 0.5) for count in counts]
    shares = (np.arange(SUBCELLS) + 0.5) / SUBCELLS - 0.5

    def share(axes: Sequence[Array], offsets: Sequence[Array]) -> Array:
        """The mean over points of each cell or face of a smoothed step at the rim."""
        total: Any = 0.0
        for shift in itertools.product(*offsets):
            mesh = np.meshgrid(
                *(axis + h * by for axis, by in zip(axes, shift, strict=True)), indexing="ij", sparse=True
            )
            total = total + np.clip(0.5 + distance(*mesh) * SUBCELLS / h, 0, 1)
        return np.asarray(total / math.prod(map(len, offsets)))

    volume = share(centres, [shares] * len(counts))
    volume[volume < LEAST] = 0
    faces = []
    for axis in range(len(counts)):
        between = [where if other != axis else h * np.arange(counts[axis] + 1) for other, where in enumerate(centres)]
        offsets = [shares if other != axis else np.zeros(1) for other in range(len(counts))]
        ends = np.pad(volume > 0, [(int(other == axis),) * 2 for other in range(len(counts))], mode="edge")
        both = [np.take(ends, range(by, counts[axis] + 1 + by), axis) for by in (0, 1)]
        faces.append(np.where(both[0] & both[1], share(between, offsets), 0.0))
    return Cells(h, centres, volume, faces)


def plate(t: Array, x: Array, y: Array, h: float = 0.0625, step: float = 0.025) -> tuple[Array]:
    """Return u of Heat2d-CG on a grid, shape (t, x, y), in a quarter of the plate, with L-stable steps of order two."""
    from scipy.sparse import diags_array

    def distance(x: Array, y: Array) -> Array:
        return np.asarray(np.min([np.hypot(x - a, y - b) - r for a, b, r in WARM], axis=0))

    grid = cells((8.0, 12.0), h, distance)
    mesh = np.meshgrid(*grid.centres, indexing="ij")
    # length of the rim in a cell, by the divergence theorem
    rim = h * np.hypot(np.diff(grid.faces[0], axis=0), np.diff(grid.faces[1], axis=1))
    each = np.stack([np.hypot(mesh[0] - a, mesh[1] - b) - r for a, b, r in WARM])
    ambient = np.array(list(WARM.values()))[each.argmin(axis=0)]
    exchange = rim / (1 + each.min(axis=0))  # flux = (g − u_rim) = (g − u)/(1 + distance)
    supply = exchange * ambient
    for wall in (np.s_[-1, :], np.s_[:, -1]):
        exchange[wall] += h / (1 + h / 2)
        supply[wall] += 0.1 * h / (1 + h / 2)
    solid = grid.volume == 0
    mass = np.where(solid, 1.0, grid.volume * h**2).ravel()
    matrix = grid.conduction() + diags_array(np.where(solid, 0, exchange).ravel())
    supply = np.where(solid, 0, supply).ravel()
    states = (u.reshape(grid.volume.shape) for u in _marched(matrix, mass, supply, t, step))
    return (np.stack([grid.values(u, (np.abs(x), np.abs(y))) for u in states]),)


def _marched(matrix: Any, mass: Array, supply: Array, times: Array, step: float) -> Iterator[Array]:
    """Yield u of m u′ = s − A u from 0 at `times`, the first being 0, in steps that are short at first.

    By the L-stable method of two stages and order two (Alexander 1977).
    """
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import splu

    gamma, factors = 1 - 1 / math.sqrt(2), {}
    u = np.zeros(len(mass))
    yield u
    for start, end in itertools.pairwise(times):
        short = 16 if start == 0 else 0
        for length in [step / 16] * short + [step] * (round((end - start) / step) - short // 16):
            if length not in factors:
                factors[length] = splu((diags_array(mass) + gamma * length * matrix).tocsc())
            first = factors[length].solve(supply - matrix @ u)
            second = factors[length].solve(supply - matrix @ (u + (1 - gamma) * length * first))
            u = u + length * ((1 - gamma) * first + gamma * second)
        yield u


def source(x: Any, y: Any, z: Any, library: Any) -> Any:
    """Return f of Poisson3d-CG; `library` is numpy or torch."""
    s1, s10, s5 = library.sin(math.pi * x), library.sin(10 * math.pi * y), library.sin(5 * math.pi * z)
    square = x * x + y * y + z * z
    return 20 * library.exp(s1 + s10 + s5) * (square - 1) / (square + 1) + 100 * s1 * s10 * s5


def cavity(x: Array, y: Array, z: Array, count: int = 64) -> tuple[Array]:
    """Return u of Poisson3d-CG on a grid, shape (x, y, z), by `count` cells along each side and conjugate gradients."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import cg

    def distance(x: Array, y: Array, z: Array) -> Array:
        return np.asarray(
            np.min([np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) - r for a, b, c, r in BALLS], axis=0)
        )

    grid = cells((1.0, 1.0, 1.0), 1 / count, distance)
    mesh = np.meshgrid(*grid.centres, indexing="ij", sparse=True)
    solid = grid.volume == 0
    volume = grid.volume * grid.h**3
    decay = np.where(mesh[2] < 0.5, 64.0, 100.0) * volume + solid
    load = np.where(solid, 0.0, source(mesh[0], mesh[1], mesh[2], np) * volume)
    matrix = (grid.conduction() + diags_array(decay.ravel())).tocsr()
    u, _ = cg(matrix, load.ravel(), rtol=1e-8, M=diags_array(1 / matrix.diagonal()))
    return (grid.values(u.reshape(grid.volume.shape), (x, y, z)),)
