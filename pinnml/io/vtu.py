"""Fields on grids and meshes as VTU files, which ParaView and VisIt open."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import meshio
import numpy as np
from meshio import vtu

from pinnml.errors import DeclarationError
from pinnml.io.files import atomic_path, path_of, write_bytes

Array = np.ndarray[Any, np.dtype[Any]]
Fields = dict[str, Array]
_CELLS = {1: "line", 2: "quad", 3: "hexahedron"}
# A cell's corners as steps from its lowest one, in VTK's order: around the bottom, then around the top.
_CORNERS = {
    1: ((0,), (1,)),
    2: ((0, 0), (1, 0), (1, 1), (0, 1)),
    3: ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
}


def _connectivity(shape: tuple[int, ...]) -> Array:
    """The points of every cell of a grid numbered in C order, shape (cells, 2^d)."""
    number = np.arange(np.prod(shape)).reshape(shape)
    corners = []
    for corner in _CORNERS[len(shape)]:
        window = tuple(slice(step, size - 1 + step) for step, size in zip(corner, shape, strict=True))
        corners.append(number[window].reshape(-1))
    return np.stack(corners, axis=1)


def _checked_axes(coordinates: Sequence[Array], names: Sequence[str]) -> list[Array]:
    if len(coordinates) not in _CELLS:
        raise DeclarationError(
            f"A VTU file holds 1, 2 or 3 coordinates, not {len(coordinates)}",
            f"the grid of ({', '.join(names)})",
            "fix coordinates and write one file for each of their values",
        )
    if len(names) != len(coordinates):
        raise DeclarationError(
            f"There are {len(coordinates)} coordinate axes and {len(names)} names",
            f"names={list(names)}",
            "give every axis one name",
        )
    axes = [np.asarray(axis, dtype=np.float64) for axis in coordinates]
    for name, axis in zip(names, axes, strict=True):
        if axis.ndim != 1 or axis.size < 2 or not bool(np.all(np.diff(axis) > 0)):
            raise DeclarationError(
                f"A grid axis of shape {axis.shape} is no increasing list of two or more numbers",
                f"the coordinate {name}",
                "give the coordinate's grid values in rising order",
            )
    return axes


def _checked_data(data: Mapping[str, Array], names: Sequence[str], shape: tuple[int, ...]) -> Fields:
    checked: Fields = {}
    for key, values in data.items():
        array = np.asarray(values)
        if key in names:
            raise DeclarationError(
                "A name stands for a coordinate and for point data, and the file stores both under it",
                f"point_data[{key!r}]",
                "rename the point data",
            )
        if array.dtype.kind not in "biuf" or array.shape not in (shape, (int(np.prod(shape)),)):
            raise DeclarationError(
                f"Point data have the shape {array.shape} and the type {array.dtype}, and the grid {shape}",
                f"point_data[{key!r}]",
                "give real values on the grid that is written, in its shape or flat in C order",
            )
        checked[key] = np.ascontiguousarray(array.reshape(-1), dtype=np.float64)
    return checked


def write_vtu(
    path: str | os.PathLike[str],
    coordinates: Sequence[Array],
    names: Sequence[str],
    point_data: Mapping[str, Array],
) -> None:
    """Write fields on a tensor-product grid of d = 1, 2 or 3 coordinates atomically as a binary VTU file.

    `coordinates` are d increasing axes of n_1, ..., n_d values; in order they go to X, Y and Z, and those
    missing are 0. Since the file would forget that X was called t, every coordinate is also stored as point
    data under its name. `point_data` are arrays of shape (n_1, ..., n_d), or flat in C order, stored as
    float64 without loss. Raises DeclarationError for more than three coordinates or arrays that do not fit,
    OSError.
    """
    axes = _checked_axes(coordinates, names)
    shape = tuple(axis.size for axis in axes)
    data = _checked_data(point_data, names, shape)
    grids = [np.ascontiguousarray(grid.reshape(-1)) for grid in np.meshgrid(*axes, indexing="ij")]
    _write(path, grids, names, _CELLS[len(shape)], _connectivity(shape), data)


def write_mesh_vtu(
    path: str | os.PathLike[str], points: Array, cells: Array, names: Sequence[str], point_data: Mapping[str, Array]
) -> None:
    """Write fields on a mesh of triangles or tetrahedra atomically as a binary VTU file.

    `points` are its nodes (n, d), d = 2 or 3, with a name for each coordinate, `cells` (c, d + 1) the numbers of their
    corners, and `point_data` arrays (n,) by name. Raises DeclarationError for arrays that do not fit, OSError.
    """
    data = _checked_data(point_data, names, (len(points),))
    _write(path, list(points.T), names, {2: "triangle", 3: "tetra"}[points.shape[1]], cells, data)


def write_pvd(path: str | os.PathLike[str], times: Sequence[float], files: Sequence[str]) -> None:
    """Write atomically which VTU file, named as seen from this file's folder, holds which time of a series."""
    lines = [
        f'    <DataSet timestep="{time!r}" part="0" file={quoteattr(file)}/>'
        for time, file in zip(times, files, strict=True)
    ]
    head, tail = '<VTKFile type="Collection" version="0.1">\n  <Collection>', "  </Collection>\n</VTKFile>\n"
    write_bytes(path, "\n".join(['<?xml version="1.0"?>', head, *lines, tail]).encode())


def _write(
    path: str | os.PathLike[str],
    columns: Sequence[Array],
    names: Sequence[str],
    kind: str,
    cells: Array,
    data: Mapping[str, Array],
) -> None:
    points = np.zeros((columns[0].size, 3))
    for number, column in enumerate(columns):
        points[:, number] = column
    named = dict(zip(names, map(np.ascontiguousarray, columns), strict=True))
    mesh = meshio.Mesh(points, [(kind, cells)], point_data=named | dict(data))
    with atomic_path(path) as temporary:
        vtu.write(os.fspath(temporary), mesh, binary=True)


def read_vtu(path: str | os.PathLike[str]) -> tuple[Array, Fields]:
    """Read a VTU file: its points, shape (n, 3), and its point data, each of shape (n,).

    Raises OSError, or DeclarationError where it is no VTU file.
    """
    try:
        mesh = vtu.read(os.fspath(path_of(path)))  # meshio.read would end the whole process on a broken file
    except (meshio.ReadError, SyntaxError) as error:  # what the XML parser raises is a SyntaxError
        raise DeclarationError(
            f"The file cannot be read as VTU: {error}", os.fspath(path), "give a file that write_vtu wrote"
        ) from error
    return np.asarray(mesh.points), {name: np.asarray(values) for name, values in mesh.point_data.items()}
