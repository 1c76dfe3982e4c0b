"""A field on a mesh of triangles, at once and at a few times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import TriMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import Triangulation

from pinnml.errors import DeclarationError
from pinnml.report.fields import OUTSIDE, coloured, finish_map
from pinnml.report.figures import Array, keep_shape, math_label, new_figure


def plot_mesh(
    points: Array,
    cells: Array,
    values: Array,
    names: Sequence[str],
    title: str,
    label: str,
    log: bool = False,
    *,
    axes: Axes | None = None,
) -> Axes:
    """Plot a field, linear on every triangle of a mesh, as a map of colours; scales are those of `plot_field`.

    `points` are the nodes (n, 2), `cells` (c, 3) the numbers of the triangles' corners, `values` (n,) the field at the
    nodes, and `names` those of both coordinates. Triangles with a corner whose value is not finite stay empty. `axes`
    draws into a figure at hand. Raises ValueError where the shapes do not fit.
    """
    points, cells, field = _checked(points, cells, values, "plot_mesh")
    if axes is None:
        axes = new_figure(6.4, 4.8).add_subplot()
    shown, scale, colours = coloured(field, log)
    drawn = _filled(axes, points, cells, shown, scale, colours)
    finish_map(axes, drawn, dict(zip(names, points.T, strict=True)), field, label, log)
    axes.set_title(title)
    return axes


def plot_mesh_slices(
    points: Array, cells: Array, times: Array, values: Array, names: Sequence[str], label: str
) -> Figure:
    """Plot a field on a mesh at a few times, side by side on one scale.

    `points` are the nodes (n, 2), `cells` (c, 3) the numbers of the triangles' corners, `times` (k,), `values` (k, n),
    and `names` the three of time and both coordinates. Raises ValueError where the shapes do not fit.
    """
    times, values = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
    if times.ndim != 1 or times.size == 0 or values.shape[:1] != times.shape:
        what = f"The times have the shape {times.shape} and the values {values.shape}"
        raise DeclarationError(what, "plot_mesh_slices", "give them the shapes (k,) and (k, n)")
    _, scale, colours = coloured(values, False)
    figure = new_figure(1.4 + 2.3 * times.size, 3.2)
    panels = figure.subplots(1, times.size, sharey=True, squeeze=False)[0]
    made: list[TriMesh] = []
    for axes, time, one in zip(panels, times, values, strict=True):
        points, cells, field = _checked(points, cells, one, "plot_mesh_slices")
        made.append(_filled(axes, points, cells, field, scale, colours))
        made[-1].set_rasterized(True)
        axes.set_title(f"{math_label(names[0])} = {time:.4g}", fontsize="medium")
        axes.set_xlabel(math_label(names[1]))
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        axes.set_facecolor(OUTSIDE)
        bounds = [(float(column.min()), float(column.max())) for column in points.T]
        axes.set_xlim(*bounds[0])
        axes.set_ylim(*bounds[1])
        keep_shape(axes, dict(zip(names[1:], bounds, strict=True)))
    panels[0].set_ylabel(math_label(names[2]))
    figure.colorbar(made[0], ax=list(panels), label=label, pad=0.02)
    return figure


def _checked(points: Array, cells: Array, values: Array, where: str) -> tuple[Array, Array, Array]:
    points, cells, field = np.asarray(points, dtype=float), np.asarray(cells), np.asarray(values, dtype=float)
    if points.ndim != 2 or points.shape[1:] != (2,) or cells.shape[1:] != (3,) or field.shape != points.shape[:1]:
        what = f"The points have the shape {points.shape}, the cells {cells.shape} and the values {field.shape}"
        raise DeclarationError(what, where, "give them the shapes (n, 2), (c, 3) and (n,)")
    return points, cells, field


def _filled(axes: Axes, points: Array, cells: Array, field: Array, scale: Normalize, colours: str) -> TriMesh:
    """Draw a field, and nothing on triangles with a corner whose value is not finite."""
    unknown = ~np.isfinite(field)
    triangles = Triangulation(points[:, 0], points[:, 1], cells, mask=unknown[cells].any(1))
    shown = np.where(unknown, 0.0, field)
    return axes.tripcolor(triangles, shown, shading="gouraud", cmap=colours, norm=scale)
