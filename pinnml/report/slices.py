"""A field of time and one coordinate, cut at a few times."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pinnml.errors import DeclarationError
from pinnml.report.figures import BLUE, GRID, ORANGE, Array, math_label, new_figure

MOST = 5  # panels that fit side by side


def plot_slices(
    x: Array,
    times: Array,
    values: Array,
    reference: Array | None = None,
    names: tuple[str, str, str] = ("t", "x", "u"),
) -> Figure:
    """Plot u(t_k, x) in one panel a time, side by side on one scale, with the reference dashed where given.

    `x` has shape (n,), `times` (k,), `values` and `reference` (k, n); of more than five times, five are
    shown, spread evenly from the first to the last. `names` are those of time, coordinate and field. Raises
    ValueError where the shapes do not fit.
    """
    x, times, values = (np.asarray(array, dtype=float) for array in (x, times, values))
    reference = None if reference is None else np.asarray(reference, dtype=float)
    shape = (times.size, x.size)
    if x.ndim != 1 or times.ndim != 1 or 0 in shape or values.shape != shape:
        what = f"values have the shape {values.shape}"
        raise DeclarationError(what, "plot_slices", f"give them the shape (times, x) = {shape}, not empty")
    if reference is not None and reference.shape != shape:
        what = f"reference has the shape {reference.shape}"
        raise DeclarationError(what, "plot_slices", f"give it the shape (times, x) = {shape}")
    time, coordinate, field = (math_label(name) for name in names)
    shown = np.unique(np.linspace(0, times.size - 1, min(MOST, times.size)).round().astype(int))
    figure = new_figure(1.0 + 2.3 * shown.size, 3.0)
    panels = figure.subplots(1, shown.size, sharey=True, squeeze=False)[0]
    for axes, k in zip(panels, shown, strict=True):
        axes.plot(x, values[k], color=BLUE, linewidth=2.0, label="solution")
        if reference is not None:
            axes.plot(x, reference[k], color=ORANGE, linewidth=1.4, linestyle="--", label="reference")
        axes.set_title(f"{time} = {times[k]:.4g}", fontsize="medium")
        axes.set_xlabel(coordinate)
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        axes.grid(**GRID)
    panels[0].set_ylabel(field)
    if reference is not None:
        figure.legend(handles=panels[0].get_lines(), loc="outside upper center", ncols=2, frameon=False)
    return figure
