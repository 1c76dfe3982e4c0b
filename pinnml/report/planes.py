"""Fields on planes through space, side by side on one scale, with arrows for vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize

from pinnml.errors import DeclarationError
from pinnml.report.fields import OUTSIDE, coloured
from pinnml.report.figures import Array, keep_shape, math_label, new_figure

ARROWS = 16
"""Arrows along the longer side of a plane."""


@dataclass(frozen=True)
class Plane:
    """Two coordinates with increasing grid values by name, of n and m numbers, and where the others stand, as text."""

    axes: Mapping[str, Array]
    place: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, m)."""
        return tuple(axis.size for axis in self.axes.values())


def plot_planes(
    planes: Sequence[Plane],
    values: Sequence[Array],
    title: str,
    label: str,
    log: bool = False,
    *,
    arrows: Sequence[tuple[Array, Array]] = (),
    axes: Axes | None = None,
) -> Axes:
    """Plot a field on planes as maps of colours on one scale, that of `plot_field`; return the first of their axes.

    `values` has for each plane the field on its grid, shape (n, m), and `arrows` both components of a vector there.
    Values that are not finite stay empty. `axes` draws the first plane alone, into a figure at hand. Raises ValueError
    where the shapes do not fit.
    """
    found = [np.asarray(one, dtype=float) for one in values]
    parts = [found, *zip(*arrows, strict=True)] if arrows else [found]
    wanted = [plane.shape for plane in planes]
    shapes = [[np.shape(one) for one in part] for part in parts]
    if not planes or any(len(shape) != 2 for shape in wanted) or any(one != wanted for one in shapes):
        what = f"The planes have the shapes {wanted} and the values {[one.shape for one in found]}"
        raise DeclarationError(what, "plot_planes", "give every plane two coordinates and values of their shape (n, m)")
    flat, scale, colours = coloured(np.concatenate([one.ravel() for one in found]), log)
    shown = [one.reshape(shape) for one, shape in zip(np.split(flat, _ends(wanted)), wanted, strict=True)]
    panels = [axes] if axes is not None else _new_panels(len(planes))
    if len(panels) == 1:
        panels[0].set_title(", ".join(part for part in (title, planes[0].place) if part))
    else:
        panels[0].figure.suptitle(title)
    for number, (panel, plane) in enumerate(zip(panels, planes, strict=False)):
        mesh = _panel(panel, plane, shown[number], scale, colours)
        if arrows:
            draw_arrows(panel, plane, *arrows[number])
        if len(panels) > 1:
            panel.set_title(plane.place)
        if number == len(panels) - 1:
            panel.figure.colorbar(mesh, ax=panels, label=label, pad=0.02)
    return panels[0]


def draw_arrows(axes: Axes, plane: Plane, along: Array, across: Array) -> None:
    """Draw a vector's components (n, m) at some of a plane's points, the longest arrow as long as they are apart."""
    grid = list(plane.axes.values())
    sides = [float(np.ptp(axis)) for axis in grid]
    apart = max(sides) / ARROWS
    steps = [max(1, round(apart / side * (axis.size - 1))) for axis, side in zip(grid, sides, strict=True)]
    at = [np.arange((axis.size - 1) % step // 2, axis.size, step) for axis, step in zip(grid, steps, strict=True)]
    u, v = (np.asarray(part)[np.ix_(*at)] for part in (along, across))
    x, y = np.meshgrid(grid[0][at[0]], grid[1][at[1]], indexing="ij")
    known = np.isfinite(u) & np.isfinite(v)
    longest = float(np.hypot(u, v)[known].max(initial=0.0))
    if longest > 0:
        look: dict[str, Any] = {"color": "white", "edgecolor": "black", "linewidth": 0.4, "width": 0.005}
        size: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": longest / (0.9 * apart)}
        axes.quiver(x[known], y[known], u[known], v[known], pivot="mid", **size, **look)


def _new_panels(count: int) -> list[Axes]:
    figure = new_figure(6.4, 4.8) if count == 1 else new_figure(1.4 + 4.0 * count, 4.2)
    figure.set_layout_engine("compressed")  # sides of planes differ
    return list(figure.subplots(1, count, squeeze=False)[0])


def _panel(axes: Axes, plane: Plane, values: Array, scale: Normalize, colours: str) -> QuadMesh:
    (first, horizontal), (second, vertical) = plane.axes.items()
    shown = np.ma.masked_invalid(values).T
    mesh = axes.pcolormesh(horizontal, vertical, shown, shading="nearest", cmap=colours, norm=scale)
    mesh.set_rasterized(True)  # a vector file would hold every cell
    axes.set_facecolor(OUTSIDE)
    bounds = {name: (float(axis.min()), float(axis.max())) for name, axis in plane.axes.items()}
    axes.set_xlim(*bounds[first])
    axes.set_ylim(*bounds[second])
    axes.set_xlabel(math_label(first))
    axes.set_ylabel(math_label(second))
    keep_shape(axes, bounds)
    return mesh


def _ends(shapes: Sequence[tuple[int, ...]]) -> Array:
    return np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
