"""Where the collocation points lie."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from pinnml.errors import DeclarationError
from pinnml.report.fields import coloured, finish_map
from pinnml.report.figures import PALETTE, Array, keep_shape, math_label, new_figure

MOST = 5000  # points drawn of one condition
LONGEST = 40  # letters of a condition's name in the legend


def _thinned(points: Array) -> Array:
    """At most `MOST` of the points, chosen uniformly at random: a fixed stride would pick lines out of a grid."""
    if len(points) <= MOST:
        return points
    chosen = np.random.default_rng(0).choice(len(points), MOST, replace=False)
    return np.asarray(points[np.sort(chosen)])


def _size(count: int) -> float:
    """A marker's area [points^2]: large enough to see few points, small enough to see many as separate."""
    return float(np.clip(4000.0 / max(count, 1), 2.0, 8.0))


def _label(condition: str) -> str:
    """Return a name that fits into a legend and is no formula."""
    return textwrap.shorten(condition, LONGEST, placeholder=" …").replace("$", r"\$")


def plot_values(points: Array, values: Array, names: Sequence[str], title: str, label: str) -> Axes:
    """Plot magnitudes |values| (n,) at points (n, 2) on a log scale; raise ValueError where the shapes do not fit."""
    if np.ndim(points) != 2 or np.shape(points)[1] != 2 or np.shape(values) != np.shape(points)[:1]:
        what = f"points have the shape {np.shape(points)} and values {np.shape(values)}"
        raise DeclarationError(what, "plot_values", "give them the shapes (n, 2) and (n,)")
    drawing = new_figure(6.4, 4.8).add_subplot()
    shown, scale, colours = coloured(np.asarray(values, dtype=float), True)
    order = np.argsort(shown)  # the largest are seen
    x, y = points[order].T
    dots = drawing.scatter(x, y, s=2 * _size(len(shown)), c=shown[order], cmap=colours, norm=scale, linewidths=0)
    finish_map(drawing, dots, dict(zip(names, points.T, strict=True)), values, label, True)
    drawing.set_facecolor("white")
    drawing.margins(0.02)
    drawing.set_title(title)
    return drawing


def plot_points(points: Mapping[str, Array], names: Sequence[str], axes: tuple[int, int] = (0, 1)) -> Axes:
    """Plot the points of every condition in its own colour, with their number in the legend.

    `points` gives arrays of shape (n, d) by condition, `names` the d coordinates, and `axes` which two of
    them are horizontal and vertical; with d = 1 each condition has a row of its own. Of more than 5000 points
    of a condition 5000 are drawn. Raises ValueError where the shapes do not fit.
    """
    dimension = len(names)
    for condition, array in points.items():
        shape = np.shape(array)
        if len(shape) != 2 or shape[1] != dimension:
            what = f"points[{condition!r}] have the shape {shape}"
            raise DeclarationError(what, "plot_points", f"give them the shape (n, {dimension})")
    if dimension > 1 and not all(0 <= axis < dimension for axis in axes):
        remedy = f"give the numbers of two of the coordinates {list(names)}, counted from 0"
        raise DeclarationError(f"axes is {axes}", "plot_points", remedy)
    drawing = new_figure(6.8, 4.2 if dimension > 1 else 0.9 + 0.35 * len(points)).add_subplot()
    for number, (condition, array) in enumerate(points.items()):
        shown = _thinned(np.asarray(array, dtype=float))
        horizontal = shown[:, axes[0] if dimension > 1 else 0]
        vertical = shown[:, axes[1]] if dimension > 1 else np.full(len(shown), -float(number))
        drawing.scatter(
            horizontal,
            vertical,
            s=_size(len(shown)),
            color=PALETTE[number % len(PALETTE)],
            linewidths=0,
            label=f"{_label(condition)} ({len(array):,})",
            zorder=2 + number / 100,  # above what was drawn before
            clip_on=False,  # points on the boundary are drawn whole
            rasterized=True,
        )
    drawing.set_xlabel(math_label(names[axes[0] if dimension > 1 else 0]))
    if dimension > 1:
        drawing.set_ylabel(math_label(names[axes[1]]))
        placed = [np.concatenate([array[:, axis] for array in map(np.asarray, points.values())]) for axis in axes]
        if points and placed[0].size:
            bounds = [(float(column.min()), float(column.max())) for column in placed]
            keep_shape(drawing, dict(zip((names[axis] for axis in axes), bounds, strict=True)))
    else:
        drawing.set_yticks([])
    drawing.margins(x=0.02, y=0.02 if dimension > 1 else 0.3)
    if points:
        drawing.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, markerscale=2.0)
    return drawing
