from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pinnml.report import plot_field
from pinnml.report.fields import SEQUENTIAL, SIGNED, magnitude_range
from pinnml.report.figures import new_figure

T = np.linspace(0, 1, 7)
X = np.linspace(-1, 1, 11)
WAVE = np.exp(-T[:, None]) * np.sin(np.pi * X[None, :])


def mesh_of(axes: Any) -> Any:
    (mesh,) = axes.collections
    return mesh


def test_two_coordinates_give_a_map_with_the_first_horizontal() -> None:
    axes = plot_field({"t": T, "x": X}, WAVE, "wave", "$u$")
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("$t$", "$x$", "wave")
    assert axes.get_xlim() == (0, 1) and axes.get_ylim() == (-1, 1)
    assert np.array_equal(mesh_of(axes).get_array(), WAVE.T)
    bar = axes.figure.axes[1]
    assert bar.get_ylabel() == "$u$"
    assert Gcf.figs == {}  # nothing in the global list of figures


def test_a_signed_field_has_colours_symmetric_about_zero() -> None:
    mesh = mesh_of(plot_field({"t": T, "x": X}, WAVE - 0.2, "", ""))
    largest = np.abs(WAVE - 0.2).max()
    assert mesh.get_cmap().name == SIGNED
    assert mesh.get_clim() == (-largest, largest)


def test_a_positive_field_has_sequential_colours_even_with_a_small_undershoot() -> None:
    values = WAVE**2 - 1e-4
    mesh = mesh_of(plot_field({"t": T, "x": X}, values, "", ""))
    assert mesh.get_cmap().name == SEQUENTIAL
    assert mesh.get_clim() == (values.min(), values.max())


def test_log_shows_magnitudes_above_a_floor() -> None:
    values = WAVE * 10.0 ** -np.linspace(2, 8, X.size)
    values[0, 0] = 0.0
    mesh = mesh_of(plot_field({"t": T, "x": X}, values, "", "", log=True))
    lower, upper = magnitude_range(values)
    assert isinstance(mesh.norm, LogNorm)
    assert mesh.get_clim() == (lower, upper)
    assert np.array_equal(mesh.get_array(), np.maximum(np.abs(values), lower).T)
    assert upper == np.abs(values).max()


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("fill", [0.0, 3.0, np.nan, 5e-324])
def test_constant_fields_can_be_drawn(fill: float, log: bool) -> None:
    axes = plot_field({"t": T, "x": X}, np.full((7, 11), fill), "", "", log=log)
    assert isinstance(axes.figure, Figure)
    axes.figure.draw_without_rendering()
    lower, upper = mesh_of(axes).get_clim()
    assert np.isfinite([lower, upper]).all() and lower < upper


def test_values_that_are_not_finite_stay_empty() -> None:
    values = WAVE.copy()
    values[2, 3], values[4, 5] = np.nan, np.inf
    mesh = mesh_of(plot_field({"t": T, "x": X}, values, "", ""))
    assert np.argwhere(np.ma.getmaskarray(mesh.get_array()).T).tolist() == [[2, 3], [4, 5]]
    assert mesh.get_clim()[1] == np.abs(WAVE).max()


def test_one_coordinate_gives_a_line() -> None:
    axes = plot_field({"position": X}, WAVE[0], "wave", "u")
    (line,) = axes.get_lines()
    assert np.array_equal(line.get_xdata(), X) and np.array_equal(line.get_ydata(), WAVE[0])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("position", "u", "linear")


def test_one_coordinate_on_a_log_scale_has_no_zeros() -> None:
    values = np.array([0.0, -1e-3, 1e-5, 1e-2])
    axes = plot_field({"x": np.arange(4.0)}, values, "", "", log=True)
    (line,) = axes.get_lines()
    drawn = np.asarray(line.get_ydata())
    assert axes.get_yscale() == "log"
    assert np.array_equal(drawn[1:], np.maximum(np.abs(values[1:]), drawn[0])) and 1e-5 <= drawn[0] < 1.1e-4


def test_magnitude_range_spans_between_one_and_six_decades() -> None:
    assert magnitude_range(np.array([1.0, -2.0])) == (0.2, 2.0)
    assert magnitude_range(np.array([1e-30, 1.0])) == (0.1, 1.0)
    assert magnitude_range(np.r_[np.full(100, 2e-6), 1.0]) == pytest.approx((2e-6, 1.0))
    # values at hard conditions, which hold to rounding, leave the scale to the others
    assert magnitude_range(np.r_[np.full(100, 1e-16), np.full(100, 1e-3), 1.0]) == pytest.approx((1e-3, 1.0))


def test_given_axes_are_drawn_into() -> None:
    panels = new_figure(6, 3).subplots(1, 2)
    assert plot_field({"x": X}, WAVE[0], "", "", axes=panels[1]) is panels[1]
    assert len(panels[0].get_lines()) == 0 and len(panels[1].get_lines()) == 1


@pytest.mark.parametrize(
    ("axes", "values"),
    [({"t": T, "x": X}, WAVE.T), ({"x": X}, WAVE), ({}, WAVE), ({"t": T, "x": X, "y": X}, WAVE[..., None])],
)
def test_shapes_that_do_not_fit_are_refused(axes: Any, values: Any) -> None:
    with pytest.raises(ValueError, match="one or two coordinate axes"):
        plot_field(axes, values, "", "")
