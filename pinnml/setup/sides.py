"""A network that may have kinks and jumps where the problem has interfaces."""

from __future__ import annotations

from dataclasses import replace

from pinnml.network import MLP, Architecture, ResNet, WithSides
from pinnml.problem import Across, Problem


def with_sides(network: Architecture, problem: Problem) -> Architecture:
    """Return the network with the sides of the problem's interfaces among its features, each once.

    It is bound and not kept: files have the network as it was declared, and the problem brings the interfaces. Networks
    of other kinds than `ResNet` and `MLP` stay.
    """
    regions = [term.region for term in problem.terms.values() if isinstance(term.region, Across)]
    levels = {region.across.description: region.level for region in regions}
    if not levels or not isinstance(network, ResNet | MLP):
        return network
    return replace(network, embedding=WithSides(network.embedding, tuple(levels.values())))
