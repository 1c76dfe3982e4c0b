"""What solutions have where a start and a wall do not go together, as features, and neurons multiplied by these."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network import (
    MLP,
    Crossed,
    InitialLayer,
    Normalised,
    RandomFeatures,
    WidenedNetwork,
    WithGeometry,
    Workspace,
    closure,
    nested,
)
from pinnml.network.growth import growth_of, regrown

KAPPA, INDICES = 0.7, closure([(2, 2, 0), (1, 1, 1), (0, 2, 1)], 3)
NAMES, LOWER, UPPER = ["t", "x", "y"], [0.0] * 3, [1.0] * 3


def from_rim(x: Tensor) -> Tensor:
    """The distance from a circle of radius ½, of points in which time comes first."""
    return torch.linalg.vector_norm(x[:, 1:], dim=1) - 0.5


def layer(order: int, divided: int = 0) -> InitialLayer:
    return InitialLayer(0, 0.0, 1.0, KAPPA, from_rim, order, divided)


def points(count: int = 20) -> Tensor:
    return 0.6 + torch.rand(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def integrated(order: int, t: Tensor, d: Tensor) -> Tensor:
    """(4κt)^{n/2} iⁿerfc by its definition, n integrations of erfc, in closed form; for n > 2 by the recurrence."""
    z = d / (4 * KAPPA * t).sqrt()
    gauss, erfc = torch.exp(-z.square()) / math.sqrt(math.pi), torch.erfc(z)
    known = [erfc, gauss - z * erfc, ((1 + 2 * z.square()) * erfc - 2 * z * gauss) / 4]
    for n in range(3, order + 1):  # 2n iⁿerfc z = iⁿ⁻²erfc z − 2z iⁿ⁻¹erfc z
        known.append((known[-2] / 2 - z * known[-1]) / n)
    return (4 * KAPPA * t) ** (order / 2) * known[order]


@pytest.mark.parametrize("divided", [0, 1])
@pytest.mark.parametrize("order", [0, 1])
def test_derivatives_are_those_of_autograd(order: int, divided: int) -> None:
    jet = layer(order, divided).jet(points(), INDICES)
    for row in range(2):
        x = points().requires_grad_()
        values = integrated(order + row, x[:, 0], from_rim(x)) * x[:, 0] ** -divided
        torch.testing.assert_close(jet[:, row], nested(values, x, INDICES), rtol=1e-11, atol=1e-11)


def test_along_a_plane_they_solve_the_heat_equation() -> None:
    indices = closure([(1, 0), (0, 2)], 2)
    plane = InitialLayer(0, 0.0, 1.0, KAPPA, lambda x: x[:, 1], 0)
    jet = plane.jet(points()[:, :2], indices)
    torch.testing.assert_close(jet[indices.index((1, 0))], KAPPA * jet[indices.index((0, 2))])


def test_features_are_finite_at_the_start_at_the_wall_and_behind_it() -> None:
    x = torch.tensor([[0.0, 0.5, 0.0], [0.5, 0.5, 0.0], [1e-9, 0.1, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    assert bool(layer(1, 1).jet(x, INDICES[:6]).isfinite().all())
    torch.testing.assert_close(layer(0).jet(x, INDICES[:1])[0, 0, [0, 3]], x.new_tensor([1.0, 0.0]))


def multiplied(factors: bool = True) -> WidenedNetwork:
    """A network with 5 neurons on the coordinates, some of which are multiplied by features of a layer."""
    embedding = WithGeometry(Normalised(), singular=(layer(0),))
    body = MLP(4, 2, embedding=embedding).bind(NAMES, LOWER, UPPER, 1)
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    bias = torch.randn(5, generator=generator, dtype=torch.float64)
    numbers = torch.tensor([3, -1, 4, 3, -1])
    return WidenedNetwork(body, [RandomFeatures(weight, bias, torch.arange(3), factors=numbers if factors else None)])


def test_neurons_are_multiplied_by_their_factors() -> None:
    network = multiplied()
    level = network.levels[0]
    theta = torch.zeros(network.size, dtype=torch.float64)
    theta[-5:] = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.5])
    found = network.evaluate(theta, points(), INDICES)
    x = points().requires_grad_()
    values = torch.tanh(level.weight @ (2 * x - 1).T + level.bias[:, None])
    ones = torch.ones(len(x), dtype=torch.float64)
    first, second = (integrated(order, x[:, 0], from_rim(x)) for order in (0, 1))
    product = theta[-5:] @ (values * torch.stack([first, ones, second, first, ones]))
    torch.testing.assert_close(found[:, 0], nested(product, x, INDICES), rtol=1e-11, atol=1e-11)


def test_the_way_back_through_products_is_the_transpose() -> None:
    """Of neurons on a hidden state, whose parameters the gradient must reach."""
    network = multiplied()
    level = replace(network.levels[0], read=torch.arange(5, 8))
    network = WidenedNetwork(network.body, [level])
    generator = torch.Generator().manual_seed(2)
    theta, direction = (torch.randn(network.size, generator=generator, dtype=torch.float64) for _ in range(2))
    linearisation = network.linearise(theta, network.embed(points(), INDICES), INDICES, Workspace())
    cotangent = torch.randn(linearisation.values.shape, generator=generator, dtype=torch.float64)
    gradient = linearisation.pullback(cotangent.clone())
    h = 1e-6
    ends = [network.evaluate(theta + sign * h * direction, points(), INDICES) for sign in (1, -1)]
    slope = float(((ends[0] - ends[1]) * cotangent).sum()) / (2 * h)
    assert float(gradient.dot(direction)) == pytest.approx(slope, rel=1e-6)


def test_joined_levels_keep_their_factors() -> None:
    plain, times = multiplied(factors=False).levels[0], multiplied().levels[0]
    joined = RandomFeatures.joined([plain, times])
    assert joined.factors is not None
    assert sorted(joined.factors.tolist()) == [-1] * 7 + [3, 3, 4]
    own = joined.bias[joined.factors == 4]
    torch.testing.assert_close(own, times.bias[2:3])
    assert RandomFeatures.joined([plain, plain]).factors is None


@pytest.mark.parametrize(
    ("factors", "fault"),
    [
        (torch.tensor([3, -1, 4, 3]), "one factor each"),
        (torch.zeros(5), "one factor each"),
        (torch.full((5,), 99), "multiplied by others"),
    ],
)
def test_factors_in_a_file_belong_to_the_network(factors: Tensor, fault: str) -> None:
    network = multiplied()
    grown = growth_of(network)
    assert grown is not None and grown.levels is not None
    assert isinstance(regrown(network.body, grown), WidenedNetwork)
    wrong = replace(grown, levels=(replace(grown.levels[0], factors=factors),))
    with pytest.raises(DeclarationError, match=fault):
        regrown(network.body, wrong)


def test_products_of_two_layers_are_those_of_autograd() -> None:
    second = InitialLayer(0, 0.0, 1.0, KAPPA, lambda x: x[:, 2], 1)
    crossed = Crossed(layer(0), second)
    assert (crossed.pairs, crossed.features, crossed.is_certain) == (2, 4, True)
    found = crossed.jet(points(), INDICES)
    x = points().requires_grad_()
    for row, (one, other) in enumerate([(0, 1), (1, 1), (0, 2), (1, 2)]):
        values = integrated(one, x[:, 0], from_rim(x)) * integrated(other, x[:, 0], x[:, 2])
        torch.testing.assert_close(found[:, row], nested(values, x, INDICES), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("order", [2, 3])
def test_where_the_wall_is_held_differences_are_divided_by_the_distance(order: int) -> None:
    """Near the wall and away from it; differences of numbers that nearly agree cost some digits here, not there."""
    layer = InitialLayer(0, 0.0, 1.0, KAPPA, lambda x: x[:, 1], order, 1, held=True)
    indices = closure([(1, 2)], 2)
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(400, 2, generator=generator, dtype=torch.float64) * torch.tensor([0.5, 3.0]) + 0.05
    found = layer.jet(x, indices)
    for row in range(2):
        y = x.clone().requires_grad_()
        t, d = y[:, 0], y[:, 1]
        values = (integrated(order + row, t, 0 * d) - integrated(order + row, t, d)) / d / t
        torch.testing.assert_close(found[:, row], nested(values, y, indices), rtol=1e-8, atol=1e-8)
    assert bool(layer.jet(torch.zeros(1, 2, dtype=torch.float64), indices).isfinite().all())
