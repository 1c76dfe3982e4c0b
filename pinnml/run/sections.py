"""Where the fields of a run are drawn: on a grid, on a mesh, or on planes through the middle of space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pinnml.approximation import Approximation
from pinnml.problem import AbstractDomain, Triangulation
from pinnml.report import Plane, plot_field, plot_mesh, plot_planes
from pinnml.report.figures import TIME

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TIMES = 11
"""Times of an evolution on a mesh among which the one that is drawn is chosen."""

FINE = 101
"""Points along the longest side of a plane."""

Draw = Callable[..., "Axes"]
"""What draws values with a title and a label on the places where they are known, as `plot_field` without its grid."""


@dataclass(frozen=True)
class Section:
    """Fields by name on two coordinates, what draws them there, and where the other coordinates stand."""

    draw: Draw
    data: Mapping[str, np.ndarray]
    place: str


def section(approximation: Approximation) -> Section:
    """Return the places that are drawn, the fields on them, and where other coordinates stand, as in " at z = 0.5".

    They are three planes through the middle of space of three coordinates, at the end of an evolution; the nodes of a
    mesh of triangles, also at one time; else the first two coordinates. The others stand where the first field varies
    most: a fixed place may be one where the solution vanishes.
    """
    domain, field = approximation.problem.domain, approximation.problem.fields[0]
    space = domain.across(TIME)
    if (mesh := domain.triangulation) is not None and domain.dimension == 2:
        return Section(_on_mesh(mesh, domain.names), approximation.at(mesh.points), "")
    if space is not None and (mesh := space.triangulation) is not None and space.dimension == 2:
        axis = domain.names.index(TIME)
        times = np.linspace(domain.lower[axis], domain.upper[axis], TIMES)
        data = [approximation.at(np.insert(mesh.points, axis, time, 1)) for time in times]
        most = int(np.argmax([np.nanstd(one[field]) for one in data]))
        return Section(_on_mesh(mesh, space.names), data[most], f" at {TIME} = {times[most]:.3g}")
    if len(_space(domain)) == 3:
        planes = middle_planes(domain)
        found = approximation.at(np.concatenate([_points(domain, plane) for plane in planes]))
        return Section(_on_planes(planes), found, _end(domain))
    axes, data_on_grid = approximation.axes(), approximation.on_grid()
    kept, others = dict(list(axes.items())[:2]), dict(list(axes.items())[2:])
    draw = partial(plot_field, kept)
    if not others:
        return Section(draw, data_on_grid, "")
    variation = np.ma.masked_invalid(data_on_grid[field]).std((0, 1)).filled(0.0)
    index = tuple(int(number) for number in np.unravel_index(int(variation.argmax()), variation.shape))
    place = ", ".join(
        f"{name} = {axis[number]:.3g}" for (name, axis), number in zip(others.items(), index, strict=True)
    )
    whole = (slice(None), slice(None))
    return Section(draw, {name: values[whole + index] for name, values in data_on_grid.items()}, f" at {place}")


def vector_figures(approximation: Approximation) -> dict[str, Figure]:
    """Return a figure with arrows for every vector of the problem: on the plane, or on three through the middle."""
    problem = approximation.problem
    domain, space = problem.domain, _space(problem.domain)
    made: dict[str, Figure] = {}
    for group in problem.vectors if len(space) in (2, 3) else ():
        planes, component = middle_planes(domain), dict(zip(space, group, strict=True))
        points = [dict(zip(domain.names, _points(domain, plane).T, strict=True)) for plane in planes]
        known = [{name: approximation.in_domain(name, **at) for name in group} for at in points]
        sizes = [
            np.sqrt(sum(one[name] ** 2 for name in group)).reshape(plane.shape)
            for one, plane in zip(known, planes, strict=True)
        ]
        arrows = [
            tuple(one[component[name]].reshape(plane.shape) for name in plane.axes)
            for one, plane in zip(known, planes, strict=True)
        ]
        named = ", ".join(group)
        name = "vectors" if len(problem.vectors) == 1 else f"vectors-{'-'.join(group)}"
        drawn = plot_planes(planes, sizes, f"({named}){_end(domain)}", f"|({named})|", arrows=arrows)  # type: ignore[arg-type]
        made[name] = drawn.figure  # type: ignore[assignment]
    return made


def middle_planes(domain: AbstractDomain) -> list[Plane]:
    """Return the plane of two coordinates of space, or the three planes through the middle of three."""
    middle = {name: (low + high) / 2 for name, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)}
    longest = max(domain.lengths[domain.names.index(name)] for name in _space(domain))
    planes = []
    for pair in combinations(_space(domain), 2):
        axes = {}
        for name in pair:
            number = domain.names.index(name)
            count = max(3, round((FINE - 1) * domain.lengths[number] / longest) + 1)
            axes[name] = np.linspace(domain.lower[number], domain.upper[number], count)
        place = ", ".join(f"{name} = {middle[name]:.3g}" for name in _space(domain) if name not in pair)
        planes.append(Plane(axes, place))
    return planes


def _space(domain: AbstractDomain) -> list[str]:
    return [name for name in domain.names if name != TIME]


def _end(domain: AbstractDomain) -> str:
    return f" at {TIME} = {domain.upper[domain.names.index(TIME)]:.3g}" if TIME in domain.names else ""


def _points(domain: AbstractDomain, plane: Plane) -> np.ndarray:
    """Return the plane's points (n, d), the other coordinates in the middle, and time at its end."""
    columns = dict(zip(plane.axes, np.meshgrid(*plane.axes.values(), indexing="ij"), strict=True))
    still = [
        high if name == TIME else (low + high) / 2
        for name, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)
    ]
    count = int(np.prod(plane.shape))
    return np.stack(
        [
            columns[name].ravel() if name in columns else np.full(count, rest)
            for name, rest in zip(domain.names, still, strict=True)
        ],
        1,
    )


def _on_planes(planes: Sequence[Plane]) -> Draw:
    ends = np.cumsum([int(np.prod(plane.shape)) for plane in planes])[:-1]

    def draw(values: np.ndarray, title: str, label: str, log: bool = False, *, axes: Axes | None = None) -> Axes:
        parts = [part.reshape(plane.shape) for part, plane in zip(np.split(values, ends), planes, strict=True)]
        return plot_planes(planes, parts, title, label, log, axes=axes)

    return draw


def _on_mesh(mesh: Triangulation, names: Sequence[str]) -> Draw:
    def draw(values: np.ndarray, title: str, label: str, log: bool = False, *, axes: Axes | None = None) -> Axes:
        return plot_mesh(mesh.points, mesh.cells, values, names, title, label, log, axes=axes)

    return draw
