"""Neurons on the coordinates are narrow in those directions in which the solution changes fast."""

from __future__ import annotations

import math

import pytest
import torch
from test_bandwidths import begin
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Widening, freeze, widen
from pinnml.adapt.shapes import NARROWEST, WIDEST, with_shape
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
    return frozen.objective, theta, with_shape(frozen.objective, theta, rule)[0]


def sizes(rule: Widening) -> list[float]:
    """R in each direction."""
    size: list[float] = torch.tensor(rule.shape, dtype=torch.float64).norm(dim=0).tolist()
    return size


@pytest.mark.parametrize("along", ["x", "y"])
def test_neurons_are_narrow_across_a_layer_and_wide_along_it(along: str, on_one_thread: None) -> None:
    across, beside = sizes(tried(steep(along=along))[2])[:: 1 if along == "x" else -1]
    assert across >= 4 * beside


def test_what_is_found_leaves_less_between_other_points(on_one_thread: None) -> None:
    objective, theta, found = tried(steep())
    points = drawn(objective, 3000, 11), drawn(objective, 1500, 12)
    usual = left_by(objective, theta, RULE.sized(400, 2), *points)
    assert left_by(objective, theta, found, *points) < 0.02 * usual


def travelling(speed: float) -> pm.Problem:
    """u_t + speed u_x = 0.001 u_xx and a pulse of width 0.3 that travels so far in all of the time."""

    def pulse(t: Tensor | float, x: Tensor) -> Tensor:
        return torch.exp(-((5 * (x + 0.5 - speed * t)) ** 2))

    return pm.Problem(
        pm.Box(t=(0, 1), x=(-1, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_t, u_x, u_xx: u_t + speed * u_x - 1e-3 * u_xx),
            "start": pm.Value(u=lambda x: pulse(0.0, x), on="t=0"),
            "ends": pm.Value(u=pulse, on=["x=-1", "x=1"]),
        },
    )


@pytest.mark.parametrize("speed", [1.0, 0.6])
def test_neurons_travel_with_a_wave(speed: float, on_one_thread: None) -> None:
    """u(x − ct) changes along (−c, 1), along (−c/2, 1) of coordinates of deviation one."""
    shape = torch.tensor(tried(travelling(speed))[2].shape, dtype=torch.float64)
    t, x = shape[:, shape.norm(dim=0).argmax()].tolist()
    assert t / x == pytest.approx(-speed / 2, abs=0.15)


def test_a_periodic_coordinate_turns_with_no_other(on_one_thread: None) -> None:
    problem = pm.Problem(
        pm.Box(t=(0, 1), x=(-1, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_t, u_x: u_t + u_x),
            "start": pm.Value(u=lambda x: torch.exp(2 * torch.sin(math.pi * x)), on="t=0"),
            "ring": pm.Periodic(u=1, along="x"),
        },
    )
    (_, first), (second, _) = tried(problem)[2].shape
    assert first == second == 0


def test_a_solution_that_is_alike_in_all_directions_gets_neurons_that_are(on_one_thread: None) -> None:
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
    found = sizes(tried(problem)[2])
    assert max(found) <= 2 * min(found)


def test_a_shape_stays_within_bounds_where_no_neurons_do(on_one_thread: None) -> None:
    noise = pm.Interior(lambda u_xx, u_yy, x, y: u_xx + u_yy - torch.sign(torch.sin(1e7 * (x + 3 * y))))
    found = sizes(tried(pm.Problem(pm.Box(x=(-1, 1), y=(-1, 1)), ["u"], conditions={"pde": noise}))[2])
    assert all(WIDEST <= size <= NARROWEST for size in found)


def test_a_search_begins_with_the_shape_that_a_rule_has(on_one_thread: None) -> None:
    objective, theta, found = tried(steep())
    assert with_shape(objective, theta, found)[0].shape == found.shape


def spread(problem: pm.Problem, shape: tuple[tuple[float, ...], ...]) -> Tensor:
    """Return the covariance of the weights of neurons, of coordinates of deviation one."""
    objective, theta = begin(problem)
    rule = Widening(20_000, 1.0, coordinates=True, shape=shape)
    renewed = widen(objective, theta, rule, torch.Generator().manual_seed(0))
    assert isinstance(renewed.objective, PinnObjective)
    network = renewed.objective.network
    assert isinstance(network, WidenedNetwork)
    weight = network.levels[0].weight
    states = network.states.evaluate(theta[: network.states.size], objective.collocation["pde"].x, [(0, 0)])[0]
    return torch.cov((weight * states[network.levels[0].read].std(1)).T) * weight.shape[1]


def test_weights_spread_as_the_shape_says() -> None:
    shape = ((8.0, 0.5), (-3.0, 1.0))
    expected = torch.tensor(shape, dtype=torch.float64)
    torch.testing.assert_close(spread(steep(), shape), expected @ expected.T, rtol=0.05, atol=0.1)


def test_sine_and_cosine_of_a_coordinate_are_spread_alike() -> None:
    ring = pm.Periodic(u=1, along="y")
    problem = pm.Problem(
        pm.Box(x=(-1, 1), y=(-1, 1)),
        ["u"],
        conditions={"pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy), "ring": ring},
    )
    expected = torch.diag(torch.tensor([4.0, 9.0, 9.0], dtype=torch.float64))
    torch.testing.assert_close(spread(problem, ((2.0, 0.0), (0.0, 3.0))), expected, rtol=0.05, atol=0.1)


def test_a_shape_of_too_few_coordinates_is_refused() -> None:
    objective, theta = begin(steep())
    with pytest.raises(pm.DeclarationError, match=r"shape has 1 rows for 2 coordinates.*give one for each"):
        widen(objective, theta, Widening(10, 1.0, coordinates=True, shape=((2.0,),)), torch.Generator())
