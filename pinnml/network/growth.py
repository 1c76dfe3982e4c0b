"""What a network has grown by in a run, as a record that files keep, and the network grown again from it."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.chain import ChainNetwork, Layer
from pinnml.network.deepened import DeepenedNetwork, origin_of
from pinnml.network.features import RandomFeatures
from pinnml.network.frozen import FrozenNetwork
from pinnml.network.network import AbstractNetwork
from pinnml.network.readout import WidenedNetwork
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
        network = DeepenedNetwork(_chain(network, "deepened"), growth.layers)
    if growth.levels is not None:
        network = WidenedNetwork(_chain(network, "widened"), growth.levels)
    return network if growth.below is None else FrozenNetwork(network, growth.below, growth.keeps_jets)


def _chain(network: AbstractNetwork, what: str) -> ChainNetwork:
    if isinstance(network, ChainNetwork):
        return network
    text = f"A {type(network).__name__} cannot be {what}"
    raise DeclarationError(text, "the network's growth", "hand over the network of the run")
