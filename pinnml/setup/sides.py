"""A network that may have kinks and jumps at interfaces, and what solutions have at corners."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from pinnml.network import MLP, Architecture, Corner, ResNet, WithSides
from pinnml.problem import Across, Pair, Problem
from pinnml.problem import Corner as Place

FEWEST, MOST = 0.6, 3.0
"""Corners whose q = π/ω is between these are looked at: functions are smooth at sharper ones, and at an end of a slit
derivatives have no mean square at all."""

ORDER = 2
"""Equations of this order have the powers that are looked at."""

BOTH = 2
"""ℓ is so small near a corner, |z|², where values are held on both sides."""

NEAR = 1e-4
"""How far from a corner ℓ is looked at, as a share of the longer side."""


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


def corners(problem: Problem) -> tuple[Corner, ...]:
    """Return the corners of a problem's domain at which conditions on parts of its boundary meet.

    Solutions of Δu = f with u = 0 on both sides of an angle ω have terms z^q log z, q = π/ω, or z^q where q is no whole
    number, times smooth functions (Grisvard, Elliptic problems in nonsmooth domains, 1985). N = (u − g)/ℓ has the power
    q − k where ℓ ~ |z|^k. A coordinate with conditions at one of its ends alone is a time, and what is periodic has no
    ends. Systems, and equations of another order, have other powers: for these there are none.
    """
    domain = problem.domain
    orders = [max(symbol.index) for term in problem.equations.values() for symbol in term.derivatives]
    if len(problem.fields) > 1 or max(orders, default=0) != ORDER:
        return ()
    regions = [term.region for term in problem.terms.values()]
    said = {part for region in regions if not isinstance(region, Pair) for part in region.parts}
    closed = {name for axis, name in enumerate(domain.names) if said.issuperset(domain.sides(axis))}
    found = (_corner(problem, one) for one in domain.corners if closed.issuperset(one.place))
    return tuple(one for one in found if one.powers)


def _corner(problem: Problem, place: Place) -> Corner:
    domain, highest = problem.domain, math.pi / place.angle
    first, second = map(domain.names.index, place.place)
    along, across = place.place.values()
    axes, centre = (first, second), (along, across)
    scale = max(domain.lengths[axis] for axis in axes)
    middle = [(low + high) / 2 for low, high in zip(domain.lower, domain.upper, strict=True)]
    points = torch.tensor([middle, middle], dtype=torch.float64, device="cpu")
    for axis, end, share in zip(axes, centre, (math.cos, math.sin), strict=True):
        points[:, axis] = end + NEAR * scale * share(place.direction) * torch.tensor([1.0, 2.0], device="cpu")
    lower = set()
    for lifting in problem.liftings:
        near, far = lifting.distance(points).tolist()
        lower.add(round(math.log2(far / near)) if near > 0 < far else 0)
    powers = [highest - one for one in sorted(lower) if highest - one > -NEAR]
    powers = powers if FEWEST <= highest <= MOST else []
    return Corner(axes, centre, place.direction, scale, tuple(powers), min(lower) >= BOTH)
