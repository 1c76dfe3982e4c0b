"""A network that may have kinks and jumps at interfaces, and what solutions have at corners."""

from __future__ import annotations

from dataclasses import replace

from pinnml.network import MLP, Architecture, ResNet, WithSides
from pinnml.problem import Across, Problem
from pinnml.setup.corners import corners


def with_sides(network: Architecture, problem: Problem) -> Architecture:
    """Return the network with the sides of the problem's interfaces among its features, each once, and its corners.

    It is bound and not kept: files have the network as it was declared, and the problem brings interfaces and corners.
    Networks of other kinds than `ResNet` and `MLP` stay.
    """
    regions = [term.region for term in problem.terms.values() if isinstance(term.region, Across)]
    levels = {region.across.description: region.level for region in regions}
    at = corners(problem)
    if not (levels or at) or not isinstance(network, ResNet | MLP):
        return network
    return replace(network, embedding=WithSides(network.embedding, tuple(levels.values()), at))
