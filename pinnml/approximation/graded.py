"""Cells that are small where a function varies, and more of them along the axis that needs them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.values import field_values
from pinnml.network import AbstractNetwork
from pinnml.problem import Problem
from pinnml.problem.reference import grid_points

Array = np.ndarray

FINE, LINES = {1: 4096, 2: 512, 3: 256}, {1: 1, 2: 16, 3: 5}
"""Intervals along an axis in which a function is looked at, and lines across each other axis, by dimension."""

SMOOTHED = 9
"""Neighbouring intervals over which the density of cells is averaged."""

FEWEST, SLENDER = 4, 8
"""Cells that every axis has, and how many times more of them one axis may have than another."""

SMALL = 1e-12
"""Errors of an interpolation below this share of a field are rounding."""


@dataclass(frozen=True)
class Grading:
    """Where a function needs cells: its values on lines along each axis, and the share of cells below their points.

    `lines` hold arrays (…, intervals + 1) by axis, each field scaled to at most one, and `shares` (intervals + 1,).
    """

    lines: tuple[Array, ...]
    shares: tuple[Array, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def edges(self, cells: int) -> tuple[Array, ...]:
        """Return by axis the edges of about so many cells in all.

        An axis gets √2 times as many in turn, as long as cubic splines on them are the worst along it.
        """
        counts = [float(FEWEST)] * len(self.lines)
        errors = [self._error(axis, FEWEST) for axis in range(len(counts))]
        while math.prod(counts) * math.sqrt(2) <= cells:
            most = SLENDER * min(counts) * 1.01
            allowed = [axis for axis, count in enumerate(counts) if count * math.sqrt(2) <= most]
            worst = max(allowed, key=lambda axis: (errors[axis], -counts[axis]))
            counts[worst] *= math.sqrt(2)
            errors[worst] = self._error(worst, round(counts[worst]))
        ends = zip(self.lower, self.upper, strict=True)
        units = [self._unit(axis, round(n)) for axis, n in enumerate(counts)]
        return tuple(low + (high - low) * unit for unit, (low, high) in zip(units, ends, strict=True))

    def _unit(self, axis: int, cells: int) -> Array:
        share = self.shares[axis]
        return np.interp(np.linspace(0, 1, cells + 1), share, np.linspace(0, 1, len(share)))

    def _error(self, axis: int, cells: int) -> float:
        """Return the largest error of the cubic spline through the lines' values near the edges of so many cells."""
        from scipy.interpolate import CubicSpline

        lines, fine = self.lines[axis], np.linspace(0, 1, len(self.shares[axis]))
        nodes = np.unique(np.rint(self._unit(axis, cells) * (len(fine) - 1)).astype(int))
        return max(SMALL, float(np.abs(CubicSpline(fine[nodes], lines[..., nodes], axis=-1)(fine) - lines).max()))


def graded(problem: Problem, network: AbstractNetwork, theta: Tensor) -> Grading:
    """Return cells half of which are of equal length, and half of equal variation of the fields.

    The density along an axis is ½ + ½ max |Δu| / mean of that, Δu being differences along lines parallel to it, each
    field scaled by its largest variation on one line: a front counts wherever it stands (equidistribution of arc
    length: White, SIAM J. Numer. Anal. 16, 1979).
    """
    domain = problem.domain
    lines = tuple(_lines(problem, network, theta, axis) for axis in range(domain.dimension))
    return Grading(lines, tuple(_share(values) for values in lines), domain.lower, domain.upper)


def _lines(problem: Problem, network: AbstractNetwork, theta: Tensor, axis: int) -> Array:
    """Return the fields on lines along an axis, shape (m, lines, points), each divided by its largest value."""
    domain, names = problem.domain, list(problem.fields)
    count = LINES[domain.dimension]
    middles = (np.arange(count) + 0.5) / count
    fine = np.linspace(0, 1, FINE[domain.dimension] + 1)
    unit = grid_points({name: fine if other == axis else middles for other, name in enumerate(domain.names)})
    values = field_values(problem, network, theta, domain.place(torch.from_numpy(unit)).to(theta), names)
    shape = [len(fine) if other == axis else count for other in range(domain.dimension)]
    along = np.moveaxis(values.double().cpu().numpy().reshape(len(names), *shape), axis + 1, -1)
    along = along.reshape(len(names), -1, len(fine))
    return np.asarray(along / np.maximum(np.abs(along).max((1, 2), keepdims=True), np.finfo(float).tiny))


def _share(lines: Array) -> Array:
    """Return the share of cells below each point of the lines, shape (intervals + 1,)."""
    steps = np.abs(np.diff(lines, axis=-1))
    whole = steps.sum(-1).max(-1)[:, None]
    variation = (steps.max(1) / np.where(whole > 0, whole, 1.0)).max(0)
    total = variation.sum()
    # a constant along the axis asks for equal cells
    density = 1.0 + (variation * len(variation) / total if total > 0 else np.ones_like(variation))
    half = SMOOTHED // 2
    smooth = np.convolve(np.pad(density, half, mode="edge"), np.full(SMOOTHED, 1 / SMOOTHED), "valid")
    share = np.concatenate([[0.0], np.cumsum(smooth)])
    return np.asarray(share / share[-1])
