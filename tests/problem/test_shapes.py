"""Shapes keep the contract of domains, and refuse what is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from domain_conformance import check_domain, on_part
from scipy.integrate import quad
from scipy.special import ellipe

import pinnml as pm
from pinnml.problem import AbstractDomain, DeclarationError
from pinnml.problem.domains import Ball, Box, Ellipsoid, HalfSpace, Polygon, Shell

ELL = Polygon(x=[0, 2, 2, 1, 1, 0], y=[0, 0, 1, 1, 2, 2])
SHAPES: list[AbstractDomain] = [
    Ball(1.0, x=0, y=0),
    Ball(2.0, x=100, y=1, z=-3),
    Ball(1.0, a=0, b=0, c=0, d=0, e=0),
    Shell(0.5, 1, x=0, y=3),
    Shell(0.9, 1, x=0, y=0, z=1),
    Ellipsoid(x=(0, 2), y=(1, 0.5)),
    Ellipsoid(x=(0, 2), y=(1, 0.5), z=(0, 2)),
    ELL,
    Polygon(x=[0, 1, 1, 2, 2, 0], y=[2, 2, 1, 1, 0, 0]),  # clockwise
    Polygon(x=[0, 4, 4, 3, 3, 2, 2, 1, 1, 0], y=[0, 0, 3, 3, 1, 1, 2, 2, 0.5, 0.7]),
]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_shape_keeps_its_contract(shape: AbstractDomain) -> None:
    check_domain(shape)


@pytest.mark.parametrize("shape", [*SHAPES, HalfSpace(0.1, x=1, y=-2)], ids=repr)
def test_a_shape_is_written_as_it_was_made(shape: AbstractDomain) -> None:
    assert repr(eval(repr(shape), vars(pm.domains))) == repr(shape)


@pytest.mark.parametrize(("long", "high"), [(2.0, 0.5), (1.0, 1.0), (0.1, 3.0)])
def test_points_on_an_ellipse_are_uniform_in_arc_length(long: float, high: float) -> None:
    ellipse = Ellipsoid(x=(0, long), y=(0, high))
    x = on_part(ellipse, "rim", 100_000)
    speed: Callable[[float], float] = lambda s: math.hypot(long * math.sin(s), high * math.cos(s))  # noqa: E731
    length = quad(speed, 0, 2 * math.pi)[0]
    expected = quad(lambda s: (long * math.cos(s)) ** 2 * speed(s), 0, 2 * math.pi)[0] / length
    assert float(x[:, 0].square().mean()) == pytest.approx(expected, rel=1e-2)
    # the length itself shows in the share of points that are kept: mean growth over its maximum
    assert length == pytest.approx(4 * high * ellipe(1 - (long / high) ** 2), rel=1e-9)
    assert ellipse.share("rim") == pytest.approx(length / (2 * math.pi * max(long, high)), rel=1e-2)


def test_points_on_a_spheroid_are_uniform_in_area() -> None:
    """About the z axis, with r = a sin φ and z = c cos φ, area is ∝ sin φ √(a² cos² φ + c² sin² φ)."""
    a, c = 0.5, 2.0
    x = on_part(Ellipsoid(x=(0, a), y=(0, a), z=(0, c)), "rim", 100_000)

    def area(phi: float) -> float:
        return math.sin(phi) * math.hypot(a * math.cos(phi), c * math.sin(phi))

    expected = quad(lambda phi: (c * math.cos(phi)) ** 2 * area(phi), 0, math.pi)[0] / quad(area, 0, math.pi)[0]
    assert float(x[:, 2].square().mean()) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("y", [(0.0, 0.0), (1e-12, 0.0), (0.0, 1e-12), (1.4, 0.0), (0.0, 3.0), (5.0, 0.0)])
def test_distances_on_the_axes_of_an_ellipse(y: tuple[float, float]) -> None:
    """There the nearest point is at an end of the short axis, beside it or at an end of the long one."""
    angles = np.linspace(0, 2 * math.pi, 400_001)
    nearest = float(np.hypot(2 * np.cos(angles) - y[0], 0.5 * np.sin(angles) - y[1]).min())
    distance = float(Ellipsoid(x=(0, 2), y=(0, 0.5)).signed_distance(torch.tensor([y], dtype=torch.float64)))
    assert abs(distance) == pytest.approx(nearest, rel=1e-9)
    assert (distance < 0) == ((y[0] / 2) ** 2 + (y[1] / 0.5) ** 2 < 1)


def test_edges_of_a_polygon_have_the_numbers_of_their_corners() -> None:
    assert ELL.parts == tuple(f"edge {number}" for number in range(6))
    ends = ELL.place(torch.tensor([[0.0], [1.0]], dtype=torch.float64), "edge 2")
    assert ends.tolist() == [[2.0, 1.0], [1.0, 1.0]]
    named = ELL.named(**{"edge 0": "floor"})
    assert named.parts[:2] == ("floor", "edge 1")


def test_a_polygon_of_many_corners_is_a_disc() -> None:
    angle = 2 * math.pi * np.arange(500) / 500
    polygon = Polygon(x=np.cos(angle), y=np.sin(angle))  # type: ignore[arg-type]
    grid = torch.cartesian_prod(*[torch.linspace(-1.2, 1.2, 61, dtype=torch.float64)] * 2)
    gap = polygon.signed_distance(grid) - Ball(1.0, x=0, y=0).signed_distance(grid)
    assert gap.min() > -1e-15 and gap.max() < 1 - math.cos(math.pi / 500) + 1e-12


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Ball(0, x=0, y=0), "the radius is 0; where: Ball; give a positive length"),
        (lambda: Ball(-1.0, x=0, y=0), "the radius is -1"),
        (lambda: Ball(math.nan, x=0, y=0), "the radius is nan; where: Ball; give a finite number"),
        (lambda: Ball(1.0, x=0), r"Ball has the coordinates \(x\).*an interval is Box"),
        (lambda: Ball(1.0), r"Ball has the coordinates \(\)"),
        (lambda: Ball(1.0, x="0", y=0), "x is '0'; where: Ball; give a finite number"),  # type: ignore[arg-type]
        (lambda: Shell(1.0, 1.0, x=0, y=0), "The radii are 1.0 and 1.0; where: Shell; give the inner, smaller one"),
        (lambda: Shell(0.0, 1.0, x=0, y=0), "the inner radius is 0"),
        (lambda: Ellipsoid(x=(0, 1), y=1), r"y is 1; where: Ellipsoid; give \(centre, semi-axis\)"),  # type: ignore[arg-type]
        (lambda: Ellipsoid(x=(0, 1), y=(0, 0)), "the semi-axis of y is 0"),
        (lambda: Polygon(x=[0, 1, 1]), "1 coordinates; where: Polygon; give two"),
        (lambda: Polygon(x=[0, 1], y=[0, 1]), "2 and 2 numbers for the corners"),
        (lambda: Polygon(x=[0, 1, 1], y=[0, 1]), "3 and 2 numbers for the corners"),
        (lambda: Polygon(x=[0, 1, 1, 0], y=[0, 0, 1, math.inf]), "a corner's y is inf"),
        (lambda: Polygon(x=3, y=[0, 0, 1]), "x is 3; where: Polygon; give a list of numbers"),  # type: ignore[arg-type]
        (lambda: Polygon(x="abc", y=[0, 0, 1]), "x is 'abc'"),  # type: ignore[arg-type]
        (lambda: Polygon(x=[0, 1, 1, 0, 0], y=[0, 0, 1, 1, 0]), "Edge 4 has no length.*leave out corners"),
        (lambda: Polygon(x=[0, 1, 0, 1], y=[0, 1, 1, 0]), "Edges 0 and 2 cross or touch"),
        (lambda: Polygon(x=[0, 2, 2, 1, 0], y=[0, 0, 1, 0, 1]), "Edges 3 and 0 cross or touch"),
        (lambda: Polygon(x=[0, 2, 1], y=[0, 0, 0]), "cross or touch"),
        (lambda: HalfSpace(0.0, x=0.0, y=0.0), "The normal is zero"),
        (lambda: HalfSpace(0.0), "The normal is zero"),
        (lambda: HalfSpace(0.0, x=1.0, y=0.0).place(torch.zeros(1, 2)), "unbounded; where: domain; cut a bounded"),
        (lambda: Box(t=(0, 1)) * HalfSpace(0.0, x=1.0), "unbounded; where: domain; give bounded factors"),
    ],
)
def test_what_is_no_shape_is_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        build()
