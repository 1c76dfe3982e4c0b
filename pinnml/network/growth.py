"""What a network has grown by in a run, as a record that files keep, and the network grown again from it."""

from __future__ import annotations

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.chain import ChainNetwork
from pinnml.network.features import RandomFeatures
from pinnml.network.frozen import FrozenNetwork
from pinnml.network.network import AbstractNetwork
from pinnml.network.readout import WidenedNetwork
from pinnml.settings import record


@record
class Growth:
    """The levels of neurons that a chain was widened by, None without, and the parameters (k,) that are frozen."""

    levels: tuple[RandomFeatures, ...] | None
    below: Tensor | None = None
    keeps_jets: bool = False


def growth_of(network: AbstractNetwork) -> Growth | None:
    """Return what a network has grown by, None where it is as its architecture made it."""
    if isinstance(network, WidenedNetwork):
        return Growth(network.levels)
    if isinstance(network, FrozenNetwork):
        whole = growth_of(network.whole)
        return Growth(None if whole is None else whole.levels, network.below, network.keeps_jets)
    return None


def body_of(network: AbstractNetwork) -> AbstractNetwork:
    """Return the network without what it has grown by."""
    if isinstance(network, FrozenNetwork):
        return body_of(network.whole)
    return network.body if isinstance(network, WidenedNetwork) else network


def regrown(network: AbstractNetwork, growth: Growth | None) -> AbstractNetwork:
    """Return a network that has grown so; raise `DeclarationError` for one that cannot."""
    if growth is None:
        return network
    if growth.levels is not None:
        if not isinstance(network, ChainNetwork):
            what = f"A {type(network).__name__} cannot be widened"
            raise DeclarationError(what, "the network's growth", "hand over the network of the run")
        network = WidenedNetwork(network, growth.levels)
    return network if growth.below is None else FrozenNetwork(network, growth.below, growth.keeps_jets)
