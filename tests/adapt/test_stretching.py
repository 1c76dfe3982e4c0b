"""Points that gather where coordinates are stretched: they stand for the domain as before."""

from __future__ import annotations

import math

import pytest
import torch

import pinnml as pm
from pinnml.adapt import Stretching
from pinnml.adapt.stretching import gathered, of_rows
from pinnml.points import sample

BOTH = (Stretching(0, (1.0,), 0.01), Stretching(1, (-1.0, 1.0), 0.1))


def declared() -> pm.Problem:
    return pm.Problem(
        pm.Box(x=(0, 2), y=(-1, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy),
            "walls": pm.Value(u=0.0, on=["x=0", "x=2", "y=-1", "y=1"]),
            "seen": pm.Data({"x": [0.3, 0.5], "y": [0.1, 0.2]}, u=[1.0, 2.0]),
        },
    )


@pytest.mark.parametrize("one", BOTH)
def test_points_have_the_density_that_they_are_said_to_have(one: Stretching) -> None:
    unit = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    placed = one.placed(unit)
    slope = (placed[2:] - placed[:-2]) * 10_000
    torch.testing.assert_close(slope, 1 / one.density(placed[1:-1]), rtol=1e-3, atol=1e-6)
    assert bool((placed.diff() > 0).all())
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert torch.equal(one.placed(ends), ends)


def test_they_gather_at_the_ends_that_are_stretched() -> None:
    placed = BOTH[0].placed(torch.linspace(0, 1, 1001, dtype=torch.float64))
    near = 0.5 * 0.01 + 0.5 * math.asinh(2) / math.asinh(200)
    assert float((placed > 0.99).double().mean()) == pytest.approx(near, rel=0.01)
    assert float((placed < 0.01).double().mean()) < 0.01


def test_means_over_the_domain_and_its_walls_stay() -> None:
    problem = declared()
    points = sample(problem, pm.Sobol(4096), torch.Generator().manual_seed(0))
    moved = gathered(problem, points, BOTH)
    for name, exact in (("pde", 4 / 3 + 1 / 3), ("walls", (0 + 1 / 3 + 4 + 1 / 3 + 2 * (4 / 3 + 1)) / 4)):
        x, weights = moved[name].x, moved[name].weights
        assert float(weights.sum()) == pytest.approx(1) and bool(problem.domain.contains(x).all())
        assert float((weights * x.square().sum(1)).sum()) == pytest.approx(exact, rel=0.02)
        assert not torch.equal(x, points[name].x)
    assert bool(
        torch.stack([problem.domain.contains(moved["walls"].x, part) for part in problem.domain.parts]).any(0).all()
    )
    assert moved["seen"] is points["seen"]


@pytest.mark.parametrize("ends", [(), (0.5,), (1.0, 1.0), (-1.0, 1.0, 1.0)])
def test_other_ends_are_refused(ends: tuple[float, ...]) -> None:
    with pytest.raises(pm.DeclarationError, match="ends"):
        Stretching(0, ends, 0.1)


def test_coordinates_that_are_not_there_are_refused() -> None:
    rows, corners = torch.arange(2), torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    with pytest.raises(pm.DeclarationError, match="number 2"):
        of_rows([Stretching(2, (1.0,), 0.1)], rows, [0, 1], corners)
