"""Whether jets of neurons stay in memory: constants of a readout, made once for all points, or in each evaluation."""

from __future__ import annotations

from torch import Tensor

from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork, WidenedNetwork
from pinnml.points import Collocation


def frozen_on(network: WidenedNetwork, below: Tensor, objective: PinnObjective, points: Collocation) -> FrozenNetwork:
    """Return a network with its first parameters frozen, which keeps its jets at these points if they may be kept.

    The jets of the present loss are in memory until it is replaced; with the new ones they are no more than
    `objective.jets` bytes.
    """
    held, size = 0, below.element_size()
    if isinstance(objective.network, FrozenNetwork) and objective.network.keeps_jets:
        held = _numbers(objective, objective.collocation, objective.network)
    found = FrozenNetwork(network, below, keeps_jets=True)
    keeps = (held + _numbers(objective, points, found)) * size <= objective.jets
    return found if keeps else FrozenNetwork(network, below)


def on_points(objective: PinnObjective, points: Collocation) -> FrozenNetwork:
    """Return the frozen network of a loss for other points."""
    network = objective.network
    assert isinstance(network, FrozenNetwork)
    if not isinstance(network.whole, WidenedNetwork):
        return network
    return frozen_on(network.whole, network.below, objective, points)


def _numbers(objective: PinnObjective, points: Collocation, network: FrozenNetwork) -> int:
    neurons = sum(level.neurons for level in network.levels)
    channels = {chunk.term.name: len(chunk.indices) * chunk.term.stencil.count for chunk in objective.chunks}
    return sum(count * len(points[name].x) for name, count in channels.items()) * neurons
