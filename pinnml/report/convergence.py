"""How loss and error fall with the time and the work spent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from pinnml.adapt import Refinement
from pinnml.report.figures import BLUE, GRID, ORANGE, Array, new_figure
from pinnml.setup import HistoryRow

ERROR = "relative $L^2$ error"
FEW = 40  # up to so many rows, each is marked by a dot
APART = 0.035  # labels of refinements are so much of the width apart
GREY = "0.45"
SMALL: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 7, "color": GREY}


def _positive(values: Sequence[float]) -> Array:
    """The values as an array in which those that a log scale cannot show are left out as NaN."""
    array = np.asarray(values, dtype=float)
    return np.where(np.isfinite(array) & (array > 0), array, np.nan)


def _curve(axes: Axes, x: Sequence[float], y: Sequence[float], label: str, colour: str, style: str) -> Line2D:
    marker = "o" if len(x) <= FEW else ""
    (line,) = axes.plot(x, _positive(y), color=colour, linestyle=style, marker=marker, label=label)
    line.set(linewidth=1.5, markersize=3)
    return line


def _log_scale(axes: Axes, label: str, colour: str) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=9))
    axes.set_ylabel(label, color=colour)
    axes.tick_params(axis="y", which="both", colors=colour)


def _marks(axes: Axes, places: Mapping[int, float], refinements: Sequence[Refinement]) -> None:
    """Draw a line at each refinement, with a label where there is room for one."""
    width, last = axes.get_xlim()[1], -math.inf
    for one in refinements:
        place = places.get(one.iteration, 0.0)
        axes.axvline(place, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
        if place - last >= APART * width:
            last = place
            axes.text(place, 1.01, _label(one), transform=axes.get_xaxis_transform(), rotation=90, **SMALL)


def _label(one: Refinement) -> str:
    """Return what there is from now on, in a word."""
    if one.neurons[1] != one.neurons[0]:
        return f"{one.neurons[1]} neurons" if one.neurons[1] else "training"
    return f"{one.layers[1]} layers" if one.layers[1] != one.layers[0] else f"{one.points[1]} points"


def plot_convergence(rows: Sequence[HistoryRow], refinements: Sequence[Refinement] = ()) -> Figure:
    """Plot the loss, and the relative L2 error where rows have one, over seconds and over work units.

    Two panels with log scales of their own for loss (left, blue) and error (right, orange, dashed); the loss
    is quadratic in what the error is linear in, so that one scale for both would squeeze the error. Values
    that a log scale cannot show are left out. Thin lines stand where a run was refined, and say what came then: so many
    neurons of a readout, training, so many points, or so many layers.
    """
    figure = new_figure(9.6, 3.8)
    panels = figure.subplots(1, 2, sharey=True)
    scored = [(row, row.relative_l2) for row in rows if row.relative_l2 is not None]
    handles: list[Artist] = []
    for axes, name, label in zip(panels, ("seconds", "work"), ("time [s]", "work units"), strict=True):
        x = [getattr(row, name) for row in rows]
        handles = [_curve(axes, x, [row.loss for row in rows], "loss", BLUE, "-")]
        _log_scale(axes, "loss", BLUE)
        axes.label_outer()
        axes.grid(**GRID)
        axes.set_xlabel(label)
        if scored:
            twin = axes.twinx()
            scored_x = [getattr(row, name) for row, _ in scored]
            handles.append(_curve(twin, scored_x, [error for _, error in scored], ERROR, ORANGE, "--"))
            _log_scale(twin, ERROR, ORANGE)
            if axes is panels[0]:  # its scale is that of the other panel, which shows the same errors
                twin.tick_params(labelright=False)
                twin.set_ylabel("")
        if rows and x[-1] > 0:
            axes.set_xlim(0, 1.03 * x[-1])
            _marks(axes, dict(zip((row.iteration for row in rows), x, strict=True)), refinements)
    if not rows:
        panels[0].text(0.5, 0.5, "no iterations yet", ha="center", va="center", transform=panels[0].transAxes)
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return figure
