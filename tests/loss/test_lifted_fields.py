"""Hard conditions hold for every θ, and derivatives of lifted fields are those of g + ℓN."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from loss_reference import d, forward
from torch import Tensor

from pinnml.loss import place
from pinnml.network import MLP, Workspace
from pinnml.problem import Box, Interior, Lifting, Problem, Value

ARCHITECTURE = MLP(width=5, depth=2)
SEEDS = [0, 1]


def theta_for(problem: Problem, seed: int) -> Tensor:
    network = bound(problem)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(network.size, generator=generator, dtype=torch.float64)


def bound(problem: Problem):  # type: ignore[no-untyped-def]
    box = problem.domain
    return ARCHITECTURE.bind(box.names, box.lower, box.upper, len(problem.fields))


def misfit(problem: Problem, name: str, theta: Tensor, count: int = 40) -> float:
    """Return the largest residual of a condition at random points of its region."""
    term = problem.terms[name]
    unit = partial(torch.rand, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x = term.region.sample(unit, problem.domain, inside=count, boundary=count).to(theta)
    placed = place(problem, term, bound(problem), x, torch.ones(term.region.count(x)).to(theta))
    return float(placed.at(theta, Workspace()).residual.abs().max())


def network_output(problem: Problem, theta: Tensor, x: Tensor) -> Tensor:
    box = problem.domain
    return forward(ARCHITECTURE, theta, x, (box.lower, box.upper), len(problem.fields))


def exact(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(2 * x) * y.exp() + x * y**2


@pytest.fixture(scope="module")
def poisson() -> Problem:
    """Values of one smooth function on all four sides: compatible, and zero nowhere."""
    return Problem(
        domain=Box(x=(-1, 1), y=(0, 3)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_xx, u_yy: u_xx + u_yy),
            "left": Value(u=lambda y: exact(-torch.ones_like(y), y), on="x=-1"),
            "right": Value(u=lambda y: exact(torch.ones_like(y), y), on="x=1"),
            "floor": Value(u=lambda x: exact(x, torch.zeros_like(x)), on="y=0"),
            "roof": Value(u=lambda x: exact(x, torch.full_like(x, 3)), on="y=3"),
        },
        hard={"left", "right", "floor", "roof"},
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["left", "right", "floor", "roof"])
def test_values_on_four_sides_hold(poisson: Problem, name: str, seed: int) -> None:
    assert misfit(poisson, name, theta_for(poisson, seed)) < 1e-13
    assert misfit(poisson, name, theta_for(poisson, seed).float()) < 1e-4


def test_the_interior_is_free(poisson: Problem) -> None:
    """What the lifting leaves to the network: u changes with θ everywhere inside."""
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1.6 - 0.8
    x[:, 1] += 1
    placed = place(poisson, poisson.terms["pde"], bound(poisson), x, torch.ones(50, dtype=torch.float64))
    fields = [placed.fields(theta_for(poisson, seed), Workspace())[1][0] for seed in SEEDS]
    assert ((fields[0] - fields[1]).abs() > 1e-4).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_faces_of_a_cube_hold(seed: int) -> None:
    def value(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.cos(x + 2 * y) + z**3 * x

    cube = Problem(
        domain=Box(x=(0, 1), y=(-1, 1), z=(0, 2)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_xx, u_yy, u_zz: u_xx + u_yy + u_zz),
            **{face: Value(u=value, on=face) for face in ("x=0", "x=1", "y=-1", "y=1", "z=0", "z=2")},
        },
        hard={"x=0", "x=1", "y=-1", "y=1", "z=0", "z=2"},
    )
    for name in cube.hard:
        assert misfit(cube, name, theta_for(cube, seed)) < 1e-13, name


@pytest.fixture(scope="module")
def pair() -> Problem:
    """One field lifted by the user, one by its values, one free; derivatives up to the third order."""
    return Problem(
        domain=Box(t=(0, 2), x=(-1, 1)),
        fields=["u", "v", "w"],
        parameters={"c": 0.5},
        conditions={
            "pde": Interior(lambda u, u_t, u_tt, u_txx, v, v_x, v_tx, v_txx, w, w_xx, w_txx: (u_txx, v_txx, w_txx)),
            "start": Value(u=lambda x, c: torch.sin(math.pi * x) * c, on="t=0"),
            "walls": Value(v=lambda t: t**2, on=["x=-1", "x=1"]),
            "first": Value(v=0.0, on="t=0"),
        },
        hard={"start", "walls", "first"},
        lifting=Lifting(u=(lambda t, x, c: c * torch.sin(math.pi * x) * torch.cos(t), lambda t: t**2 * torch.exp(-t))),
    )


@pytest.mark.parametrize("name", ["start", "walls", "first"])
def test_a_lifting_by_hand_stands_beside_derived_ones(pair: Problem, name: str) -> None:
    for seed in SEEDS:
        assert misfit(pair, name, theta_for(pair, seed)) < 1e-13


def test_lifted_derivatives_are_those_of_the_composed_function(pair: Problem) -> None:
    theta = theta_for(pair, 0)

    def composed(x: Tensor) -> Tensor:
        t, s = x.T
        u, v, w = network_output(pair, theta, x).T
        lifted_u = 0.5 * torch.sin(math.pi * s) * torch.cos(t) + t**2 * torch.exp(-t) * u
        lifted_v = t**2 + (t / 2) * (1 - s**2) * v
        return torch.stack([lifted_u, lifted_v, w], 1)

    x = torch.rand(20, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - torch.tensor([0, 1])
    placed = place(pair, pair.terms["pde"], bound(pair), x, torch.ones(20, dtype=torch.float64))
    jet = placed.fields(theta, Workspace())[1]
    assert len(placed.indices) == 7  # u_tt, and all below u_txx
    for channel, index in zip(jet, placed.indices, strict=True):
        reference = d(composed, "t" * index[0] + "x" * index[1])(x).T
        assert float((channel - reference).abs().max()) < 1e-12 * max(1, float(reference.abs().max())), index


def test_nothing_is_carried_for_fields_without_lifting() -> None:
    free = Problem(domain=Box(x=(0, 1)), fields=["u"], conditions={"pde": Interior(lambda u_xx: u_xx)})
    x = torch.rand(5, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    placed = place(free, free.terms["pde"], bound(free), x, torch.ones(5, dtype=torch.float64))
    assert placed.lifted is None
    reference = d(lambda y: network_output(free, theta_for(free, 0), y), "xx", "x")(x).T
    torch.testing.assert_close(placed.fields(theta_for(free, 0), Workspace())[1][2], reference, rtol=1e-12, atol=1e-13)
