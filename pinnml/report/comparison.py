"""How the errors of several solvers fall, each as a median with its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from pinnml.report.figures import GRID, PALETTE, Array, new_figure

STYLES = ("-", "--", ":", "-.")
"""After one round of the palette the next style of line is taken."""


@dataclass(frozen=True)
class Band:
    """Median and range of errors, each (k,) and positive, at increasing places `at` (k,) > 0."""

    at: Array
    median: Array
    low: Array
    high: Array


def plot_comparison(bands: Mapping[str, Band], label: str, title: str) -> Figure:
    """Plot the relative L2 error of every solver by name: median as a line, range as a band, both scales logarithmic.

    `label` names what the errors are plotted over, and `title` the problem.
    """
    figure = new_figure(7.2, 4.2)
    axes = figure.subplots()
    for number, (name, band) in enumerate(bands.items()):
        colour = PALETTE[number % len(PALETTE)]
        style = STYLES[number // len(PALETTE) % len(STYLES)]
        axes.fill_between(band.at, band.low, band.high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(band.at, band.median, color=colour, linestyle=style, linewidth=1.6, label=name)
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="relative $L^2$ error", title=title)
    axes.yaxis.set_major_locator(LogLocator(numticks=12))
    _plain_ticks(axes)
    axes.grid(**GRID)
    axes.margins(x=0.02)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _plain_ticks(axes: Axes) -> None:
    """Write 20 and 50 in place of 2·10¹ and 5·10¹, and leave them out where there are many decades."""
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 300 * low else (1.0,)))
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
