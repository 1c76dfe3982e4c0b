"""At which walls a problem's start and its conditions do not go together, and what layers come of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from test_problem_corners import problem as stationary

import pinnml as pm
from pinnml.network import Crossed, closure, nested
from pinnml.setup.initial_layers import MANY, DistanceTo, initial_layers

BOX = pm.Box(t=(1, 3), x=(0, 2))


def heat(hard: Any = (), domain: pm.domains.AbstractDomain = BOX, **conditions: Any) -> pm.Problem:
    """Return u_t = κu_xx with κ = ½ for other conditions: u = 1 at first and 0 at the walls."""
    usual = {
        "pde": pm.Interior(lambda u_t, u_xx: 2 * u_t - u_xx),
        "start": pm.Value(u=1.0, on="t=1"),
        "left": pm.Value(u=0.0, on="x=0"),
        "right": pm.Value(u=0.0, on="x=2"),
    }
    return pm.Problem(domain, ["u"], conditions=usual | conditions, hard=hard)


def layers(declared: pm.Problem) -> list[Any]:
    return list(initial_layers(declared))


def told(declared: pm.Problem) -> list[tuple[Any, ...]]:
    return [(one.distance.part, one.order, one.divided, one.diffusivity) for one in layers(declared)]


def test_values_that_jump_have_layers_of_order_zero() -> None:
    assert told(heat()) == [("x=0", 0, 0, 0.5), ("x=2", 0, 0, 0.5)]
    first = layers(heat())[1]
    assert (first.time, first.start, first.duration) == (0, 1.0, 2.0)
    x = torch.tensor([[2.0, 0.5]], dtype=torch.float64, requires_grad=True)
    assert first.distance(x).tolist() == [1.5]


def test_a_start_that_is_held_divides_and_walls_that_are_held_have_none() -> None:
    assert told(heat(["start"])) == [("x=0", 0, 1, 0.5), ("x=2", 0, 1, 0.5)]
    assert told(heat(["left"])) == [("x=2", 0, 0, 0.5)]


def test_fluxes_and_exchange_have_layers_of_order_one() -> None:
    exchange = pm.Boundary(lambda u, u_n: u_n + 3 * u - 2, on="x=0")
    flux = pm.Derivative(u_x=4.0, on="x=2")
    assert told(heat(left=exchange, right=flux)) == [("x=0", 1, 0, 0.5), ("x=2", 1, 0, 0.5)]


def test_what_fits_has_none() -> None:
    """u = 1 + x at first: values at the left, the slope and exchange at the right are its own."""
    start, left = pm.Value(u=lambda x: 1 + x, on="t=1"), pm.Value(u=1.0, on="x=0")
    for right in (pm.Derivative(u_x=1.0, on="x=2"), pm.Boundary(lambda u, u_n: u_n - u / 3, on="x=2")):
        assert told(heat(start=start, left=left, right=right)) == []
    assert [one[0] for one in told(heat(start=start, left=left))] == ["x=2"]


def test_diffusivity_may_depend_on_place_and_on_the_solution() -> None:
    """(1 + u)(1 + x) u_xx/2 with u = 1 at first."""
    pde = pm.Interior(lambda u, u_t, u_xx, x: u_t - (1 + u) / 2 * (1 + x) * u_xx)
    assert told(heat(pde=pde)) == [("x=0", 0, 0, 1.0), ("x=2", 0, 0, 3.0)]


def test_of_a_system_every_field_has_its_own() -> None:
    """v starts with its own value at the right wall; the conditions there name one field each."""

    def pde(u: Any, u_t: Any, u_xx: Any, v: Any, v_t: Any, v_xx: Any) -> Any:
        return u_t - 0.5 * u_xx + v, v_t - 4 * v_xx - u

    conditions = {
        "pde": pm.Interior(pde),
        "start": pm.Value(u=1.0, v=2.0, on="t=1"),
        "left": pm.Value(u=0.0, v=0.0, on="x=0"),
        "right u": pm.Value(u=0.0, on="x=2"),
        "right v": pm.Value(v=2.0, on="x=2"),
    }
    found = told(pm.Problem(BOX, ["u", "v"], conditions=conditions))
    assert found == [("x=0", 0, 0, 0.5), ("x=0", 0, 0, 4.0), ("x=2", 0, 0, 0.5), ("x=2", 2, 0, 4.0)]


def test_distances_from_rims_are_exact() -> None:
    plate = pm.Box(x=(-2, 2), y=(-2, 2)) - pm.domains.Ball(0.5, x=0.5, y=0.0)
    declared = pm.Problem(
        pm.Box(t=(0, 1)) * plate,
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_t, u_xx, u_xy, u_yy: u_t - 2 * u_xx - u_xy - 2 * u_yy),
            "start": pm.Value(u=0.0, on="t=0"),
            "rim": pm.Value(u=1.0, on="rim"),
        },
    )
    (layer,) = layers(declared)
    assert layer.diffusivity == pytest.approx(2.0, rel=1e-2)  # the mean over all directions
    x = torch.tensor([[0.3, 0.5, 1.25], [0.2, -1.5, 0.0]], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(layer.distance(x), x.new_tensor([0.75, 1.5]))


def test_in_the_middle_of_a_disc_distances_have_no_tip() -> None:
    """Exact where the rim is nearer than half a radius; three derivatives everywhere."""
    distance = DistanceTo(pm.Box(t=(0, 1)) * pm.domains.Ball(2.0, x=0.0, y=0.0), "rim")
    x = torch.tensor([[0.1, 1.5, 0.0], [0.1, 0.0, -1.2], [0.1, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    values = distance(x)
    torch.testing.assert_close(values[:2], x.new_tensor([0.5, 0.8]))
    jet = nested(values, x, closure([(0, 3, 0), (0, 2, 1)], 3))
    assert bool(jet.isfinite().all()) and float(jet.detach().abs().max()) < 5


def test_other_equations_have_none() -> None:
    assert layers(stationary()) == []
    wave: dict[str, Any] = {
        "pde": pm.Interior(lambda u_tt, u_xx: u_tt - u_xx),
        "speed": pm.Derivative(u_t=0.0, on="t=1"),
    }
    assert told(heat(**wave)) == []
    assert told(heat(pde=pm.Interior(lambda u_t, u_x: u_t + u_x))) == []
    assert told(heat(pde=pm.Interior(lambda u_t, u_xx: u_t + u_xx))) == []  # backwards in time
    assert told(heat(end=pm.Value(u=0.0, on="t=3"))) == []
    assert told(heat(start=pm.Boundary(lambda u: u**3 - 8, on="t=1"))) == []  # not linear: what u is is not said


def test_rates_that_differ_have_layers_of_order_two_held_or_not() -> None:
    """u = 0 at first, u_t = u_xx/2 + x: rates fit at x = 0, and at x = 2 where the wall goes along, 2(t − 1)."""
    declared: dict[str, Any] = {
        "pde": pm.Interior(lambda u_t, u_xx, x: u_t - u_xx / 2 - x),
        "start": pm.Value(u=0.0, on="t=1"),
    }
    assert told(heat(**declared)) == [("x=2", 2, 0, 0.5)]
    assert told(heat(["start", "left", "right"], **declared)) == [("x=2", 2, 1, 0.5)]
    assert [one.held for one in layers(heat(["right"], **declared))] == [True]
    assert told(heat(**declared, right=pm.Value(u=lambda t: 2 * (t - 1), on="x=2"))) == []
    assert told(heat(**declared, right=pm.Value(u=lambda t: 3 * (t - 1), on="x=2"))) == [("x=2", 2, 0, 0.5)]


def test_rounding_is_no_jump() -> None:
    """sin πx is 2.4e-16 at x = 2, and so are its second derivative and the rate."""
    wave = pm.Value(u=lambda x: torch.sin(math.pi * x), on="t=1")
    assert told(heat(start=wave)) == told(heat(["start"], start=wave)) == []


def test_functions_that_leave_torch_have_none() -> None:
    start = pm.Value(u=lambda x: torch.from_numpy(np.cos(x.numpy())), on="t=1")
    assert told(heat(start=start)) == []


def test_walls_that_meet_have_products_of_their_layers() -> None:
    """Of a square's four walls each meets two; a hole that is near to one wall meets none."""
    conditions: dict[str, Any] = {
        "pde": pm.Interior(lambda u_t, u_xx, u_yy: u_t - u_xx - u_yy),
        "start": pm.Value(u=1.0, on="t=0"),
        "walls": pm.Value(u=0.0, on=["x=0", "x=1", "y=0", "y=1"]),
    }
    found = layers(pm.Problem(pm.Box(t=(0, 1), x=(0, 1), y=(0, 1)), ["u"], conditions=conditions, hard="start"))
    crossed: list[Any] = [one for one in found if isinstance(one, Crossed)]
    parts = [{one.first.distance.part, one.second.distance.part} for one in crossed]
    assert parts == [{"x=0", "y=0"}, {"x=0", "y=1"}, {"x=1", "y=0"}, {"x=1", "y=1"}] and len(found) == 8
    assert [(one.first.divided, one.second.divided) for one in crossed] == [(1, 0)] * 4
    plate = pm.Box(x=(0, 1), y=(0, 1)) - pm.domains.Ball(0.2, x=0.5, y=0.3)
    few = conditions | {"walls": pm.Value(u=0.0, on=["y=0", "rim"])}
    assert len(layers(pm.Problem(pm.Box(t=(0, 1)) * plate, ["u"], conditions=few))) == 2


def test_many_layers_are_none() -> None:
    corners = {name: [round(float(f(2 * math.pi * k / 30)), 6) for k in range(30)] for name, f in CIRCLE.items()}
    domain = pm.Box(t=(0, 1)) * pm.domains.Polygon(**corners)
    walls = [part for part in domain.parts if part.startswith("edge")]
    conditions = {
        "pde": pm.Interior(lambda u_t, u_xx, u_yy: u_t - u_xx - u_yy),
        "start": pm.Value(u=1.0, on="t=0"),
    }
    few = conditions | {"walls": pm.Value(u=0.0, on=walls[:MANY])}
    many = conditions | {"walls": pm.Value(u=0.0, on=walls)}
    assert len(layers(pm.Problem(domain, ["u"], conditions=few))) == MANY < len(walls)
    assert layers(pm.Problem(domain, ["u"], conditions=many)) == []


CIRCLE = {"x": math.cos, "y": math.sin}
