"""A network that may have kinks and jumps at interfaces, and what solutions have at corners and at a start."""

from __future__ import annotations

from dataclasses import replace

from pinnml.network import MLP, Architecture, ResNet, WithGeometry
from pinnml.problem import Across, Problem
from pinnml.setup.corners import corners
from pinnml.setup.initial_layers import initial_layers


def with_geometry(network: Architecture, problem: Problem) -> Architecture:
    """Return the network with the sides of a problem's interfaces, each once, and what is singular among its features.

    It is bound and not kept: files have the network as it was declared, and the problem brings the rest.
    Networks of other kinds than `ResNet` and `MLP` stay.
    """
    regions = [term.region for term in problem.terms.values() if isinstance(term.region, Across)]
    levels = {region.across.description: region.level for region in regions}
    singular = (*corners(problem), *initial_layers(problem))
    if not (levels or singular) or not isinstance(network, ResNet | MLP):
        return network
    return replace(network, embedding=WithGeometry(network.embedding, tuple(levels.values()), singular))
