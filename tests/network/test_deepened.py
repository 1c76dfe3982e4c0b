"""Residual blocks put into a chain: which ones, where θ has gone, and that files keep them."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.io.plain import decode, encode, is_complete
from pinnml.network import (
    AbstractNetwork,
    Activation,
    ChainNetwork,
    Compiled,
    DeepenedNetwork,
    FrozenNetwork,
    Growth,
    Layer,
    RandomFeatures,
    Sin,
    Tanh,
    WidenedNetwork,
    arranged,
    blocks_between,
    growth_of,
    origin_of,
    regrown,
)
from pinnml.settings import setting


def bound(architecture: pm.networks.Architecture) -> ChainNetwork:
    network = architecture.bind(("t", "x"), (0.0, 0.0), (1.0, 2.0), 2)
    assert isinstance(network, ChainNetwork)
    return network


def drawn(network: AbstractNetwork) -> Tensor:
    return network.initial(torch.Generator().manual_seed(1), torch.float64, torch.device("cpu"))


def jets(network: AbstractNetwork, theta: Tensor) -> Tensor:
    x = torch.rand(7, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return network.evaluate(theta, x, [(0, 0), (1, 0), (0, 1), (0, 2)])


def test_candidates_have_the_width_step_and_activation_of_their_place() -> None:
    blocks = blocks_between(bound(pm.ResNet(width=5, blocks=2, dt=0.5, activation=Sin())))
    assert blocks == dict.fromkeys((1, 2, 3), Layer(5, 5, Sin(), 0.5))
    assert blocks_between(bound(pm.MLP(width=4, depth=2))) == dict.fromkeys((1, 2), Layer(4, 4, Tanh(), 1.0))
    features = bound(pm.MLP()).features
    tapered = ChainNetwork(features, [Layer(2, 6, Tanh()), Layer(6, 3, Compiled(Tanh())), Layer(3, 2)])
    assert blocks_between(tapered) == {1: Layer(6, 6, Tanh(), 1.0), 2: Layer(3, 3, Compiled(Tanh()), 1.0)}


def test_old_layers_keep_their_parameters_wherever_they_go() -> None:
    network = bound(pm.ResNet(width=3, blocks=2))
    theta = drawn(network)
    new = Layer(3, 3, Tanh(), 1.0)
    deeper, sources = arranged(network, [0, new, 1, 2, new, 3])
    assert [block.kind for block in deeper.blocks] == ["input", "block", "block", "block", "block", "head"]
    assert len(sources) == deeper.size == network.size + 2 * new.size
    assert all(low.stop == high.start for low, high in pairwise(deeper.blocks))
    for before, after in ((0, 0), (1, 2), (2, 3), (3, 5)):
        old, place = network.blocks[before], deeper.blocks[after]
        assert torch.equal(theta[sources[place.start : place.stop]], theta[old.start : old.stop])
    for number in (1, 4):
        assert set(sources[deeper.blocks[number].start : deeper.blocks[number].stop].tolist()) == {-1}
    shorter, back = arranged(deeper, [0, 2, 3, 5])
    assert shorter.layers == network.layers and torch.equal(sources[back], torch.arange(network.size))
    assert origin_of(shorter) is network


def test_files_keep_what_was_inserted_beneath_what_was_frozen_and_widened() -> None:
    network = bound(pm.MLP(width=3, depth=2))
    deeper, _ = arranged(network, [0, Layer(3, 3, Sin(), 0.5), 1, 2])
    theta = drawn(deeper)
    level = RandomFeatures(torch.ones(4, 3, dtype=torch.float64), torch.zeros(4, dtype=torch.float64), torch.arange(3))
    wide = WidenedNetwork(deeper, [level])
    longer = torch.cat([theta, torch.ones(8, dtype=torch.float64)])
    cut = wide.states.size
    for grown, parameters in ((deeper, theta), (wide, longer), (FrozenNetwork(wide, longer[:cut]), longer[cut:])):
        plain = encode(growth_of(grown))
        assert is_complete(plain)
        again = regrown(network, decode(plain, "here"))
        assert type(again) is type(grown)
        assert torch.equal(jets(again, parameters), jets(grown, parameters))
        assert regrown(grown, None) is network
        assert isinstance(regrown(grown, growth_of(deeper)), DeepenedNetwork)
    assert growth_of(network) is None


@setting
class Shifted(Activation):
    """tanh + 1, which is not 0 at 0."""

    def value(self, z: Tensor, out: Tensor) -> Tensor:
        return torch.tanh(z, out=out).add_(1)

    def following(self, z: Tensor, lower: list[Tensor], out: Tensor) -> Tensor:
        raise NotImplementedError


def test_what_is_no_identity_is_refused() -> None:
    with pytest.raises(pm.DeclarationError, match=r"Shifted\(\) with weights of zero is not the identity"):
        blocks_between(bound(pm.MLP(activation=Shifted())))
    network = bound(pm.MLP(depth=1))
    with pytest.raises(pm.DeclarationError, match="no hidden states"):
        blocks_between(ChainNetwork(network.features, [Layer(2, 1)]))
    module = pm.networks.Custom(torch.nn.Linear(2, 1)).bind(("t", "x"), (0.0, 0.0), (1.0, 2.0), 1)
    for growth in (Growth((), None), Growth(None, layers=(Layer(2, 1),))):
        with pytest.raises(pm.DeclarationError, match="A ModuleNetwork cannot be"):
            regrown(module, growth)
