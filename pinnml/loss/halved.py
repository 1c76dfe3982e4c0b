"""Networks of half the depth or width, with the ways between their parameters and those of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network import AbstractNetwork, ChainNetwork, Layer
from pinnml.objective import (
    AbstractCoarsening,
    AbstractRestriction,
    AbstractTransfer,
    HalfDepth,
    HalfWidth,
    Part,
    Pieces,
    Structure,
    gathered,
    halved_depth,
    paired,
)


@dataclass(frozen=True)
class CoarseNetwork:
    """A smaller network, with Pᵀ and Π from θ (p,), the unknown parameters of a problem included."""

    network: ChainNetwork
    restriction: AbstractRestriction
    iterates: AbstractRestriction


def halved(
    network: AbstractNetwork, rule: AbstractCoarsening, theta: Tensor | None, parameters: Structure
) -> CoarseNetwork | None:
    """Return the network of a rule, None where it does not apply; `parameters` are parts of θ beyond the network's.

    Raises `DeclarationError` where the rule needs θ, and there is none.
    """
    if not isinstance(network, ChainNetwork):
        return None
    match rule:
        case HalfDepth():
            return _half_as_deep(network, rule.transfer, parameters)
        case HalfWidth():
            if theta is None:
                raise DeclarationError("θ is not known", "HalfWidth", "hand it to `coarse`: neurons are merged by it")
            return _half_as_wide(network, theta, parameters)
    return None


def _half_as_deep(network: ChainNetwork, transfer: AbstractTransfer, parameters: Structure) -> CoarseNetwork | None:
    """Make one block of every two neighbours that are alike."""
    fine = network.layers

    def are_alike(first: int, second: int) -> bool:
        return _are_alike(fine[first], fine[second])

    groups = paired(len(fine), are_alike)
    if len(groups) == len(fine):
        return None
    layers = [_joined([fine[number] for number in group]) for group in groups]
    coarse = ChainNetwork(network.features, layers).scaled(network.scales or ())
    steps = [layer.step or 0.0 for layer in fine]
    down, across = halved_depth([layer.size for layer in fine], steps, are_alike, transfer)
    return _coarse_network(network, coarse, down, across, parameters)


def _are_alike(first: Layer, second: Layer) -> bool:
    """Return whether both are residual blocks of one shape and activation, whatever their steps."""
    return None not in (first.step, second.step) and replace(first, step=None) == replace(second, step=None)


def _joined(group: Sequence[Layer]) -> Layer:
    """Return the block of both steps in one."""
    return group[0] if len(group) == 1 else replace(group[0], step=sum(layer.step or 0.0 for layer in group))


def _coarse_network(
    fine: ChainNetwork, coarse: ChainNetwork, down: Pieces, across: Pieces, parameters: Structure
) -> CoarseNetwork:
    """Return Pᵀ and Π of their entries, with other parameters kept as they are."""
    count = parameters.size - fine.size if parameters.parts else 0
    numbers = torch.arange(count, device="cpu")
    same = coarse.size + numbers, fine.size + numbers, torch.ones(count, dtype=torch.float64, device="cpu")
    shape = coarse.size + count, fine.size + count
    others = [
        replace(part, start=part.start - fine.size + coarse.size, stop=part.stop - fine.size + coarse.size)
        for part in parameters.parts
    ]
    unknowns = Structure((*(Part(b.name, b.start, b.stop, b.shape, b.kind) for b in coarse.blocks), *others))
    return CoarseNetwork(coarse, gathered([*down, same], shape, unknowns), gathered([*across, same], shape, unknowns))


@dataclass(frozen=True)
class Merging:
    """Which neuron each one becomes, (w,), with which sign, and of how many neurons that is one."""

    becomes: Tensor
    sign: Tensor
    count: Tensor

    @property
    def neurons(self) -> int:
        """How many neurons are left."""
        return int(self.becomes.max()) + 1


def _half_as_wide(network: ChainNetwork, theta: Tensor, parameters: Structure) -> CoarseNetwork | None:
    """Merge the most similar neurons of every state, a state with skip connections in all of its layers alike."""
    mergings = _mergings(network, theta.detach().to("cpu", torch.float64))
    if all(merging.neurons == len(merging.becomes) for merging in mergings):
        return None
    layers = [
        replace(layer, inputs=into.neurons, outputs=out.neurons)
        for layer, into, out in zip(network.layers, mergings, mergings[1:], strict=False)
    ]
    coarse = ChainNetwork(network.features, layers).scaled(network.scales or ())
    down, across = Pieces(), Pieces()
    for number, (layer, fine, block) in enumerate(zip(network.layers, network.blocks, coarse.blocks, strict=True)):
        into, out = mergings[number], mergings[number + 1]
        rows = block.start + out.becomes[:, None] * into.neurons + into.becomes
        columns = fine.start + torch.arange(layer.outputs * layer.inputs, device="cpu").view_as(rows)
        signs = out.sign[:, None] * into.sign
        biases = block.start + out.neurons * into.neurons + out.becomes
        places = fine.start + layer.outputs * layer.inputs + torch.arange(layer.outputs, device="cpu")
        down += [(rows, columns, signs / into.count), (biases, places, out.sign)]
        across += [(rows, columns, signs / out.count[:, None]), (biases, places, out.sign / out.count)]
    return _coarse_network(network, coarse, down, across, parameters)


def _mergings(network: ChainNetwork, theta: Tensor) -> list[Merging]:
    """Return how what enters each layer is merged, and last what the head returns, which is not, nor are features."""
    layers, found = network.layers, [_unmerged(network.layers[0].inputs)]
    number = 0
    while number < len(layers):
        last = number
        while last + 1 < len(layers) and layers[last + 1].step is not None:
            last += 1
        makers = range(number, last + 1)
        # a state that begins as features, or that is returned, is what others know by its coordinates
        is_hidden = layers[number].step is None and layers[number].activation is not None and last + 1 < len(layers)
        merging = _unmerged(layers[number].outputs)
        if is_hidden:
            rows = torch.cat([_rows(network, theta, maker) for maker in makers], 1)
            merging = _merged(rows, all(_is_odd(layers[maker]) for maker in makers))
        elif layers[number].step is not None:
            merging = found[-1]
        found += [merging] * len(makers)
        number = last + 1
    return found


def _rows(network: ChainNetwork, theta: Tensor, number: int) -> Tensor:
    """Return each neuron's incoming weights and bias, shape (w, inputs + 1)."""
    block = network.blocks[number]
    weight, bias = network.layers[number].split(theta[block.start : block.stop])
    return torch.cat([weight, bias[:, None]], 1)


def _is_odd(layer: Layer) -> bool:
    """Return whether σ(−z) = −σ(z), by a few numbers."""
    assert layer.activation is not None
    z = torch.linspace(-2, 2, 9, dtype=torch.float64, device="cpu")
    value = layer.activation.value(z, torch.empty_like(z))
    return bool((value + value.flip(0)).abs().max() < 1e-12)


def _unmerged(width: int) -> Merging:
    ones = torch.ones(width, dtype=torch.float64, device="cpu")
    return Merging(torch.arange(width, device="cpu"), ones, ones)


def _merged(rows: Tensor, odd: bool) -> Merging:
    """Return pairs of rows (w, …), the nearest first, each row once; of an odd number the last is left alone."""
    width = len(rows)
    plain, turned = torch.cdist(rows, rows), torch.cdist(rows, -rows)
    distance = torch.minimum(plain, turned) if odd else plain
    above = torch.triu_indices(width, width, 1)
    order = torch.argsort(distance[above[0], above[1]], stable=True)
    partner: dict[int, int] = {}
    for first, second in above[:, order].T.tolist():
        if first not in partner and second not in partner:
            partner[first], partner[second] = second, first
    becomes, sign, count = torch.zeros(width, dtype=torch.int64), torch.ones(width).double(), torch.ones(width).double()
    firsts = [neuron for neuron in range(width) if neuron <= partner.get(neuron, neuron)]
    for number, first in enumerate(firsts):
        second = partner.get(first, first)
        becomes[first] = becomes[second] = number
        if second != first:
            count[first] = count[second] = 2
            sign[second] = -1.0 if odd and turned[first, second] < plain[first, second] else 1.0
    return Merging(becomes, sign, count)
