"""Jets carried forward equal nested autograd through the same chain as a foreign module."""

from __future__ import annotations

import pytest
import torch
from network_reference import (
    ARCHITECTURES,
    LOWER,
    NAMES,
    UPPER,
    as_module,
    bound,
    derivatives,
    functional,
    inverted,
    parameters,
    plain,
    points,
    up_to,
)
from torch import Tensor

from pinnml.network import MLP, Hole, Inverted, Normalised, PeriodicEmbedding, ResNet, closure


def relative(found: Tensor, expected: Tensor) -> float:
    """The largest error of a channel and field, relative to its largest value."""
    return float(((found - expected).abs().amax(-1) / expected.abs().amax(-1).clamp(min=1e-3)).max())


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_jets_equal_nested_autograd(name: str, dimension: int, generator: torch.Generator) -> None:
    architecture, indices = ARCHITECTURES[name], up_to(4 if dimension < 3 else 3, dimension)
    network = bound(architecture, dimension)
    theta, x = parameters(network, generator), points(7, dimension, generator)
    jets = network.evaluate(theta, x, indices)
    module = as_module(architecture, dimension, theta)
    assert torch.equal(module.initial(generator, torch.float64, torch.device("cpu")), theta)
    assert jets.shape == (len(indices), 2, 7)
    assert relative(jets, module.evaluate(theta, x, indices)) < 1e-12


@pytest.mark.parametrize("name", ["mlp", "resnet", "resnet-sin-periodic"])
def test_jets_equal_forward_mode(name: str, generator: torch.Generator) -> None:
    """A third way to the same derivatives, which neither the chain nor the module shares."""
    indices = closure([(1, 2, 1), (4, 0, 0)], 3)
    network = bound(ARCHITECTURES[name], 3)
    theta, x = parameters(network, generator), points(5, 3, generator)
    call = functional(plain(ARCHITECTURES[name], 3, theta))
    expected = derivatives(lambda y: call(theta, y), x, indices)
    assert relative(network.evaluate(theta, x, indices), expected) < 1e-12


def test_inversions_have_their_derivatives(generator: torch.Generator) -> None:
    hole, indices, x = Hole(0.4, {"t": -0.3, "y": 2.5}), up_to(4, 3), points(5, 3, generator)
    jets = Inverted((hole,)).bind(NAMES, LOWER, UPPER).jet(x, indices)[:, 3:]
    assert relative(jets, derivatives(lambda y: inverted(hole, y), x, indices)) < 1e-12


@pytest.mark.parametrize("wanted", [[(0, 2)], [(1, 0), (0, 2)], [(1, 2)], [(2, 2)], [(0, 0)]])
def test_channels_do_not_depend_on_what_else_is_carried(
    wanted: list[tuple[int, int]], generator: torch.Generator
) -> None:
    network, everything = bound(ARCHITECTURES["resnet"], 2), up_to(4, 2)
    theta, x = parameters(network, generator), points(7, 2, generator)
    indices = closure(wanted, 2)
    carried = dict(zip(everything, network.evaluate(theta, x, everything), strict=True))
    expected = torch.stack([carried[index] for index in indices])
    torch.testing.assert_close(network.evaluate(theta, x, indices), expected, rtol=1e-13, atol=1e-13)


def test_residual_blocks_with_a_smaller_step_differ(generator: torch.Generator) -> None:
    network = bound(ResNet(width=4, blocks=2, dt=1e-3), 1)
    flat = bound(ResNet(width=4, blocks=2, dt=1e-12), 1)
    theta, x = parameters(network, generator), points(5, 1, generator)
    change = (network.evaluate(theta, x, up_to(2, 1)) - flat.evaluate(theta, x, up_to(2, 1))).abs().max()
    assert 1e-5 < change < 1e-1


@pytest.mark.parametrize("architecture", [MLP, ResNet])
@pytest.mark.parametrize("harmonics", [1, 3])
def test_periodic_embedding_is_periodic_in_all_derivatives(
    architecture: type[MLP] | type[ResNet], harmonics: int, generator: torch.Generator
) -> None:
    network = bound(architecture(width=6, embedding=PeriodicEmbedding("x", harmonics)), 2)
    theta, x, indices = parameters(network, generator), points(9, 2, generator), up_to(4, 2)
    at_lower = network.evaluate(theta, torch.cat([torch.full((9, 1), LOWER[0]), x[:, 1:]], 1), indices)
    at_upper = network.evaluate(theta, torch.cat([torch.full((9, 1), UPPER[0]), x[:, 1:]], 1), indices)
    a_period_on = network.evaluate(theta, x + torch.tensor([UPPER[0] - LOWER[0], 0]), indices)
    assert relative(at_upper, at_lower) < 1e-12
    assert relative(a_period_on, network.evaluate(theta, x, indices)) < 1e-12
    assert relative(at_upper, a_period_on) > 1e-2


def test_normalised_box_fills_the_cube() -> None:
    features = Normalised().bind(NAMES, LOWER, UPPER)
    ends = torch.tensor([LOWER, UPPER], dtype=torch.float64)
    jet = features.jet(ends, closure([(1, 1, 0)], 3))
    torch.testing.assert_close(jet[0].T, torch.tensor([[-1.0] * 3, [1.0] * 3], dtype=torch.float64))
    torch.testing.assert_close(jet[1, :, 0], torch.tensor([2 / 3, 0, 0], dtype=torch.float64))
    torch.testing.assert_close(jet[2, :, 0], torch.tensor([0, 4.0, 0], dtype=torch.float64))
    assert not jet[3].any()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_single_precision_agrees(name: str, generator: torch.Generator) -> None:
    network, indices = bound(ARCHITECTURES[name], 2), up_to(2, 2)
    theta, x = parameters(network, generator), points(50, 2, generator)
    single = network.evaluate(theta.float(), x.float(), indices)
    assert single.dtype == torch.float32
    exact = network.evaluate(theta, x, indices)
    assert ((single - exact).abs().amax((1, 2)) < 1e-5 * exact.abs().amax((1, 2)).clamp(min=1)).all()
