"""A network that may have kinks and jumps at interfaces, and what solutions have at corners and at a start."""

from __future__ import annotations

from dataclasses import replace

from pinnml.network import MLP, Architecture, Level, ResNet, Singularity, WithGeometry
from pinnml.problem import Across, Problem
from pinnml.setup.corners import corners
from pinnml.setup.initial_layers import initial_layers


def with_sides(network: Architecture, problem: Problem) -> Architecture:
    """Return the network with the sides of a problem's interfaces among its features, each once.

    It is bound and not kept: files have the network as it was declared, and the problem brings the rest.
    Networks of other kinds than `ResNet` and `MLP` stay.
    """
    regions = [term.region for term in problem.terms.values() if isinstance(term.region, Across)]
    levels = {region.across.description: region.level for region in regions}
    return _with(network, tuple(levels.values()))


def with_singularities(network: Architecture, problem: Problem) -> Architecture:
    """Return the network with what is singular among its features, which no parameter reads: its size stays.

    Of networks of other kinds than `ResNet` and `MLP`, and of files, the same is true as for `with_sides`.
    """
    return _with(network, singular=(*corners(problem), *initial_layers(problem)))


def _with(
    network: Architecture, levels: tuple[Level, ...] = (), singular: tuple[Singularity, ...] = ()
) -> Architecture:
    if not (levels or singular) or not isinstance(network, ResNet | MLP):
        return network
    return replace(network, embedding=WithGeometry(network.embedding, levels, singular))
