"""Whether jets of neurons stay in memory: constants of a readout, made once for all points, or in each evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork, WidenedNetwork, neurons_of
from pinnml.points import Collocation


def frozen_on(network: WidenedNetwork, below: Tensor, objective: PinnObjective, points: Collocation) -> FrozenNetwork:
    """Return a network with its first parameters frozen, which keeps its jets at these points if they may be kept.

    The jets of the present loss are in memory until it is replaced; with the new ones they are no more than
    `objective.jets` bytes.
    """
    found, counts = FrozenNetwork(network, below, keeps_jets=True), _counts(points)
    return found if _may_keep(objective, counts, neurons_of(found)) else FrozenNetwork(network, below)


def has_room(objective: PinnObjective, neurons: int, points: int) -> bool:
    """Return whether a readout may keep the jets of so many neurons at so many points of each equation.

    True, too, where the present one does not keep its own: then more neurons cost no more than those that it has.
    """
    network, counts = objective.network, _counts(objective.collocation)
    wanted = counts | {name: max(points, counts[name]) for name in objective.problem.equations}
    return not (isinstance(network, FrozenNetwork) and network.keeps_jets) or _may_keep(objective, wanted, neurons)


def _may_keep(objective: PinnObjective, counts: Mapping[str, int], neurons: int) -> bool:
    network, held = objective.network, 0
    if isinstance(network, FrozenNetwork) and network.keeps_jets:
        held = _numbers(objective, _counts(objective.collocation), neurons_of(network))
    size = objective.chunks[0].x.element_size()
    return (held + _numbers(objective, counts, neurons)) * size <= objective.jets


def _counts(points: Collocation) -> dict[str, int]:
    return {name: len(own.x) for name, own in points.items()}


def on_points(objective: PinnObjective, points: Collocation) -> FrozenNetwork:
    """Return the frozen network of a loss for other points."""
    network = objective.network
    assert isinstance(network, FrozenNetwork)
    if not isinstance(network.whole, WidenedNetwork):
        return network
    return frozen_on(network.whole, network.below, objective, points)


def _numbers(objective: PinnObjective, counts: Mapping[str, int], neurons: int) -> int:
    channels = {chunk.term.name: len(chunk.indices) * chunk.term.stencil.count for chunk in objective.chunks}
    return sum(count * counts[name] for name, count in channels.items()) * neurons
