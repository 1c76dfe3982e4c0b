"""The figure of a comparison: a line and a band for every solver, each told from the others."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import PolyCollection

from pinnml.report import Band, plot_comparison
from pinnml.report.figures import PALETTE

AT = np.geomspace(1, 100, 30)


def band(level: float) -> Band:
    return Band(AT, level / AT, 0.5 * level / AT, 2 * level / AT)


def test_every_solver_has_a_line_and_a_band_of_one_colour() -> None:
    figure = plot_comparison({"lbfgs": band(1.0), "default": band(1e-2)}, "time [s]", "poisson")
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_title()) == ("time [s]", "poisson")
    assert [line.get_label() for line in axes.lines] == ["lbfgs", "default"]
    shades = [shade for shade in axes.collections if isinstance(shade, PolyCollection)]
    for line, shade, level in zip(axes.lines, shades, (1.0, 1e-2), strict=True):
        assert np.array_equal(line.get_ydata(), level / AT)
        heights = np.asarray(shade.get_paths()[0].vertices)[:, 1]
        assert np.isclose(heights.max(), 2 * level) and np.isclose(heights.min(), 0.5 * level / 100)
    assert [line.get_color() for line in axes.lines] == list(PALETTE[:2])


def test_more_solvers_than_colours_differ_by_the_style_of_their_lines() -> None:
    names = [f"solver {number}" for number in range(len(PALETTE) + 3)]
    (axes,) = plot_comparison({name: band(1.0) for name in names}, "work units", "many").axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == len(names)


def test_ticks_of_few_decades_are_plain_numbers() -> None:
    figure = plot_comparison({"lbfgs": band(1.0)}, "time [s]", "poisson")
    figure.canvas.draw()
    labels = {label.get_text() for label in figure.axes[0].get_xticklabels()}
    assert {"1", "2", "5", "10", "50", "100"} <= labels
