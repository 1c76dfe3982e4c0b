"""A field on a mesh of triangles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.tri import Triangulation

from pinnml.errors import DeclarationError
from pinnml.report.fields import coloured, finish_map
from pinnml.report.figures import Array, new_figure


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
    points, cells, field = np.asarray(points, dtype=float), np.asarray(cells), np.asarray(values, dtype=float)
    if points.ndim != 2 or points.shape[1:] != (2,) or cells.shape[1:] != (3,) or field.shape != points.shape[:1]:
        what = f"The points have the shape {points.shape}, the cells {cells.shape} and the values {field.shape}"
        raise DeclarationError(what, "plot_mesh", "give them the shapes (n, 2), (c, 3) and (n,)")
    if axes is None:
        axes = new_figure(6.4, 4.8).add_subplot()
    shown, scale, colours = coloured(field, log)
    unknown = ~np.isfinite(field)
    triangles = Triangulation(points[:, 0], points[:, 1], cells, mask=unknown[cells].any(1))
    drawn = axes.tripcolor(triangles, np.where(unknown, 0.0, shown), shading="gouraud", cmap=colours, norm=scale)
    finish_map(axes, drawn, dict(zip(names, points.T, strict=True)), field, label, log)
    axes.set_title(title)
    return axes
