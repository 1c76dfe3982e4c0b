"""Fields on meshes are drawn on their own triangles, and space keeps its shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import TriMesh
from matplotlib.colors import LogNorm
from meshes import plate

from pinnml.errors import DeclarationError
from pinnml.report import plot_field, plot_mesh, plot_mesh_slices, plot_points
from pinnml.report.fields import magnitude_range

POINTS, CELLS, _ = plate()
WAVE = np.sin(3 * POINTS[:, 0])


def drawn(axes: Any) -> Any:
    (mesh,) = axes.collections
    assert isinstance(mesh, TriMesh)
    return mesh


def test_a_field_is_drawn_on_the_triangles_of_its_mesh() -> None:
    axes = plot_mesh(POINTS, CELLS, WAVE, ("x", "y"), "wave", "$u$")
    mesh = drawn(axes)
    assert np.array_equal(mesh.get_array(), WAVE) and len(mesh.get_paths()) == len(CELLS)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("$x$", "$y$", "wave")
    assert axes.get_xlim() == axes.get_ylim() == (-1, 1) and axes.get_aspect() == 1
    assert axes.figure.axes[1].get_ylabel() == "$u$"


def test_values_that_are_not_finite_leave_their_triangles_empty() -> None:
    values = np.where(np.arange(len(POINTS)) == 5, np.nan, np.abs(WAVE))
    axes = plot_mesh(POINTS, CELLS, values, ("x", "y"), "", "", log=True)
    mesh, near = drawn(axes), (CELLS == 5).any(1)
    assert len(mesh.get_paths()) == len(CELLS) - near.sum() < len(CELLS)
    assert isinstance(mesh.norm, LogNorm) and mesh.get_clim() == magnitude_range(values)
    axes.figure.canvas.draw()


@pytest.mark.parametrize(
    ("points", "cells", "values"),
    [(POINTS, CELLS, WAVE[1:]), (POINTS, CELLS[:, :2], WAVE), (np.zeros((9, 3)), CELLS, np.zeros(9))],
)
def test_what_does_not_fit_a_mesh_is_refused(points: Any, cells: Any, values: Any) -> None:
    with pytest.raises(DeclarationError, match="where: plot_mesh; give them the shapes"):
        plot_mesh(points, cells, values, ("x", "y"), "", "")


@pytest.mark.parametrize(
    ("times", "values"), [([0, 1], WAVE), ([], np.zeros((0, 9))), ([0, 1], [WAVE]), ([0], [WAVE[1:]])]
)
def test_slices_that_do_not_fit_a_mesh_are_refused(times: Any, values: Any) -> None:
    with pytest.raises(DeclarationError, match="where: plot_mesh_slices; give them the shapes"):
        plot_mesh_slices(POINTS, CELLS, times, values, ("t", "x", "y"), "u")


@pytest.mark.parametrize(
    ("names", "high", "aspect"),
    [(("x", "y"), 3.0, 1), (("x", "y"), 50.0, "auto"), (("t", "x"), 1.0, "auto"), (("x", "t"), 1.0, "auto")],
)
def test_space_keeps_its_shape(names: tuple[str, str], high: float, aspect: Any) -> None:
    """A circle in the plane is round; time has no length, and a long domain would be a line."""
    grid = {names[0]: np.linspace(0, 1, 5), names[1]: np.linspace(0, high, 6)}
    assert plot_field(grid, np.ones((5, 6)), "", "").get_aspect() == aspect
    points = np.array([[0.0, 0.0], [1.0, high]])
    assert plot_points({"pde": points}, names).get_aspect() == aspect
    assert plot_points({"pde": points[:0]}, names).get_aspect() == "auto"
