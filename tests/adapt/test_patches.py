"""Points that gather in patches: they stand for the domain as before."""

from __future__ import annotations

import math

import pytest
import torch
from test_bandwidths import begin
from test_stretching import declared
from test_wall_layers import smooth

import pinnml as pm
from pinnml.adapt import Patch, Widening, widen
from pinnml.adapt.patches import gathered_in, on_rows, within
from pinnml.points import sample

TWO = (Patch((0.4, -0.2), (0.05, 0.1)), Patch((-1.0, 0.0), (0.1, math.inf)))


@pytest.mark.parametrize("one", TWO)
def test_points_have_the_density_that_they_are_said_to_have(one: Patch) -> None:
    unit = 2 * (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000 - 1
    s = torch.stack([unit, torch.zeros_like(unit)], 1)
    free = torch.tensor([True, False]).expand(len(s), 2)
    placed = one.placed(s, free)
    slope = (placed[2:, 0] - placed[:-2, 0]) * 5_000
    middle = slice(100, -100)  # at the tails of a normal distribution differences are no slopes
    torch.testing.assert_close(
        slope[middle], 1 / one.density(placed, free)[1:-1][middle], rtol=1e-3, atol=1e-9
    )  # fmt: skip
    assert bool((placed[:, 0].diff() > 0).all()) and torch.equal(placed[:, 1], s[:, 1])


def test_half_of_the_points_gather_in_the_patches() -> None:
    points = sample(declared(), pm.Sobol(4096), torch.Generator().manual_seed(0))
    x = gathered_in(declared(), points, TWO[:1])["pde"].x  # the box is (0, 2) × (−1, 1)
    near = ((x - x.new_tensor([1.4, -0.2])).abs() < x.new_tensor([0.1, 0.2])).all(1)
    assert float(near.double().mean()) == pytest.approx(0.5 * math.erf(math.sqrt(2)) ** 2 + 0.5 * 0.02, rel=0.05)


@pytest.mark.parametrize("patches", [TWO, TWO[:1], TWO[1:]])
def test_means_over_the_domain_and_its_walls_stay(patches: tuple[Patch, ...]) -> None:
    problem = declared()
    points = sample(problem, pm.Sobol(8192), torch.Generator().manual_seed(0))
    moved = gathered_in(problem, points, patches)
    for name, exact in (("pde", 4 / 3 + 1 / 3), ("walls", (0 + 1 / 3 + 4 + 1 / 3 + 2 * (4 / 3 + 1)) / 4)):
        x, weights = moved[name].x, moved[name].weights
        assert float(weights.sum()) == pytest.approx(1) and bool(problem.domain.contains(x).all())
        assert float((weights * x.square().sum(1)).sum()) == pytest.approx(exact, rel=0.03)
    assert not torch.equal(moved["pde"].x, points["pde"].x)
    on_walls = torch.stack([problem.domain.contains(moved["walls"].x, part) for part in problem.domain.parts])
    assert bool(on_walls.any(0).all()) and moved["seen"] is points["seen"]


def test_walls_far_from_every_patch_keep_their_points() -> None:
    points = sample(declared(), pm.Sobol(500), torch.Generator().manual_seed(0))
    assert torch.equal(gathered_in(declared(), points, TWO[:1])["walls"].x, points["walls"].x)


def test_neurons_centres_lie_within_one_width_and_within_the_domain() -> None:
    states = torch.rand(2, 500, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    corners = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    patches = on_rows(TWO, torch.arange(2), [0, 1], corners)
    first, second = (within(patches, number, states, torch.Generator().manual_seed(1)) for number in range(2))
    distance = (first - torch.tensor([[0.4], [-0.2]])).abs()
    assert bool((distance <= torch.tensor([[0.05], [0.1]]) + 1e-12).all())
    assert float(distance[0].amax()) > 0.04
    assert bool((second[0] >= states[0].min()).all()) and torch.equal(second[1], states[1])


@pytest.mark.parametrize(
    ("centre", "widths"),
    [((0.0, 2.0), (0.1, 0.1)), ((0.0,), (0.1, 0.1)), ((0.0, 0.0), (0.1, 0.0)), ((0.0,), (math.inf,))],
)
def test_patches_outside_of_the_domain_are_refused(centre: tuple[float, ...], widths: tuple[float, ...]) -> None:
    with pytest.raises(pm.DeclarationError, match=r"centre|widths"):
        Patch(centre, widths)


def test_coordinates_that_are_not_there_are_refused() -> None:
    corners = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    with pytest.raises(pm.DeclarationError, match="number 1"):
        on_rows(TWO, torch.arange(2), [0, -1], corners)


def test_more_patches_than_neurons_leave_some_without(on_one_thread: None) -> None:
    objective, theta = begin(smooth())
    many = tuple(Patch((c / 10, 0.0), (0.1, 0.1)) for c in range(-5, 5))
    rule = Widening(8, None, coordinates=True, patches=many)
    wider = widen(objective, theta, rule, torch.Generator().manual_seed(0))
    assert len(wider.theta) == len(theta) + 8
