"""Reference solutions against which errors are scored."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from pinnml.errors import DeclarationError
from pinnml.problem.columns import finite_numbers, read_columns
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.mesh.reading import read_point_data
from pinnml.settings import AtLeast, check_types

Array = np.ndarray


@dataclass(frozen=True)
class Reference:
    """A solution known exactly or computed by other means.

    Parameters
    ----------
    fields : mapping of str to callable
        For every field a function of the coordinates by name, arrays of shape (n,), that returns the field's values,
        shape (n,), in its units; of those coordinates that the field depends on.
    grid : mapping of str to int
        For every coordinate the number of uniform points, at least 2, both ends among them, at which errors are scored.
    source : str
        Where the solution comes from: a formula, a paper or a method.
    accuracy : float
        The relative error of the reference itself (dimensionless), below which no score means anything.

    Raises
    ------
    DeclarationError
        For anything of another type, and for fewer points.
    """

    fields: Mapping[str, Callable[..., Array]]
    grid: Mapping[str, Annotated[int, AtLeast(2)]]
    source: str
    accuracy: Annotated[float, AtLeast(0)]

    def __post_init__(self) -> None:
        check_types(self, Reference)

    everywhere = True
    """Whether the fields are known at any points."""

    kind = "a grid"
    """What the points are at which errors are scored."""

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates that it knows."""
        return tuple(self.grid)

    @property
    def count(self) -> int:
        """The number of points at which errors are scored."""
        return math.prod(self.grid.values())

    def places(self, domain: AbstractDomain) -> Array:
        """Return the points (n, d) at which errors are scored, those outside of the domain among them."""
        bounds = zip(domain.names, domain.lower, domain.upper, strict=True)
        return grid_points({name: np.linspace(low, high, self.grid[name]) for name, low, high in bounds})

    def values(self, domain: AbstractDomain, points: Array, kept: Array) -> dict[str, Array]:
        """Return every field at those of its points (n, d) that are kept (n,)."""
        return self(dict(zip(domain.names, points[kept].T, strict=True)))

    @staticmethod
    def at(points: Mapping[str, Any], fields: Mapping[str, Any], source: str, accuracy: float) -> Reference:
        """Return a reference that is known at some points only, such as measurements or a finite-element solution.

        Parameters
        ----------
        points : mapping of str to array (n,)
            The points: n numbers for every coordinate, in its units.
        fields : mapping of str to array (n,)
            The values of every field there, in its units.
        source : str
            Where they come from.
        accuracy : float
            Their relative error (dimensionless).

        Returns
        -------
        Reference
            Errors are computed at those of the points that lie in the domain.

        Raises
        ------
        DeclarationError
            For arrays that are no finite numbers, and of different lengths.
        """
        return _AtPoints(points, fields, source, accuracy)

    @staticmethod
    def read(
        path: str | os.PathLike[str], coordinates: Sequence[str], fields: Sequence[str], source: str, accuracy: float
    ) -> Reference:
        """Read such points and values from a file: columns of a CSV file, or point data of a VTU file, by their names.

        Parameters
        ----------
        path : path
            The file, whose suffix tells its format: .csv or .vtu.
        coordinates : sequence of str
            The coordinates; one that is no point data of a VTU file is X, Y or Z by its place here.
        fields : sequence of str
            The fields.
        source : str
            Where they come from.
        accuracy : float
            Their relative error (dimensionless).

        Returns
        -------
        Reference

        Raises
        ------
        DeclarationError
            For a file that cannot be read, columns that are not there, and what is no finite number.
        """
        names = [*coordinates, *fields]
        vtu = str(path).lower().endswith(".vtu")
        columns = read_point_data(path, coordinates, fields) if vtu else read_columns(path, names)
        found = dict(zip(names, columns, strict=True))
        return _AtPoints(
            {name: found[name] for name in coordinates}, {name: found[name] for name in fields}, source, accuracy
        )

    def __call__(self, coordinates: Mapping[str, Array]) -> dict[str, Array]:
        """Evaluate every field at points given by coordinate, arrays of one shape (n,)."""
        return {name: np.asarray(field(**_known(field, coordinates))) for name, field in self.fields.items()}


class _AtPoints(Reference):
    """A reference that is known at some points only; see `Reference.at`."""

    everywhere, kind = False, "points"

    def __init__(self, points: Mapping[str, Any], fields: Mapping[str, Any], source: str, accuracy: float) -> None:
        where = "Reference.at"
        for what, given in (("points", points), ("fields", fields)):
            if not isinstance(given, Mapping) or not given:
                raise DeclarationError(f"The {what} are {given!r:.60}", where, "give arrays by name")
        columns = {name: finite_numbers(column, f"values of {name!r}", where) for name, column in points.items()}
        known = {name: finite_numbers(values, f"values of {name!r}", where) for name, values in fields.items()}
        shapes = {name: values.shape for name, values in (columns | known).items()}
        if len(set(shapes.values())) > 1 or len(shape := next(iter(shapes.values()))) != 1 or not shape[0]:
            raise DeclarationError(f"The arrays have the shapes {shapes}", where, "give one number a point, shape (n,)")
        super().__init__(dict.fromkeys(known, _elsewhere), {}, source, accuracy)
        for name, value in (("_columns", columns), ("_known", known)):
            object.__setattr__(self, name, value)  # a frozen record

    _columns: Mapping[str, Array]
    _known: Mapping[str, Array]

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates of its points."""
        return tuple(self._columns)

    @property
    def count(self) -> int:
        """The number of its points."""
        return len(next(iter(self._columns.values())))

    def places(self, domain: AbstractDomain) -> Array:
        """Return its points (n, d)."""
        return np.stack([self._columns[name] for name in domain.names], 1)

    def values(self, domain: AbstractDomain, points: Array, kept: Array) -> dict[str, Array]:
        """Return what is known at those points."""
        return {name: values[kept] for name, values in self._known.items()}


def _known(field: Callable[..., Array], coordinates: Mapping[str, Array]) -> dict[str, Array]:
    """Return the coordinates that a function takes: a field may depend on some of them only."""
    try:
        taken = inspect.signature(field).parameters.values()
    except (TypeError, ValueError):
        return dict(coordinates)
    if any(one.kind is one.VAR_KEYWORD for one in taken):
        return dict(coordinates)
    return {name: values for name, values in coordinates.items() if name in {one.name for one in taken}}


def _elsewhere(**coordinates: Array) -> Array:
    raise DeclarationError("The reference is known at its own points only", "reference", "look at solution.error()")


def grid_points(axes: Mapping[str, Array]) -> Array:
    """Return all points of a tensor-product grid, shape (∏ n_i, d), the last coordinate running fastest."""
    return np.stack([mesh.ravel() for mesh in np.meshgrid(*axes.values(), indexing="ij")], 1)
