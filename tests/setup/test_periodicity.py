"""The default network of a periodic problem: along which coordinates it is periodic, and with how many harmonics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_problems import TINY, heat, ring
from torch import Tensor

import pinnml as pm
from pinnml.io.plain import decode, encode
from pinnml.setup import arrange, fit_network
from pinnml.setup.periodicity import harmonics_of


def wave(k: int) -> Callable[[Tensor], Tensor]:
    """The k-th harmonic on (−1, 1)."""
    return lambda x: torch.sin(math.pi * k * x + 0.3)


def turning(residual: Callable[..., Tensor], start: Callable[..., Tensor] | float = 1.0, **more: Any) -> pm.Problem:
    """An equation on a ring of length two."""
    conditions = {
        "pde": pm.Interior(residual),
        "start": pm.Value(u=start, on="t=0"),
        "ring": pm.Periodic(u=1, along="x"),
    }
    return pm.Problem(pm.Box(t=(0, 1), x=(-1, 1)), ["u"], conditions=conditions | more)


def transport(u_t: Tensor, u_x: Tensor) -> Tensor:
    return u_t + 30 * u_x


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("hard", [(), ("start",)])
def test_a_linear_equation_needs_the_harmonics_of_its_data(k: int, hard: tuple[str, ...]) -> None:
    conditions = turning(transport, wave(k)).conditions
    problem = pm.Problem(pm.Box(t=(0, 1), x=(-1, 1)), ["u"], conditions=conditions, hard=hard)
    assert harmonics_of(problem, 1) == k


@pytest.mark.parametrize(
    ("residual", "start", "expected"),
    [
        (transport, wave(7), 4),
        (transport, lambda x: wave(1)(x) + 0.09 * wave(3)(x), 1),
        (transport, lambda x: wave(1)(x) + 0.11 * wave(3)(x), 3),
        (transport, 1.0, 3),
        (lambda u_t, u_x, t: u_t + 30 * t * u_x, wave(1), 1),
        (lambda u_t, u_x, x: u_t + torch.cos(x) * u_x, wave(1), 3),
        (lambda u_t, u, u_x: u_t + u * u_x, wave(1), 3),
        (lambda u_t, u, u_x: u_t + u * u_x, wave(4), 4),
        (lambda u_t, u_xx, x: u_t - u_xx - wave(2)(x), wave(1), 2),
        (lambda u_t, u_xx, t, x: u_t - u_xx - t * wave(4)(x), 1.0, 4),
    ],
)
def test_harmonics_by_data_and_equation(residual: Any, start: Any, expected: int) -> None:
    assert harmonics_of(turning(residual, start), 1) == expected


def test_measurements_and_values_on_the_sides_say_nothing_of_harmonics() -> None:
    probe = pm.Data({"t": [0.5, 0.6], "x": [0.1, 0.2]}, u=[5.0, -5.0])
    pinned = pm.Value(u=lambda t, x: t * wave(4)(x), on="x=1")
    assert harmonics_of(turning(transport, wave(1), probe=probe, pinned=pinned), 1) == 1


def test_functions_that_raise_are_left_to_the_check() -> None:
    def broken(x: Tensor) -> Tensor:
        raise RuntimeError

    assert harmonics_of(turning(transport, broken), 1) == 3
    with pytest.raises(pm.DeclarationError, match="raises RuntimeError"):
        pm.solve(turning(transport, broken), stop=pm.Iterations(0))


def box(*along: str, **more: Any) -> pm.Problem:
    """−Δu = f on a square that is periodic along some coordinates."""
    conditions: dict[str, Any] = {"pde": pm.Interior(lambda u_xx, u_yy, x: u_xx + u_yy - torch.sin(math.pi * x))}
    conditions |= {f"ring {name}": pm.Periodic(along=name, u=1) for name in along}
    return pm.Problem(pm.Box(x=(-1, 1), y=(0, 1)), ["u"], conditions=conditions | more)


def test_the_embedding_is_along_every_periodic_coordinate() -> None:
    assert fit_network(TINY, box()) == TINY
    assert fit_network(pm.MLP(4, 1), box("x")) == pm.MLP(4, 1, pm.PeriodicEmbedding("x", 1))
    assert fit_network(pm.ResNet(4, 1), box("x", "y")) == pm.ResNet(
        4,
        1,
        embedding=pm.PeriodicEmbedding(("x", "y"), 3),  # the data do not vary along y
    )
    module = pm.networks.Custom(torch.nn.Linear(2, 1))
    assert fit_network(module, box("x")) is module


def test_a_problem_is_periodic_only_in_all_that_its_equation_asks_for() -> None:
    values = {"ring x": pm.Periodic(along="x", u=0)}
    wall = {"wall": pm.Value(u=0.0, on="x=1")}
    assert fit_network(TINY, box(**values)) != TINY
    assert fit_network(TINY, box(**values, **wall)) == TINY
    assert fit_network(TINY, box("x", **wall)) != TINY
    both = pm.Problem(
        ring().domain,
        ["u", "v"],
        conditions={"pde": pm.Interior(lambda u_t, v_x: u_t - v_x), "ring": pm.Periodic(along="x", u=1)},
    )
    assert fit_network(TINY, both) == TINY


def test_the_default_network_is_fitted_and_a_given_one_is_not() -> None:
    assert arrange(ring()).network == pm.ResNet(embedding=pm.PeriodicEmbedding("x", 1))
    assert arrange(ring(), pm.ResNet()).network == pm.ResNet()
    assert arrange(heat()).network == pm.ResNet()


def test_the_default_network_looks_into_the_holes_of_the_domain() -> None:
    holed = pm.Box(t=(0, 1)) * (pm.Box(x=(-1, 1), y=(-1, 1)) - pm.domains.Ball(0.25, x=0.5, y=0))
    problem = pm.Problem(holed, ["u"], conditions={"pde": pm.Interior(lambda u_t, u_xx: u_t - u_xx)})
    inverted = pm.networks.Inverted((pm.networks.Hole(0.25, {"x": 0.5, "y": 0.0}),))
    assert arrange(problem).network == pm.ResNet(embedding=inverted)
    assert decode(encode(inverted), "here") == inverted
    assert fit_network(pm.MLP(4, 1), problem) == pm.MLP(4, 1, inverted)


def test_a_periodic_problem_with_a_hole_has_both_embeddings() -> None:
    domain = pm.Box(z=(-1, 1)) * (pm.Box(x=(-1, 1), y=(0, 1)) - pm.domains.Ball(0.25, x=0, y=0.5))
    conditions: dict[str, Any] = {"pde": pm.Interior(lambda u_zz, z: u_zz - torch.sin(math.pi * z))}
    conditions["ring"] = pm.Periodic(along="z", u=1)
    found = fit_network(pm.ResNet(), pm.Problem(domain, ["u"], conditions=conditions))
    hole = pm.networks.Hole(0.25, {"x": 0.0, "y": 0.5})
    assert found == pm.ResNet(embedding=pm.networks.Inverted((hole,), pm.PeriodicEmbedding("z", 1)))
