"""Fields of a solution as files for ParaView: at once, and as a series of times."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from pinnml.approximation import Approximation, grid_points, uniform_axes
from pinnml.errors import DeclarationError, finite
from pinnml.io import path_of
from pinnml.io.vtu import write_mesh_vtu, write_pvd, write_vtu

MOST = 10_000
"""The most files of a series."""


def write_fields(path: str | os.PathLike[str], approximation: Approximation) -> None:
    """Write all fields on the nodes of the domain's mesh, or on the grid, as a VTU file."""
    domain = approximation.problem.domain
    if (mesh := domain.triangulation) is not None:
        write_mesh_vtu(path, mesh.points, mesh.cells, domain.names, approximation.at(mesh.points))
        return
    axes = approximation.axes()
    write_vtu(path, list(axes.values()), list(axes), approximation.on_grid())


def write_series(
    path: str | os.PathLike[str], approximation: Approximation, times: int | Sequence[float], along: str
) -> None:
    """Write all fields at several values of a coordinate as VTU files, and the PVD file that names them."""
    domain, target = approximation.problem.domain, path_of(path)
    space = domain.across(along)
    if space is None or space.dimension > 3:
        what = f"{domain} is no product of an interval of {along!r} and a domain of one to three coordinates"
        raise DeclarationError(what, "to_pvd", "name the coordinate, as in to_pvd(path, along='z')")
    axis = domain.names.index(along)
    found = _times(times, domain.lower[axis], domain.upper[axis])
    axes, mesh = uniform_axes(space, None), space.triangulation
    points = grid_points(axes) if mesh is None else mesh.points
    files = [f"{target.stem}_{number:04d}.vtu" for number in range(len(found))]
    for time, name in zip(found, files, strict=True):
        data = approximation.at(np.insert(points, axis, time, 1))
        if mesh is None:
            write_vtu(target.with_name(name), list(axes.values()), space.names, data)
        else:
            write_mesh_vtu(target.with_name(name), points, mesh.cells, space.names, data)
    # last of all: where it stands, nothing is missing
    write_pvd(target, found, files)


def _times(times: int | Sequence[float], low: float, high: float) -> list[float]:
    if isinstance(times, int) and not isinstance(times, bool) and 2 <= times <= MOST:
        return [float(time) for time in np.linspace(low, high, times)]
    listed = [] if isinstance(times, int | str) or not np.iterable(times) else [finite(time) for time in times]
    found = [time for time in listed if time is not None]
    slack = 1e-9 * (high - low)
    if not 0 < len(found) == len(listed) <= MOST or not all(low - slack <= time <= high + slack for time in found):
        what = f"times is {times!r}"
        remedy = f"give numbers between {low:g} and {high:g}, or how many, from 2 to {MOST}"
        raise DeclarationError(what, "to_pvd", remedy)
    return found
