"""Functions of coordinates that are known at the points of a grid only."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.problem.columns import finite_numbers, read_columns
from pinnml.problem.mesh.nodal import NodalTable
from pinnml.problem.mesh.reading import read_nodal

OUTSIDE = 1e-9
"""A point outside the grid by no more than this share of its length is inside; beyond, the table has no value."""


class Table:
    """A smooth function through values on a grid: a spline of some degree along each coordinate.

    Give it wherever a function of coordinates goes, as in `Value(u=Table({"x": x}, u0), on="t=0")`, and call it in
    residuals: `Interior(lambda u_x, u_xx, x: k(x) * u_xx + …)`. Derivatives below the degree are continuous, and all of
    them are differentiated by torch. Outside the grid it is NaN, which is refused before training.

    Parameters
    ----------
    axes : mapping from str to array (n_i,)
        Where the values are known along each coordinate, increasing, by name, in the coordinates' units.
    values : array (n_1, …, n_d)
        The values there, the last coordinate running fastest.
    degree : int, default 3
        The degree of the spline's pieces, from 1 to 5; an equation of second order needs 3 of a start held hard.

    Raises
    ------
    DeclarationError
        For axes that do not increase, values of another shape or that are not finite, and fewer than degree + 1 points
        along a coordinate.

    References
    ----------
    de Boor, A Practical Guide to Splines, 2001, chapters X, XIII (interpolation, not-a-knot) and XVII.
    """

    def __init__(self, axes: Mapping[str, Any], values: Any, *, degree: int = 3) -> None:
        if isinstance(degree, bool) or not isinstance(degree, int) or not 1 <= degree <= 5:
            raise DeclarationError(f"degree is {degree!r}", "Table", "give a whole number from 1 to 5")
        grid = {name: finite_numbers(axis, f"axis {name!r}", "Table") for name, axis in axes.items()}
        coefficients, shape = finite_numbers(values, "values", "Table"), tuple(len(axis) for axis in grid.values())
        if not grid or coefficients.shape != shape:
            what = f"The values have shape {coefficients.shape}, the axes {shape}"
            raise DeclarationError(what, "Table", "give one value for each point of the grid")
        knots = []
        for number, (name, axis) in enumerate(grid.items()):
            found, coefficients = _along(axis, coefficients, number, degree, name)
            knots.append(torch.from_numpy(found))
        self._hold(tuple(grid), [degree] * len(grid), knots, torch.from_numpy(np.ascontiguousarray(coefficients)))

    def _hold(self, names: tuple[str, ...], degrees: list[int], knots: list[Tensor], coefficients: Tensor) -> None:
        self.names, self.degrees = names, tuple(degrees)
        self._knots, self._coefficients = knots, coefficients
        known = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        self.__signature__ = inspect.Signature(known)

    def derivative(self, name: str) -> Table:
        """Return the derivative along a coordinate, a spline of one degree less there.

        Raises `DeclarationError` for a coordinate that the table does not have, and where the degree is 0.
        """
        if name not in self.names:
            raise DeclarationError(f"No axis {name!r}", "Table.derivative", suggestion(name, self.names))
        axis = self.names.index(name)
        degree = self.degrees[axis]
        if not degree:
            raise DeclarationError("The pieces are constant", "Table.derivative", "make the table of a higher degree")
        knots, c = self._knots[axis], self._coefficients.movedim(axis, -1)
        slopes = degree * c.diff() / (knots[degree + 1 : -1] - knots[1 : -degree - 1])
        found, degrees, inner = Table.__new__(Table), list(self.degrees), list(self._knots)
        degrees[axis], inner[axis] = degree - 1, knots[1:-1]
        found._hold(self.names, degrees, inner, slopes.movedim(-1, axis).contiguous())
        return found

    def __call__(self, *points: Tensor, **named: Tensor) -> Tensor:
        """Return the function at points, one tensor (n,) a coordinate, in the order of the axes or by name."""
        given = dict(zip(self.names, points, strict=False)) | named
        if len(points) + len(named) != len(self.names) or set(given) != set(self.names):
            what = f"The table is called with {len(points)} coordinates and {sorted(named)}"
            raise DeclarationError(what, "Table", f"give {', '.join(self.names)}")
        x = [given[name] for name in self.names]
        total, strides = torch.ones_like(x[0])[:, None], self._coefficients.stride()
        place = torch.zeros(1, 1, dtype=torch.int64, device=x[0].device)
        for along, knots, degree, stride in zip(x, self._knots, self.degrees, strides, strict=True):
            first, basis = _basis(along, knots.to(along), degree)
            steps = torch.arange(degree + 1, device=first.device)
            place = (place[:, :, None] + ((first[:, None] + steps) * stride)[:, None]).flatten(1)
            total = (total[:, :, None] * basis[:, None]).flatten(1)
        return (total * self._coefficients.to(total).flatten()[place]).sum(1)

    def __repr__(self) -> str:
        shape = " x ".join(str(count) for count in self._coefficients.shape)
        return f"Table({', '.join(self.names)}: {shape}, degree {max(self.degrees)})"

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], value: str, axes: Sequence[str], *, degree: int = 3) -> Table:
        """Read a table from a file of comma-separated columns with a line of names above, in any order of lines.

        Parameters
        ----------
        path : path
            The file.
        value : str
            The name of the column of values.
        axes : sequence of str
            The names of the columns of coordinates.
        degree : int, default 3
            The degree of the spline's pieces.

        Returns
        -------
        Table

        Raises
        ------
        DeclarationError
            For a file that cannot be read, columns that are not there, and points that are no full grid.
        """
        names = [*axes, value]
        columns = read_columns(path, names)
        found = [np.unique(column, return_inverse=True) for column in columns[:-1]]
        shape = tuple(len(axis) for axis, _ in found)
        places = np.ravel_multi_index(tuple(place.ravel() for _, place in found), shape)
        if len(np.unique(places)) != len(places) or len(places) != np.prod(shape):
            what = f"{len(places)} lines are no full grid of {' x '.join(str(count) for count in shape)} points"
            raise DeclarationError(what, str(path), "give each point of the grid once")
        values = np.empty(len(places))
        values[places] = columns[-1]
        return cls(
            {name: axis for name, (axis, _) in zip(axes, found, strict=True)}, values.reshape(shape), degree=degree
        )

    @staticmethod
    def from_mesh(path: str | os.PathLike[str], value: str, *, names: Sequence[str] | None = None) -> NodalTable:
        """Read a function of two coordinates from the point data of a mesh of triangles, as finite elements write them.

        Parameters
        ----------
        path : path
            The file, whose suffix tells its format: .msh of gmsh or .vtu.
        value : str
            The name of the point data.
        names : sequence of 2 str, default "x", "y"
            The names of the coordinates.

        Returns
        -------
        NodalTable
            A function as a table is one, but cubic by triangle: its gradient is continuous, its second derivatives are
            not. Beyond the mesh it is NaN, so that it wants a domain within.

        Raises
        ------
        DeclarationError
            For a file that cannot be read, cells of other kinds, point data that are not there or are not one finite
            number a node, and a mesh of fewer than six nodes.
        """
        found, values = read_nodal(path, value)
        return NodalTable(found.points, found.simplices, values, names)


def _basis(x: Tensor, knots: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Return the number (n,) of the first B-spline that does not vanish, and all of those (n, degree + 1).

    They follow from lower degrees by the recursion of de Boor and Cox.
    """
    low, high = knots[degree], knots[-degree - 1]
    slack = OUTSIDE * (high - low)
    x = torch.where((x >= low - slack) & (x <= high + slack), x, torch.nan)
    cell = torch.searchsorted(knots, x.detach().contiguous(), right=True) - 1
    cell = cell.clamp(degree, len(knots) - degree - 2)
    basis = [torch.ones_like(x) + 0 * x]  # NaN outside
    for lower in range(1, degree + 1):
        higher = [torch.zeros_like(x) for _ in range(lower + 1)]
        for number, value in enumerate(basis):
            left, right = knots[cell + number + 1 - lower], knots[cell + number + 1]
            share = value / (right - left)
            higher[number] = higher[number] + (right - x) * share
            higher[number + 1] = higher[number + 1] + (x - left) * share
        basis = higher
    return cell - degree, torch.stack(basis, 1)


def _along(axis: np.ndarray, values: np.ndarray, number: int, degree: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return knots and B-spline coefficients that interpolate values along one axis."""
    # scipy.interpolate takes longer to import than all of the package
    from scipy.interpolate import make_interp_spline

    if axis.ndim != 1 or len(axis) <= degree or not (np.diff(axis) > 0).all():
        what = f"The axis {name!r} has {axis.size} points for degree {degree}, or they do not increase"
        raise DeclarationError(what, "Table", "give more than degree points in increasing order, or a lower degree")
    spline = make_interp_spline(axis, np.moveaxis(values, number, 0), k=degree)
    return np.asarray(spline.t), np.moveaxis(np.asarray(spline.c), 0, number)
