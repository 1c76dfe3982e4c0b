"""What a network has grown by in a run, as a record that files keep, and the network grown again from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.chain import ChainNetwork, Layer
from pinnml.network.deepened import DeepenedNetwork, origin_of
from pinnml.network.features import RandomFeatures
from pinnml.network.frozen import FrozenNetwork
from pinnml.network.network import AbstractNetwork
from pinnml.network.patch import Patches
from pinnml.network.readout import WidenedNetwork
from pinnml.network.states import StatesNetwork
from pinnml.network.stretch import Stretch
from pinnml.settings import record


@record
class Growth:
    """What a network has got beyond its architecture.

    The levels of neurons that a chain was widened by, None without; the parameters (k,) that are frozen; and the layers
    of the chain where some were inserted or removed, None where they are those of its architecture.
    """

    levels: tuple[RandomFeatures, ...] | None
    below: Tensor | None = None
    keeps_jets: bool = False
    layers: tuple[Layer, ...] | None = None


def neurons_of(network: AbstractNetwork) -> int:
    """Return how many random neurons a network with frozen layers has been widened by, 0 for any other."""
    return sum(level.neurons for level in network.levels) if isinstance(network, FrozenNetwork) else 0


def growth_of(network: AbstractNetwork) -> Growth | None:
    """Return what a network has grown by, None where it is as its architecture made it."""
    match network:
        case WidenedNetwork():
            body = growth_of(network.body)
            return Growth(network.levels, layers=None if body is None else body.layers)
        case FrozenNetwork():
            whole = growth_of(network.whole) or Growth(None)
            return replace(whole, below=network.below, keeps_jets=network.keeps_jets)
        case DeepenedNetwork():
            return Growth(None, layers=network.layers)
    return None


def body_of(network: AbstractNetwork) -> AbstractNetwork:
    """Return the network without levels of neurons, none of it frozen."""
    if isinstance(network, FrozenNetwork):
        return body_of(network.whole)
    return network.body if isinstance(network, WidenedNetwork) else network


def regrown(network: AbstractNetwork, growth: Growth | None) -> AbstractNetwork:
    """Return a network as it is when it has grown so, whatever this one has grown by.

    Raises `DeclarationError` for one that cannot grow so.
    """
    network = body_of(network)
    if isinstance(network, ChainNetwork):
        network = origin_of(network)
    if growth is None:
        return network
    if growth.layers is not None:
        chain = _chain(network, "deepened")
        _check_layers(chain, growth.layers)
        network = DeepenedNetwork(chain, growth.layers)
    if growth.levels is not None:
        chain = _chain(network, "widened")
        _check_levels(growth.levels, sum(StatesNetwork(chain).widths))
        network = WidenedNetwork(chain, growth.levels)
    if growth.below is not None and not (_is_real(growth.below) and growth.below.ndim == 1):
        raise _refused("What is frozen is no vector of finite numbers")
    return network if growth.below is None else FrozenNetwork(network, growth.below, growth.keeps_jets)


def _chain(network: AbstractNetwork, what: str) -> ChainNetwork:
    if isinstance(network, ChainNetwork):
        return network
    raise _refused(f"A {type(network).__name__} cannot be {what}")


def _check_layers(chain: ChainNetwork, layers: Sequence[Layer]) -> None:
    """Raise `DeclarationError` where layers do not lead from the chain's features to its outputs."""
    widths = [chain.features.entering, *(layer.outputs for layer in layers)]
    fit = all(layer.inputs == width for layer, width in zip(layers, widths, strict=False))
    same = all(layer.step is None or layer.inputs == layer.outputs for layer in layers)
    if not (layers and fit and same and widths[-1] == chain.layers[-1].outputs):
        raise _refused("The layers do not follow one another")


def _check_levels(levels: Sequence[RandomFeatures], states: int) -> None:
    """Raise `DeclarationError` where neurons do not read from so many rows of states."""
    for level in levels:
        weight, bias, read, stretch = level.weight, level.bias, level.read, level.stretch
        columns = len(read) + (0 if stretch is None else stretch.count)
        shaped = weight.ndim == 2 and bias.shape == weight.shape[:1] and (columns,) == weight.shape[1:]
        if not (shaped and _is_real(weight) and _is_real(bias) and weight.dtype == bias.dtype and len(read)):
            raise _refused("Neurons do not have finite weights and biases that go together")
        if read.dtype != torch.int64 or not 0 <= int(read.min()) <= int(read.max()) < states:
            raise _refused(f"Neurons read others than the {states} states of the network")
        if stretch is not None:
            _check_stretch(stretch, states)
        factors = level.factors
        if factors is not None and not (factors.dtype == torch.int64 and factors.shape == bias.shape):
            raise _refused("Neurons do not have one factor each")
        patches = 0 if level.patches is None else _check_patches(level.patches, states)
        if factors is not None and not -1 <= int(factors.min()) <= int(factors.max()) < states + patches:
            raise _refused(f"Neurons are multiplied by others than the {states} states of the network")


def _check_stretch(stretch: Stretch, states: int) -> None:
    """Raise `DeclarationError` where what is stretched is none of so many rows of states."""
    rows, shape = stretch.rows, (stretch.count, 2)
    known = rows.dtype == torch.int64 and 0 <= int(rows.min()) <= int(rows.max()) < states
    real = _is_real(stretch.centres) and stretch.widths.is_floating_point() and bool((stretch.widths > 0).all())
    if not (known and real and stretch.centres.shape == stretch.widths.shape == shape):
        raise _refused(f"Neurons read others than the {states} states of the network, stretched")


def _check_patches(patches: Patches, states: int) -> int:
    """Return how many there are; raise `DeclarationError` where they are none of so many rows of states."""
    rows, centres, widths = patches.rows, patches.centres, patches.widths
    known = rows.dtype == torch.int64 and rows.ndim == 1 and all(0 <= row < states for row in rows.tolist())
    real = _is_real(centres) and widths.is_floating_point() and bool((widths > 0).all())
    if not (known and real and centres.ndim == 2 and centres.shape == widths.shape == (len(centres), len(rows))):
        raise _refused(f"Neurons lie in patches of others than the {states} states of the network")
    return patches.count


def _is_real(numbers: Tensor) -> bool:
    return numbers.is_floating_point() and bool(numbers.isfinite().all())


def _refused(what: str) -> DeclarationError:
    return DeclarationError(what, "the network's growth", "hand over the network of the run")
