"""Stretched coordinates: their jets, neurons that read them beside others, and what files may not bring."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.network import (
    Growth,
    RandomFeatures,
    StatesNetwork,
    Stretch,
    WidenedNetwork,
    Workspace,
    growth_of,
    regrown,
)
from pinnml.network.chain import ChainNetwork
from pinnml.network.indices import closure

INDICES = closure([(2, 0), (1, 1), (0, 2)], 2)
STRETCH = Stretch(
    torch.tensor([1]),
    torch.tensor([[-1.0, 1.0]], dtype=torch.float64),
    torch.tensor([[0.1, math.inf]], dtype=torch.float64),
)


def body() -> ChainNetwork:
    network = pm.ResNet(width=3, blocks=2).bind(["t", "x"], [0.0, -2.0], [1.0, 2.0], 1)
    assert isinstance(network, ChainNetwork)
    return network


def neurons(stretch: Stretch | None = STRETCH, count: int = 5) -> RandomFeatures:
    """Neurons that read t as it is and x as the stretch has it."""
    generator = torch.Generator().manual_seed(count)
    weight = torch.randn(count, 2 if stretch else 1, generator=generator, dtype=torch.float64)
    bias = torch.randn(count, generator=generator, dtype=torch.float64)
    return RandomFeatures(weight, bias, torch.tensor([0]), stretch=stretch)


def value_of(level: RandomFeatures) -> Callable[[Tensor], Tensor]:
    """The neurons (m, n) of points (n, 2) by their formula alone."""

    def value(x: Tensor) -> Tensor:
        t, s = 2 * x[:, 0] - 1, x[:, 1] / 2
        read = torch.stack([t, torch.asinh((s + 1) / 0.1)])
        return torch.tanh(level.weight @ read + level.bias[:, None])

    return value


def jets(levels: list[RandomFeatures], x: Tensor) -> Tensor:
    network = body()
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    states = StatesNetwork(network)
    wide = WidenedNetwork(network, levels)
    found = states.linearise(theta[: states.size], wide.embed(x, INDICES), INDICES, Workspace()).values
    out = found.new_empty(len(INDICES), levels[0].neurons, len(x))
    levels[0].write(out, found, INDICES, Workspace())
    return out


def points() -> Tensor:
    unit = torch.rand(20, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return unit * torch.tensor([1.0, 4.0]) - torch.tensor([0.0, 2.0])


def test_neurons_on_a_stretched_coordinate_have_the_derivatives_of_their_formula() -> None:
    level, x = neurons(), points()
    value, found = value_of(level), jets([level], x)
    for channel, index in enumerate(INDICES):
        function = value
        for axis, order in enumerate(index):
            for _ in range(order):
                unit = torch.zeros_like(x)
                unit[:, axis] = 1
                function = (lambda inner, way: lambda y: torch.func.jvp(inner, (y,), (way,))[1])(function, unit)
        torch.testing.assert_close(found[channel], function(x), rtol=1e-10, atol=1e-10)


def test_levels_of_plain_and_stretched_neurons_are_joined() -> None:
    plain, stretched, x = neurons(None, 4), neurons(count=6), points()
    whole = RandomFeatures.joined([plain, stretched])
    assert whole.neurons == 10 and whole.weight.shape == (10, 2)
    found = jets([whole], x)
    rows = torch.cat([jets([plain], x), jets([stretched], x)], 1)
    for row in rows.transpose(0, 1):
        assert any(torch.allclose(row, one, rtol=1e-12, atol=1e-12) for one in found.transpose(0, 1))


def test_derivatives_by_all_parameters_do_not_need_the_stretch() -> None:
    """What is stretched are coordinates, which no parameter changes: gradients are those by differences."""
    level, x = neurons(), points()
    network = WidenedNetwork(body(), [level])
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    theta[-level.neurons :] = torch.randn(5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def total(theta: Tensor) -> Tensor:
        values = network.linearise(theta, network.embed(x, INDICES), INDICES, Workspace()).values
        return values.sin().sum()

    made = network.linearise(theta, network.embed(x, INDICES), INDICES, Workspace())
    gradient = made.pullback(made.values.cos())
    for number in (0, 5, network.size - 2):
        step = torch.zeros_like(theta)
        step[number] = 1e-5
        change = (total(theta + step) - total(theta - step)) / 2e-5
        assert float(change) == pytest.approx(float(gradient[number]), rel=1e-6, abs=1e-6)


def test_a_network_grows_again_with_its_stretch() -> None:
    network = WidenedNetwork(body(), [neurons()])
    again = regrown(body(), growth_of(network))
    assert isinstance(again, WidenedNetwork) and again.levels[0].stretch is STRETCH


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": torch.tensor([99])},
        {"rows": torch.tensor([1.0])},
        {"centres": torch.tensor([[math.nan, 0.0]], dtype=torch.float64)},
        {"widths": torch.tensor([[0.0, 1.0]], dtype=torch.float64)},
        {"widths": torch.tensor([[1.0]], dtype=torch.float64)},
    ],
)
def test_a_stretch_that_does_not_fit_is_refused(changed: dict[str, Tensor]) -> None:
    level = neurons(replace(STRETCH, **changed))
    with pytest.raises(pm.DeclarationError, match="stretched"):
        regrown(body(), Growth((level,)))


def test_weights_without_a_column_for_the_stretch_are_refused() -> None:
    level = replace(neurons(None), stretch=STRETCH)
    with pytest.raises(pm.DeclarationError, match="go together"):
        regrown(body(), Growth((level,)))
