"""Planes through space on one scale, and vectors as arrows on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.quiver import Quiver
from small_problems import block, tiny

import pinnml as pm
from pinnml.report import Plane, plot_planes
from pinnml.report.figures import new_figure

X, Y = np.linspace(-1, 1, 41), np.linspace(0, 4, 81)
PLANES = [Plane({"x": X, "y": Y}, "z = 1"), Plane({"x": X, "z": X}, "y = 2")]
VALUES = [np.add.outer(X, Y), 3 + np.add.outer(X, X)]


def arrows_of(axes: Any) -> Any:
    (found,) = [part for part in axes.collections if isinstance(part, Quiver)]
    return found


def test_planes_stand_side_by_side_on_one_scale() -> None:
    first = plot_planes(PLANES, VALUES, "title", "u")
    panels = first.figure.axes
    assert [one.get_title() for one in panels[:2]] == ["z = 1", "y = 2"] and panels[2].get_ylabel() == "u"
    assert panels[0] is first and (panels[1].get_xlabel(), panels[1].get_ylabel()) == ("$x$", "$z$")
    limits = {mesh.get_clim() for one in panels[:2] for mesh in one.collections}
    assert limits == {(-5, 5)}  # of both signs


def test_one_plane_is_drawn_into_given_axes() -> None:
    panel = new_figure(4, 3).add_subplot()
    assert plot_planes(PLANES, VALUES, "u", "u", axes=panel) is panel
    assert panel.get_title() == "u, z = 1"


def test_arrows_point_along_the_vector_where_it_is_known() -> None:
    u = np.where(np.hypot(*np.meshgrid(X, Y - 2, indexing="ij")) < 0.5, np.nan, 1.0)
    arrows = arrows_of(plot_planes(PLANES[:1], VALUES[:1], "", "", arrows=[(u, 2 * u)]))
    assert 80 < arrows.X.size < 9 * 17
    assert (arrows.U == 1).all() and (arrows.V == 2).all()
    assert (np.hypot(arrows.X, arrows.Y - 2) >= 0.5).all()


def test_a_vector_of_zeros_has_no_arrows() -> None:
    axes = plot_planes(PLANES[:1], VALUES[:1], "", "", arrows=[(0 * VALUES[0], 0 * VALUES[0])])
    assert not [part for part in axes.collections if isinstance(part, Quiver)]


@pytest.mark.parametrize("values", [VALUES[::-1], VALUES[:1], [*VALUES[:1], VALUES[1].ravel()]])
def test_shapes_that_do_not_fit_are_refused(values: Any) -> None:
    with pytest.raises(pm.DeclarationError, match="planes have the shapes"):
        plot_planes(PLANES, values, "", "")


def test_space_of_three_coordinates_is_drawn_on_three_planes() -> None:
    """The middle of the box, which grids of the reference need not have."""
    made = tiny(block(), 1).figures()
    for name in ("solution", "error", "residual"):
        assert [one.get_title() for one in made[name].axes[:3]] == ["z = 1.5", "y = 1", "x = 0.5"]
    assert "vectors" not in made


def stirred(vectors: Any = None) -> pm.Problem:
    """Return u_t = v, v_t = −u in a plane without a disc, from which both begin."""
    plane = pm.Box(x=(0, 2), y=(0, 1)) - pm.domains.Ball(0.2, x=1, y=0.5)
    turning = pm.Interior(lambda u, v, u_t, v_t: (u_t - v, v_t + u))
    conditions = {"pde": turning, "start": pm.Value(u=1, v=0, on="t=0")}
    return pm.Problem(plane * pm.Box(t=(0, 1)), ["u", "v"], vectors=vectors, conditions=conditions)


def test_u_and_v_of_a_plane_are_drawn_as_arrows_at_the_end() -> None:
    figure = tiny(stirred(), 1).figures()["vectors"]
    panel = figure.axes[0]
    assert panel.get_title() == "(u, v) at t = 1" and panel.get_xlabel() == "$x$"
    arrows = arrows_of(panel)
    assert arrows.X.size > 50 and (np.hypot(arrows.X - 1, arrows.Y - 0.5) >= 0.2).all()


@pytest.mark.parametrize(("vectors", "found"), [(None, (("u", "v"),)), ((), ()), ([["v", "u"]], (("v", "u"),))])
def test_vectors_are_told_by_name_or_by_hand(vectors: Any, found: Any) -> None:
    assert stirred(vectors).vectors == found


def test_fields_of_another_number_than_coordinates_are_no_vector() -> None:
    line = pm.Problem(pm.Box(x=(0, 1)), ["u", "v"], conditions={"pde": pm.Interior(lambda u_x, v_x: (u_x, v_x))})
    assert line.vectors == () == block().vectors


@pytest.mark.parametrize(
    "vectors", ["uv", 3, ["u", "v"], [["u"]], [["u", "w"]], [["u", "u"]], [["u", "v", "u"]], [[1, 2]]]
)
def test_vectors_of_other_fields_are_refused(vectors: Any) -> None:
    with pytest.raises(pm.DeclarationError, match=r"vectors .*; give groups of 2 of \['u', 'v'\]"):
        stirred(vectors)
