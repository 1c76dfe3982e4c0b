"""Blocks: what each part of θ holds and does, in whole networks and in those cut from them."""

from __future__ import annotations

import pytest
import torch
from network_reference import ARCHITECTURES, LOWER, NAMES, UPPER, bound
from torch import nn

from pinnml.network import MLP, AbstractNetwork, Architecture, Block, Custom, FourierFeatures, ResNet


def shapes(network: AbstractNetwork) -> list[tuple[int, ...]]:
    return [block.shape for block in network.blocks]


def kinds(network: AbstractNetwork) -> list[str]:
    return [block.kind for block in network.blocks]


EQUALLY_WIDE = FourierFeatures(count=2)  # two coordinates, two sines and two cosines: as many features as neurons


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        (MLP(width=6, depth=1), [("input", (6, 2)), ("head", (3, 6))]),
        (MLP(width=6, depth=3), [("input", (6, 2)), ("layer", (6, 6)), ("layer", (6, 6)), ("head", (3, 6))]),
        (MLP(width=3, depth=2), [("input", (3, 2)), ("layer", (3, 3)), ("head", (3, 3))]),
        (ResNet(width=5, blocks=2), [("input", (5, 2)), ("block", (5, 5)), ("block", (5, 5)), ("head", (3, 5))]),
        (MLP(width=6, depth=2, embedding=EQUALLY_WIDE), [("input", (6, 6)), ("layer", (6, 6)), ("head", (3, 6))]),
        (ResNet(width=6, blocks=1, embedding=EQUALLY_WIDE), [("input", (6, 6)), ("block", (6, 6)), ("head", (3, 6))]),
    ],
)
def test_layers_of_equal_shape_are_told_apart(
    architecture: Architecture, expected: list[tuple[str, tuple[int, int]]]
) -> None:
    network = architecture.bind(NAMES[:2], LOWER[:2], UPPER[:2], 3)
    assert list(zip(kinds(network), shapes(network), strict=True)) == expected


def test_the_blocks_of_a_module_are_its_tensors() -> None:
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1, bias=False))
    network = Custom(module).bind(NAMES[:2], LOWER[:2], UPPER[:2], 1)
    assert network.blocks == (
        Block("0.weight", 0, 8, (4, 2), "tensor"),
        Block("0.bias", 8, 12, (4,), "tensor"),
        Block("2.weight", 12, 16, (1, 4), "tensor"),
    )


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_block_is_as_long_as_what_it_holds(name: str) -> None:
    network = bound(ARCHITECTURES[name], 2)
    start = 0
    for block in network.blocks:
        outputs, inputs = block.shape
        assert (block.start, block.stop) == (start, start + outputs * inputs + outputs)
        start = block.stop
    assert start == network.size


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_kinds_and_shapes_survive_a_cut(name: str) -> None:
    """And a cut of a cut; the first layer that is left is no input layer unless it was one."""
    network = bound(ARCHITECTURES[name], 2)
    count = len(network.blocks)
    for first in range(count):
        for last in range(first, count):
            part = network.part(network.blocks[first].start, network.blocks[last].stop)
            assert part is not None
            assert kinds(part) == kinds(network)[first : last + 1]
            assert shapes(part) == shapes(network)[first : last + 1]
            again = part.part(part.blocks[-1].start, part.size)
            assert again is not None
            assert (kinds(again), shapes(again)) == (kinds(part)[-1:], shapes(part)[-1:])


def test_a_part_starts_where_its_parameters_do() -> None:
    network = bound(ResNet(width=5, blocks=2), 2)
    part = network.part(network.blocks[1].start, network.size)
    assert part is not None
    theta = torch.arange(network.size)[network.blocks[1].start :]
    for mine, whole in zip(part.blocks, network.blocks[1:], strict=True):
        assert theta[mine.start : mine.stop].tolist() == list(range(whole.start, whole.stop))
