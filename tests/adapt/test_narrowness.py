"""Neurons on the coordinates are as narrow along each of them as the solution is."""

from __future__ import annotations

import math

import pytest
import torch
from test_bandwidths import begin
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Widening, freeze, widen
from pinnml.adapt.narrowness import NARROWEST, WIDEST, with_radii
from pinnml.adapt.tries import drawn, left_by
from pinnml.loss import PinnObjective
from pinnml.network import WidenedNetwork

RULE = Widening(400, None, coordinates=True)


def steep(factor: float = 6.0, along: str = "x") -> pm.Problem:
    """Δu = f with u = tanh(factor x) cos y, or with x and y exchanged, held on the walls."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        s, t = (x, y) if along == "x" else (y, x)
        return torch.tanh(factor * s) * torch.cos(t)

    def residual(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        s = torch.tanh(factor * (x if along == "x" else y))
        return u_xx + u_yy + exact(x, y) * (1 + 2 * factor**2 * (1 - s**2))

    return pm.Problem(
        pm.Box(x=(-1, 1), y=(-1, 1)),
        ["u"],
        conditions={"pde": pm.Interior(residual), "walls": pm.Value(u=exact, on=["x=-1", "x=1", "y=-1", "y=1"])},
        hard={"walls"},
    )


def tried(problem: pm.Problem, rule: Widening = RULE) -> tuple[PinnObjective, Tensor, Widening]:
    objective, theta = begin(problem)
    frozen = freeze(objective, theta)
    assert isinstance(frozen.objective, PinnObjective)
    theta = 0 * frozen.theta
    return frozen.objective, theta, with_radii(frozen.objective, theta, rule)


@pytest.mark.parametrize("along", ["x", "y"])
def test_neurons_are_narrow_across_a_layer_and_wide_along_it(along: str, on_one_thread: None) -> None:
    across, beside = tried(steep(along=along))[2].radii[:: 1 if along == "x" else -1]
    assert across >= 4 * beside


def test_what_is_found_leaves_less_between_other_points(on_one_thread: None) -> None:
    objective, theta, found = tried(steep())
    points = drawn(objective, 3000, 11), drawn(objective, 1500, 12)
    usual = left_by(objective, theta, RULE.sized(400, 2), *points)
    assert left_by(objective, theta, found, *points) < 0.02 * usual


def test_a_solution_that_is_alike_along_all_coordinates_gets_neurons_that_are(on_one_thread: None) -> None:
    def force(x: Tensor, y: Tensor) -> Tensor:
        return torch.cos(2 * x) * torch.cos(2 * y)

    problem = pm.Problem(
        pm.Box(x=(-1, 1), y=(-1, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx, u_yy, x, y: u_xx + u_yy + 8 * force(x, y)),
            "walls": pm.Value(u=force, on=["x=-1", "x=1", "y=-1", "y=1"]),
        },
    )
    radii = tried(problem)[2].radii
    assert max(radii) <= 2 * min(radii)


def test_radii_stay_within_bounds_where_no_neurons_do(on_one_thread: None) -> None:
    noise = pm.Interior(lambda u_xx, u_yy, x, y: u_xx + u_yy - torch.sign(torch.sin(1e7 * (x + 3 * y))))
    radii = tried(pm.Problem(pm.Box(x=(-1, 1), y=(-1, 1)), ["u"], conditions={"pde": noise}))[2].radii
    assert all(WIDEST <= radius <= NARROWEST for radius in radii)


def test_a_search_begins_with_the_radii_that_a_rule_has(on_one_thread: None) -> None:
    objective, theta, found = tried(steep())
    again = with_radii(objective, theta, found)
    assert again.radii == found.radii


def test_weights_spread_as_the_radii_say() -> None:
    objective, theta = begin(steep())
    rule = Widening(4000, 1.0, coordinates=True, radii=(8.0, 0.5))
    network = widen(objective, theta, rule, torch.Generator().manual_seed(0)).objective.network  # type: ignore[attr-defined]
    assert isinstance(network, WidenedNetwork)
    spread = network.levels[0].weight.std(0) * objective.collocation["pde"].x.std(0) * math.sqrt(2)
    torch.testing.assert_close(spread, spread.new_tensor([8.0, 0.5]), rtol=0.05, atol=0)


def test_too_few_radii_are_refused() -> None:
    objective, theta = begin(steep())
    with pytest.raises(pm.DeclarationError, match=r"radii has 1 entries for 2 coordinates.*give one for each"):
        widen(objective, theta, Widening(10, 1.0, coordinates=True, radii=(2.0,)), torch.Generator())
