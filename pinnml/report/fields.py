"""A field on one or two coordinates: the solution, its residual, its error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import LogNorm, Normalize

from pinnml.errors import DeclarationError
from pinnml.report.figures import BLUE, GRID, Array, keep_shape, math_label, new_figure

SIGNED = "RdBu_r"  # white is zero
SEQUENTIAL = "viridis"
OUTSIDE = "#bbbbbb"  # seen where values are not finite
DECADES = 6.0  # what is more decades below the maximum takes no part in choosing a log scale
ZERO = 1e-200  # magnitudes no larger than this count as zero; scales cannot span the smallest floats


def magnitude_range(values: Array) -> tuple[float, float]:
    """Return the smallest and largest magnitude a log scale should show, at least one decade apart.

    Zeros have no logarithm, errors at hard conditions are mere rounding, and magnitudes near a change of sign
    are arbitrarily small; all would take the whole scale, so the lower end is the 1 % quantile of the
    magnitudes above 1e-6 of the maximum.
    """
    magnitudes = np.abs(values[np.isfinite(values)])
    positive = magnitudes[magnitudes > ZERO]
    if positive.size == 0:
        return 1e-17, 1e-16
    upper = float(positive.max())
    lower = float(np.quantile(positive[positive > upper * 10.0**-DECADES], 0.01))
    return min(lower, upper / 10), upper


def colours(values: Array, log: bool) -> tuple[Normalize, str]:
    """Return the scale and the map of colours: log, symmetric about zero for signed fields, else plain."""
    if log:
        lower, upper = magnitude_range(values)
        return LogNorm(lower, upper), SEQUENTIAL
    finite = values[np.isfinite(values)]
    lower, upper = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    largest = max(-lower, upper)
    # A field that undershoots zero by less than 1 % is shown as what it is meant to be, a positive one.
    if min(-lower, upper) > 0.01 * largest:
        return Normalize(-largest, largest), SIGNED
    return Normalize(lower, upper if upper > lower else lower + 1.0), SEQUENTIAL


def _line(axes: Axes, name: str, coordinate: Array, values: Array, label: str, log: bool) -> None:
    if log:
        lower, _ = magnitude_range(values)
        axes.plot(coordinate, np.maximum(np.abs(values), lower), color=BLUE, linewidth=1.5)
        axes.set_yscale("log")
    else:
        axes.plot(coordinate, values, color=BLUE, linewidth=1.5)
    axes.set_xlabel(math_label(name))
    axes.set_ylabel(label)
    axes.grid(**GRID)


def _map(axes: Axes, axis_values: Mapping[str, Array], values: Array, label: str, log: bool) -> None:
    (first, horizontal), (second, vertical) = axis_values.items()
    shown, scale, name = coloured(values, log)
    mesh = axes.pcolormesh(
        horizontal, vertical, np.ma.masked_invalid(shown).T, cmap=name, norm=scale, shading="nearest"
    )
    # Cells are centred on the grid's points; half of each border cell lies outside the domain and is cut off.
    finish_map(axes, mesh, {first: horizontal, second: vertical}, values, label, log)


def coloured(values: Array, log: bool) -> tuple[Array, Normalize, str]:
    """Return what of values is shown, its scale and the name of its colours; values below a log scale take its end."""
    scale, name = colours(values, log)
    shown = np.abs(values) if log else values
    return np.maximum(shown, scale.vmin) if log and scale.vmin is not None else shown, scale, name


def finish_map(
    axes: Axes, mesh: Collection, axis_values: Mapping[str, Array], values: Array, label: str, log: bool
) -> None:
    """Give a map of colours its limits, labels, shape and colour bar."""
    mesh.set_rasterized(True)  # a vector file would hold every cell
    axes.set_facecolor(OUTSIDE)
    (first, horizontal), (second, vertical) = axis_values.items()
    bounds = [(float(np.min(axis)), float(np.max(axis))) for axis in (horizontal, vertical)]
    axes.set_xlim(*bounds[0])
    axes.set_ylim(*bounds[1])
    axes.set_xlabel(math_label(first))
    axes.set_ylabel(math_label(second))
    keep_shape(axes, {first: bounds[0], second: bounds[1]})
    figure = axes.get_figure()
    if figure is not None:
        lower = mesh.norm.vmin or 0.0
        below = log and bool(np.any(np.abs(values) < lower))
        figure.colorbar(mesh, ax=axes, label=label, pad=0.02, extend="min" if below else "neither")


def plot_field(
    axis_values: Mapping[str, Array],
    values: Array,
    title: str,
    label: str,
    log: bool = False,
    *,
    axes: Axes | None = None,
) -> Axes:
    """Plot a field over one coordinate as a line, over two as a map of colours with the first horizontal.

    `axis_values` gives increasing grid values by coordinate name, of n_1 (and n_2) numbers, and `values` the
    field there, of shape (n_1,) or (n_1, n_2). A field of both signs gets colours symmetric about zero. With
    `log` the magnitude |values| is shown on a log scale whose lower end also stands for zeros. Values that
    are not finite stay empty. `axes` draws into a figure at hand. Raises ValueError where the shapes do not
    fit.
    """
    grid = {name: np.asarray(axis, dtype=float) for name, axis in axis_values.items()}
    field = np.asarray(values, dtype=float)
    shape = tuple(axis.size for axis in grid.values())
    if len(shape) not in (1, 2) or field.shape != shape or any(axis.ndim != 1 for axis in grid.values()):
        raise DeclarationError(
            f"A field is plotted over one or two coordinate axes, with values of their shape; the axes are "
            f"{ {name: axis.shape for name, axis in grid.items()} } and the values {field.shape}",
            "plot_field",
            "hand in a slice of a field with more coordinates",
        )
    if axes is None:
        axes = new_figure(6.4, 4.0).add_subplot()
    if len(shape) == 1:
        ((name, coordinate),) = grid.items()
        _line(axes, name, coordinate, field, label, log)
    else:
        _map(axes, grid, field, label, log)
    axes.set_title(title)
    return axes
