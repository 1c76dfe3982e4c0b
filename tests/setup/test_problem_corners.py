"""Which corners of a problem's domain solutions may be singular at, and by which powers."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pinnml as pm
from pinnml.network import ChainNetwork
from pinnml.setup.corners import MANY, corners
from pinnml.setup.setup import Setup, bind

WALLS = ["x=0", "x=1", "y=0", "y=1"]
SPACE = pm.Box(x=(0, 1), y=(0, 1))


def problem(domain: pm.problem.AbstractDomain = SPACE, hard: Any = (), **conditions: Any) -> pm.Problem:
    equation = pm.Interior(lambda u, u_xx, u_yy: u_xx + u_yy + u + 1)
    walls = pm.Value(u=0.0, on=WALLS)
    return pm.Problem(domain, ["u"], conditions={"pde": equation, "walls": walls} | conditions, hard=set(hard))


@pytest.mark.parametrize(("hard", "power"), [((), 2.0), (("walls",), 0.0)])
def test_a_held_value_lowers_the_power(hard: tuple[str, ...], power: float) -> None:
    found = corners(problem(hard=hard))
    assert [one.powers for one in found] == [pytest.approx((power,), abs=1e-9)] * 4
    assert {one.held for one in found} == {bool(hard)}


def test_time_has_no_corners() -> None:
    with_time = pm.Box(t=(0, 1)) * SPACE
    start = pm.Value(u=0.0, on="t=0")
    found = corners(problem(with_time, hard=("start",), start=start))
    assert [one.axes for one in found] == [(1, 2)] * 4
    assert {one.powers for one in found} == {(2.0,)} and not any(one.held for one in found)


def test_nothing_periodic_has() -> None:
    equation = pm.Interior(lambda u_xx, u_yy: u_xx + u_yy)
    ends, walls = pm.Periodic(u=1, along="x"), pm.Value(u=0.0, on=["y=0", "y=1"])
    assert corners(pm.Problem(SPACE, ["u"], conditions={"pde": equation, "ends": ends, "walls": walls})) == ()


def test_reentrant_corners_have_powers_below_one_and_slits_none() -> None:
    half = math.pi / 180
    for angle, powers in ((1.5 * math.pi, (2 / 3,)), (math.pi / 4, ()), (358 * half, ())):
        x, y = zip(*((math.cos(angle * share), math.sin(angle * share)) for share in (0, 0.3, 0.6, 1)), strict=True)
        wedge = pm.domains.Polygon(x=[0, *x], y=[0, *y])
        walls = pm.Value(u=0.0, on=list(wedge.parts))
        declared = pm.Problem(wedge, ["u"], conditions={"pde": pm.Interior(lambda u_xx: u_xx), "walls": walls})
        at = [one.powers for one in corners(declared) if one.centre == (0, 0)]
        assert at == ([pytest.approx(powers)] if powers else [])


def test_systems_and_equations_of_other_orders_have_none() -> None:
    walls = pm.Value(u=0.0, v=0.0, on=WALLS)
    system = pm.Interior(lambda u_xx, v_yy: (u_xx, v_yy))
    assert corners(pm.Problem(SPACE, ["u", "v"], conditions={"pde": system, "walls": walls})) == ()
    assert corners(problem(pde=pm.Interior(lambda u_xxxx, u_yyyy: u_xxxx + u_yyyy))) == ()


def test_many_corners_are_none() -> None:
    """Of a polygon that stands for a circle, and of a box of six coordinates."""
    for count, number in ((MANY, MANY), (MANY + 1, 0)):
        angles = [2 * math.pi * share / count for share in range(count)]
        polygon = pm.domains.Polygon(x=[math.cos(one) for one in angles], y=[math.sin(one) for one in angles])
        walls = pm.Value(u=0.0, on=list(polygon.parts))
        round_one = pm.Problem(polygon, ["u"], conditions={"pde": pm.Interior(lambda u_xx: u_xx), "walls": walls})
        assert len(corners(round_one)) == number
    box = pm.Box(**{f"x{axis}": (0, 1) for axis in range(6)})
    walls = pm.Value(u=0.0, on=list(box.parts))
    assert corners(pm.Problem(box, ["u"], conditions={"pde": pm.Interior(lambda u_x0x0: u_x0x0), "walls": walls})) == ()


def test_the_chain_is_as_large_as_without() -> None:
    network = bind(problem(), Setup())
    assert isinstance(network, ChainNetwork)
    assert network.features.entering == 2 and network.features.features == 10
