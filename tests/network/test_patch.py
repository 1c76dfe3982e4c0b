"""Patches: their jets, neurons that lie in them beside others, and what files may not bring."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from test_stretch import INDICES, body, points
from torch import Tensor

import pinnml as pm
from pinnml.network import Growth, Patches, RandomFeatures, StatesNetwork, WidenedNetwork, Workspace, regrown

STATES = sum(StatesNetwork(body()).widths)
PATCHES = Patches(
    torch.tensor([0, 1]),
    torch.tensor([[0.2, -0.3], [0.0, 0.5]], dtype=torch.float64),
    torch.tensor([[0.4, 0.3], [math.inf, 0.2]], dtype=torch.float64),
)


def neurons(local: bool = True, count: int = 6) -> RandomFeatures:
    """Neurons by turns in both patches, or in none."""
    generator = torch.Generator().manual_seed(count)
    weight = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    bias = torch.randn(count, generator=generator, dtype=torch.float64)
    plain = RandomFeatures(weight, bias, torch.tensor([0, 1]))
    return replace(plain, factors=STATES + torch.arange(count) % 2, patches=PATCHES) if local else plain


def jets(level: RandomFeatures, x: Tensor) -> Tensor:
    network = body()
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    states = StatesNetwork(network)
    embedded = WidenedNetwork(network, [level]).embed(x, INDICES)
    found = states.linearise(theta[: states.size], embedded, INDICES, Workspace()).values
    out = found.new_empty(len(INDICES), level.neurons, len(x))
    level.write(out, found, INDICES, Workspace())
    return out


def by_formula(level: RandomFeatures, x: Tensor) -> Tensor:
    s = torch.stack([2 * x[:, 0] - 1, x[:, 1] / 2], 1)
    z = (s - PATCHES.centres[:, None]) / PATCHES.widths[:, None]
    patch = torch.exp(-z.square().sum(2) / 2)
    assert level.factors is not None
    return torch.tanh(level.weight @ s.T + level.bias[:, None]) * patch[level.factors - STATES]


def test_local_neurons_have_the_derivatives_of_their_formula() -> None:
    level, x = neurons(), points()
    found = jets(level, x)
    for channel, index in enumerate(INDICES):
        at = x.clone().requires_grad_()
        for number in range(level.neurons):
            value = by_formula(level, at)[number]
            for axis in [axis for axis, order in enumerate(index) for _ in range(order)]:
                value = torch.autograd.grad(value.sum(), at, create_graph=True)[0][:, axis]
            torch.testing.assert_close(found[channel, number], value.detach(), rtol=1e-10, atol=1e-12)


def test_far_from_their_patch_they_are_zero_with_all_derivatives() -> None:
    narrow = replace(PATCHES, widths=PATCHES.widths / 100)
    x = torch.tensor([[0.9, 1.9]], dtype=torch.float64)
    assert not jets(replace(neurons(), patches=narrow), x).any()


def test_levels_of_plain_and_local_neurons_are_joined() -> None:
    plain, local, x = neurons(False, 4), neurons(), points()
    whole = RandomFeatures.joined([plain, local])
    assert whole.neurons == 10 and whole.patches is PATCHES
    found = jets(whole, x)
    for row in torch.cat([jets(plain, x), jets(local, x)], 1).transpose(0, 1):
        assert any(torch.allclose(row, one, rtol=1e-12, atol=1e-12) for one in found.transpose(0, 1))


def test_gradients_by_all_parameters_are_those_by_differences() -> None:
    network, x = WidenedNetwork(body(), [neurons()]), points()
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    theta[-6:] = torch.randn(6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def total(theta: Tensor) -> Tensor:
        return network.linearise(theta, network.embed(x, INDICES), INDICES, Workspace()).values.sin().sum()

    made = network.linearise(theta, network.embed(x, INDICES), INDICES, Workspace())
    gradient = made.pullback(made.values.cos())
    for number in range(0, len(theta), 7):
        step = torch.zeros_like(theta)
        step[number] = 1e-6
        slope = (total(theta + step) - total(theta - step)) / 2e-6
        assert float(gradient[number]) == pytest.approx(float(slope), rel=1e-5, abs=1e-6)


def test_a_network_grows_again_with_its_patches() -> None:
    level = neurons()
    again = regrown(body(), Growth((level,)))
    assert isinstance(again, WidenedNetwork) and again.levels[0].patches is PATCHES


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": torch.tensor([0, STATES])},
        {"rows": torch.tensor([0, -1])},
        {"rows": torch.tensor([0.0, 1.0])},
        {"rows": torch.tensor([0])},
        {"centres": torch.full((2, 2), math.nan)},
        {"centres": PATCHES.centres[:1]},
        {"widths": -PATCHES.widths},
        {"widths": PATCHES.widths[:, :1]},
    ],
)
def test_patches_that_do_not_fit_are_refused(changed: dict[str, Tensor]) -> None:
    with pytest.raises(pm.DeclarationError, match="patches"):
        regrown(body(), Growth((replace(neurons(), patches=replace(PATCHES, **changed)),)))


def test_neurons_of_a_patch_that_is_not_there_are_refused() -> None:
    level = neurons()
    assert level.factors is not None
    with pytest.raises(pm.DeclarationError, match="multiplied"):
        regrown(body(), Growth((replace(level, factors=level.factors + 1),)))
