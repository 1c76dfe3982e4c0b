"""Networks widened by random neurons against the same function written out plainly, and cut below the head."""

from __future__ import annotations

import pytest
import torch
from network_reference import ARCHITECTURES, bound, derivatives, features, parameters, points, up_to
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network import MLP, ChainNetwork, FrozenNetwork, RandomFeatures, ResNet, WidenedNetwork, Workspace

CASES = [("mlp", 2, 2), ("mlp-fourier", 2, 2), ("resnet", 2, 3), ("resnet", 3, 1), ("mlp-sin-identity", 1, 4)]


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    """Compare with the largest entry as the measure."""
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


def levels(chain: ChainNetwork, generator: torch.Generator) -> list[RandomFeatures]:
    """Two levels: one reads the last state, the other all of them."""
    network = WidenedNetwork(chain, [])
    every = range(len(network.states.widths))
    found = []
    for neurons, states in ((7, [every[-1]]), (4, every)):
        read = network.states.rows(states)
        weight = torch.randn(neurons, len(read), generator=generator, dtype=torch.float64)
        found.append(RandomFeatures(weight, torch.randn(neurons, generator=generator, dtype=torch.float64), read))
    return found


def written_out(network: WidenedNetwork, name: str, theta: Tensor, x: Tensor) -> Tensor:
    """Return the fields (n, m): the chain's states, tanh neurons on them, and a sum."""
    h = features(ARCHITECTURES[name].embedding, x)  # type: ignore[attr-defined]
    states = [h]
    for layer, block in zip(network.body.layers, network.body.blocks, strict=True):
        weight, bias = layer.split(theta[block.start : block.stop])
        z = h @ weight.T + bias
        if layer.activation is None:
            h = z
            break
        new = torch.sin(z) if "sin" in name else torch.tanh(z)
        h = new if layer.step is None else h + layer.step * new
        states.append(h)
    all_states = torch.cat(states, 1)
    begin = network.body.size
    for level in network.levels:
        count = level.neurons * h.shape[1]
        outgoing = theta[begin : begin + count].view(level.neurons, h.shape[1]).T
        h = h + torch.tanh(all_states[:, level.read] @ level.weight.T + level.bias) @ outgoing.T
        begin += count
    return h


class Case:
    def __init__(self, name: str, dimension: int, order: int) -> None:
        generator = torch.Generator().manual_seed(1)
        chain = bound(ARCHITECTURES[name], dimension)
        assert isinstance(chain, ChainNetwork)
        self.network = WidenedNetwork(chain, levels(chain, generator))
        self.theta, self.x = parameters(self.network, generator), points(5, dimension, generator)
        self.indices = up_to(order, dimension)

        def jets(theta: Tensor) -> Tensor:
            return derivatives(lambda y: written_out(self.network, name, theta, y), self.x, self.indices)

        self.values, self.jacobian = jets(self.theta), torch.func.jacrev(jets)(self.theta)
        self.cotangent = torch.randn(self.values.shape, generator=generator, dtype=torch.float64)
        self.direction = torch.randn(self.network.size, generator=generator, dtype=torch.float64)
        self.rows = torch.einsum("cmn,cmnp->np", self.cotangent, self.jacobian)
        embedded = self.network.embed(self.x, self.indices)
        self.linearised = self.network.linearise(self.theta, embedded, self.indices, Workspace())


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)), scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return Case(*request.param)


def test_jets_and_their_linearisation_are_those_of_the_plain_function(case: Case) -> None:
    close(case.linearised.values, case.values)
    close(case.linearised.pullback(case.cotangent.clone()), case.rows.sum(0))
    close(case.linearised.along(case.cotangent.clone(), case.direction), case.rows @ case.direction)


def test_rows_and_gradients_of_every_cut(case: Case) -> None:
    starts = [block.start for block in case.network.blocks]
    stops = [block.stop for block in case.network.blocks]
    for stop in stops:
        found = case.linearised.pullback(case.cotangent.clone(), stop)
        close(found, case.rows.sum(0)[:stop])
        for start in starts:
            if start < stop:
                rows = case.linearised.rows(case.cotangent.clone(), start, stop).clone()
                close(rows, case.rows[:, start:stop])


def test_zero_outgoing_weights_leave_the_network_as_it_is(case: Case) -> None:
    body = case.network.body
    theta = torch.cat([case.theta[: body.size], torch.zeros(case.network.size - body.size, dtype=torch.float64)])
    found = case.network.evaluate(theta, case.x, case.indices)
    close(found, body.evaluate(theta[: body.size], case.x, case.indices), 1e-14)


@pytest.mark.parametrize("keeps_jets", [False, True])
def test_frozen_below_the_head_it_is_the_same_function_of_the_readout(case: Case, keeps_jets: bool) -> None:
    cut = case.network.states.size
    frozen = FrozenNetwork(case.network, case.theta[:cut], keeps_jets)
    assert [block.kind for block in frozen.blocks] == ["head", "readout", "readout"]
    linearised = frozen.linearise(case.theta[cut:], frozen.embed(case.x, case.indices), case.indices, Workspace())
    close(linearised.values, case.values)
    close(linearised.pullback(case.cotangent.clone()), case.rows.sum(0)[cut:])
    rows = linearised.rows(case.cotangent.clone(), 0, frozen.size)
    close(rows, case.rows[:, cut:])


@pytest.mark.parametrize("keeps_jets", [False, True])
def test_parts_are_embedded_at_once_as_one_by_one(case: Case, keeps_jets: bool) -> None:
    frozen = FrozenNetwork(case.network, case.theta[: case.network.states.size], keeps_jets)
    parts = case.x.split([2, 1, 2])
    for network in (case.network, frozen):
        for found, x in zip(network.embed_each(parts, case.indices), parts, strict=True):
            close(found, network.embed(x, case.indices), 1e-14)


def test_blocks_of_neurons_are_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("resnet", 2, 2)
    embedded = case.network.embed(case.x, case.indices)
    monkeypatch.setattr("pinnml.network.features.BLOCK", 15)  # three neurons at five points
    linearised = case.network.linearise(case.theta, embedded, case.indices, Workspace())
    close(linearised.values, case.values)
    close(linearised.pullback(case.cotangent.clone()), case.rows.sum(0))
    rows = linearised.rows(case.cotangent.clone(), 0, case.network.size)
    close(rows, case.rows)


def test_some_layers_of_a_chain_are_frozen_too() -> None:
    chain = ResNet(width=4, blocks=3).bind(("t", "x"), (0, -1), (1, 1), 1)
    theta, indices = parameters(chain, torch.Generator().manual_seed(2)), up_to(2, 2)
    x = points(6, 2, torch.Generator().manual_seed(3))
    cut = chain.blocks[2].start
    found = FrozenNetwork(chain, theta[:cut]).evaluate(theta[cut:], x, indices)
    close(found, chain.evaluate(theta, x, indices), 1e-13)


def test_a_network_is_cut_between_layers_only() -> None:
    chain = MLP(width=3, depth=2).bind(("x",), (0,), (1,), 1)
    with pytest.raises(DeclarationError, match="cannot be cut after 5 parameters"):
        FrozenNetwork(chain, torch.zeros(5))
