"""Architectures: initial parameters, activations, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from network_reference import ARCHITECTURES, LOWER, NAMES, UPPER, bound, features, points
from torch import Tensor, nn

from pinnml.errors import DeclarationError
from pinnml.io.plain import decode, encode
from pinnml.network import MLP, Activation, Custom, FourierFeatures, PeriodicEmbedding, ResNet, Sin, Tanh
from pinnml.network.activation import Asinh, Exp, Reciprocal

CPU = torch.device("cpu")


def test_initial_weights_have_glorot_variance(generator: torch.Generator) -> None:
    network = bound(MLP(width=60, depth=2), 2)
    theta = network.initial(generator, torch.float64, CPU)
    assert theta.shape == (network.size,)
    widths = [2, 60, 60, 2]
    for block, a, b in zip(network.blocks, widths[:-1], widths[1:], strict=True):
        weight, bias = theta[block.start : block.stop - b], theta[block.stop - b : block.stop]
        scatter = 4 * math.sqrt(1 / (2 * len(weight)))  # four standard deviations of the estimate
        assert float(weight.std()) / math.sqrt(2 / (a + b)) == pytest.approx(1, abs=scatter)
        assert not bias.any()


def test_initial_parameters_come_from_the_generator_alone() -> None:
    network = bound(ARCHITECTURES["resnet"], 2)
    state = torch.get_rng_state()
    draws = [network.initial(torch.Generator().manual_seed(seed), torch.float64, CPU) for seed in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    single = network.initial(torch.Generator().manual_seed(3), torch.float32, CPU)
    assert torch.equal(single, draws[0].float())
    assert torch.equal(torch.get_rng_state(), state)


def test_fourier_features_are_the_same_each_time() -> None:
    maps = [FourierFeatures(count=4, seed=seed).bind(NAMES, LOWER, UPPER) for seed in (1, 1, 2)]
    assert torch.equal(maps[0].frequency, maps[1].frequency)
    assert not torch.equal(maps[0].frequency, maps[2].frequency)
    assert maps[0].features == 3 + 2 * 4


@pytest.mark.parametrize("along", ["x", "t", ("t",), ("x", "y"), ("y", "x"), ("x", "t", "y")])
def test_periodic_coordinates_enter_by_their_waves_alone(
    along: str | tuple[str, ...], generator: torch.Generator
) -> None:
    embedding, x = PeriodicEmbedding(along, 2), points(7, 3, generator)
    found = embedding.bind(NAMES, LOWER, UPPER).jet(x, [(0, 0, 0)])[0].T
    torch.testing.assert_close(found, features(embedding, x), rtol=0, atol=1e-13)
    for axis, name in enumerate(NAMES):
        moved = x.clone()
        moved[:, axis] += UPPER[axis] - LOWER[axis]
        same = torch.allclose(features(embedding, moved), features(embedding, x), rtol=0, atol=1e-13)
        assert same == (name in embedding.axes)
    assert decode(encode(embedding), "here") == embedding


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        (Tanh(), torch.tanh),
        (Sin(), torch.sin),
        (Reciprocal(), torch.reciprocal),
        (Asinh(), torch.asinh),
        (Exp(), torch.exp),
    ],
)
def test_activations_give_their_first_five_derivatives(
    activation: Activation, function: Callable[[Tensor], Tensor]
) -> None:
    start = 1 if isinstance(activation, Reciprocal) else -4
    z = torch.linspace(start, 4, 41, dtype=torch.float64)
    found = [activation.value(z, torch.empty_like(z))]
    for order in range(6):
        if order:
            found.append(activation.following(z, found, torch.empty_like(z)))
            function = (lambda inner: lambda y: torch.func.jvp(inner, (y,), (torch.ones_like(y),))[1])(function)
        torch.testing.assert_close(found[order], function(z), rtol=0, atol=2e-14)


@pytest.mark.parametrize(
    ("kind", "arguments", "name"),
    [
        (MLP, {"width": 0}, "width"),
        (MLP, {"depth": 0}, "depth"),
        (MLP, {"width": -3}, "width"),
        (MLP, {"depth": "8"}, "depth"),
        (ResNet, {"width": 0}, "width"),
        (ResNet, {"blocks": 0}, "blocks"),
        (ResNet, {"dt": 0.0}, "dt"),
        (ResNet, {"dt": math.nan}, "dt"),
        (PeriodicEmbedding, {"along": "x", "harmonics": 0}, "harmonics"),
        (PeriodicEmbedding, {"along": ()}, "along"),
        (PeriodicEmbedding, {"along": ("x", "t", "x")}, "along"),
        (PeriodicEmbedding, {"along": ["x"]}, "along"),
        (FourierFeatures, {"count": 0}, "count"),
        (FourierFeatures, {"scale": 0.0}, "scale"),
        (Custom, {"module": torch.tanh}, "module"),
    ],
)
def test_wrong_sizes_are_refused(kind: Callable[..., object], arguments: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .*; where: "):
        kind(**arguments)


def test_unknown_coordinate_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Unknown coordinate 'z'; where: PeriodicEmbedding; valid names: x, t, y\.$"):
        MLP(embedding=PeriodicEmbedding("z")).bind(NAMES, LOWER, UPPER, 1)


class Flat(nn.Module):
    """Forgets the field axis of its result."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)[:, 0]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Tanh(), "no parameters"),
        (nn.Linear(2, 3), r"maps \(3, 2\) to \(3, 3\).*return shape \(n, 1\)"),
        (Flat(), r"to \(3,\)"),
        (nn.Linear(3, 1), r"fails on points \(3, 2\)"),
    ],
)
def test_wrong_modules_are_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(DeclarationError, match=message) as refused:
        Custom(module).bind(NAMES[:2], LOWER[:2], UPPER[:2], 1)
    assert refused.value.where == "network"
    assert refused.value.remedy


def test_bounds_may_be_whole_numbers() -> None:
    assert Custom(nn.Linear(2, 1)).bind(NAMES[:2], (0, -1), (1, 1), 1).size == 3


def test_the_users_module_stays_as_it_is() -> None:
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    network = Custom(module).bind(NAMES[:2], LOWER[:2], UPPER[:2], 1)
    theta = network.initial(torch.Generator(), torch.float64, CPU)
    network.evaluate(2 * theta, torch.zeros(3, 2, dtype=torch.float64), ((0, 0), (1, 0)))
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert torch.equal(network.initial(torch.Generator(), torch.float64, CPU), theta)
    assert [block.name for block in network.blocks] == ["0.weight", "0.bias", "2.weight", "2.bias"]
