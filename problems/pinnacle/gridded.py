"""A reference known on a uniform grid: computed, or read from the user's cache, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from pinnml.problems.cached import cached

from pinnml.problem import AbstractDomain, Reference

Array = np.ndarray

DEGREE = 3

SAME = 1e-9
"""Points that differ by no more are one."""


class Gridded:
    """Fields on a uniform grid, between whose points they are cubic splines.

    Parameters
    ----------
    name : str
        The name of the file in the cache, which holds all that the values depend on.
    fields : sequence of str
        The fields' names.
    grid : mapping of str to (low, high, count)
        The grid along each coordinate, in the order of the values' axes.
    compute : callable
        A function of one array a coordinate, the grid's, that returns one array of values a field.
    """

    def __init__(
        self,
        name: str,
        fields: Sequence[str],
        grid: Mapping[str, tuple[float, float, int]],
        compute: Callable[..., Sequence[Array]],
    ) -> None:
        self.name = name
        self.fields = tuple(fields)
        self.axes = {coordinate: np.linspace(*ends) for coordinate, ends in grid.items()}
        self.compute = compute

    @cached_property
    def values(self) -> dict[str, Array]:
        """The values of each field on the grid."""
        return cached(self.name, lambda: dict(zip(self.fields, self.compute(*self.axes.values()), strict=True)))

    @cached_property
    def splines(self) -> dict[str, Any]:
        """The spline of each field."""
        from scipy.interpolate import NdBSpline, make_interp_spline

        found = {}
        for field, values in self.values.items():
            knots, coefficients = [], values
            for axis, places in enumerate(self.axes.values()):
                spline = make_interp_spline(places, np.moveaxis(coefficients, axis, 0), k=DEGREE)
                knots.append(spline.t)
                coefficients = np.moveaxis(spline.c, 0, axis)
            found[field] = NdBSpline(tuple(knots), coefficients, DEGREE)
        return found

    def __call__(self, field: str, **coordinates: Array) -> Array:
        """Evaluate a field at points, arrays of shape (n,) by coordinate."""
        points = np.stack([np.asarray(coordinates[name], dtype=np.float64) for name in self.axes], axis=-1)
        return np.asarray(self.splines[field](points))

    def reference(self, source: str, accuracy: float, but: Sequence[Sequence[float]] = ()) -> Reference:
        """Return the reference that is scored on this grid, `but` for some points, at which fields have no value."""
        counts = {name: len(axis) for name, axis in self.axes.items()}
        fields = {field: partial(self, field) for field in self.fields}
        return Punctured(fields, counts, source, accuracy, tuple(map(tuple, but)))


@dataclass(frozen=True)
class Punctured(Reference):
    """A reference on a grid without some of its points."""

    but: tuple[tuple[float, ...], ...] = ()

    def places(self, domain: AbstractDomain) -> Array:
        """Return the points of the grid (n, d) without those."""
        points = super().places(domain)
        left = np.ones(len(points), dtype=bool)
        for point in self.but:
            left &= np.abs(points - point).max(1) > SAME
        return points[left]
