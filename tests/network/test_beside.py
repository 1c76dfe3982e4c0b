"""Chains side by side: jets of fields of fewer coordinates, their linearisation, and parts of such a network."""

from __future__ import annotations

import pytest
import torch
from network_reference import ARCHITECTURES, LOWER, NAMES, UPPER, bound, parameters, points, up_to
from torch import nn

from pinnml.errors import DeclarationError
from pinnml.network import MLP, AbstractNetwork, BesideNetwork, Custom, Workspace, bind_beside

GROUPS = ((0, 1, 2), (0, 2), (0, 1, 2), (1,))
CHAINS = sorted(set(ARCHITECTURES) - {"mlp-fourier"})  # whose features are not those of fewer coordinates


def network_of(name: str = "resnet") -> AbstractNetwork:
    return bind_beside(ARCHITECTURES[name], NAMES, LOWER, UPPER, GROUPS)


def test_fields_of_all_coordinates_have_the_network_of_the_architecture() -> None:
    one = bind_beside(MLP(5, 2), NAMES, LOWER, UPPER, [(0, 1, 2)] * 2)
    assert [block.shape for block in one.blocks] == [block.shape for block in bound(MLP(5, 2), 3).blocks]
    assert not isinstance(one, BesideNetwork)


def test_jets_are_those_of_each_chain_and_zero_along_other_coordinates(generator: torch.Generator) -> None:
    architecture, indices = ARCHITECTURES["resnet"], up_to(2, 3)
    network, x = network_of(), points(7, 3, generator)
    theta = parameters(network, generator)
    jets = network.evaluate(theta, x, indices)
    start = 0
    for axes in dict.fromkeys(GROUPS):
        rows = [number for number, own in enumerate(GROUPS) if own == axes]
        box = [[bounds[axis] for axis in axes] for bounds in (NAMES, LOWER, UPPER)]
        alone = architecture.bind(box[0], box[1], box[2], len(rows))  # type: ignore[arg-type]
        own = [tuple(index[axis] for axis in axes) for index in indices]
        expected = alone.evaluate(theta[start : start + alone.size], x[:, list(axes)], sorted(set(own), key=sum))
        start += alone.size
        for channel, index in enumerate(indices):
            is_zero = any(order and axis not in axes for axis, order in enumerate(index))
            wanted = 0 * expected[0] if is_zero else expected[sorted(set(own), key=sum).index(own[channel])]
            torch.testing.assert_close(jets[channel, rows], wanted, rtol=1e-13, atol=1e-13)
    assert start == network.size


@pytest.mark.parametrize("name", CHAINS)
def test_the_linearisation_is_the_derivative_by_all_parameters(name: str, generator: torch.Generator) -> None:
    network, x, indices = network_of(name), points(3, 3, generator), up_to(2, 3)
    theta, embedded = parameters(network, generator), network.embed(x, indices)
    found = network.linearise(theta, embedded, indices, Workspace())
    weights = torch.randn(found.values.shape, generator=generator, dtype=torch.float64)
    direction, step = torch.randn(network.size, generator=generator, dtype=torch.float64), 1e-6
    ahead, behind = (network.evaluate(theta + sign * step * direction, x, indices) for sign in (1, -1))
    slope = (weights * (ahead - behind)).sum((0, 1)) / (2 * step)
    torch.testing.assert_close(found.along(weights, direction), slope, rtol=1e-6, atol=1e-6)
    rows = found.rows(weights, 0, network.size)
    torch.testing.assert_close(rows @ direction, slope, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.pullback(weights), rows.sum(0))
    for block in network.blocks:
        torch.testing.assert_close(found.pullback(weights, block.stop), rows.sum(0)[: block.stop])
        torch.testing.assert_close(found.rows(weights, block.start, block.stop), rows[:, block.start : block.stop])


def test_parts_one_after_another_are_the_whole(generator: torch.Generator) -> None:
    network, x, indices = network_of(), points(4, 3, generator), up_to(1, 3)
    theta = parameters(network, generator)
    whole, jets = network.evaluate(theta, x, indices), network.embed(x, indices)
    for number, block in enumerate(network.blocks):
        part, tail = network.part(block.start, block.stop), network.part(block.start, network.size)
        assert part is not None and tail is not None
        assert [one.kind for one in tail.blocks] == [one.kind for one in network.blocks[number:]]
        ended = tail.linearise(theta[block.start :], jets, indices, Workspace()).values
        torch.testing.assert_close(ended, whole, rtol=1e-13, atol=1e-13)
        jets = part.linearise(theta[block.start : block.stop], jets, indices, Workspace()).values
    torch.testing.assert_close(jets, whole, rtol=1e-13, atol=1e-13)
    assert network.part(1, network.size) is None and network.part(0, 0) is None


def test_a_part_of_a_part_is_a_part(generator: torch.Generator) -> None:
    network, x, indices = network_of(), points(4, 3, generator), up_to(1, 3)
    theta, blocks = parameters(network, generator), network.blocks
    below, tail = network.part(0, blocks[6].start), network.part(blocks[6].start, network.size)
    assert below is not None and tail is not None
    jets = below.linearise(theta[: blocks[6].start], network.embed(x, indices), indices, Workspace()).values
    for cut in tail.blocks[1:]:
        first, second = tail.part(0, cut.start), tail.part(cut.start, tail.size)
        assert first is not None and second is not None
        own = theta[blocks[6].start :]
        middle = first.linearise(own[: cut.start], jets, indices, Workspace()).values
        ended = second.linearise(own[cut.start :], middle, indices, Workspace()).values
        torch.testing.assert_close(ended, network.evaluate(theta, x, indices), rtol=1e-13, atol=1e-13)


def test_rows_of_half_a_layer_are_refused(generator: torch.Generator) -> None:
    network, indices = network_of(), up_to(1, 3)
    found = network.linearise(
        parameters(network, generator), network.embed(points(2, 3, generator), indices), indices, Workspace()
    )
    with pytest.raises(DeclarationError, match="whole layers"):
        found.rows(torch.ones_like(found.values), 0, network.blocks[0].stop - 1)


def test_a_module_is_refused() -> None:
    with pytest.raises(DeclarationError, match="A Custom is no chain of layers"):
        bind_beside(Custom(nn.Linear(2, 2)), NAMES[:2], LOWER[:2], UPPER[:2], [(0, 1), (0,)])
