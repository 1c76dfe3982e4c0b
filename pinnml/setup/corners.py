"""The corners of a problem's domain at which solutions may be singular, and by which powers."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from pinnml.network import Corner
from pinnml.problem import Corner as Place
from pinnml.problem import Pair, Problem

FEWEST, MOST = 0.6, 3.0
"""Corners whose q = π/ω is between these are looked at: functions are smooth at sharper ones, and at an end of a slit
derivatives have no mean square at all."""

MANY = 12
"""More corners, as of boxes of many coordinates and of polygons that stand for curves, are no corners: features of
each cost time at every point, and no neurons would be left for anything else."""

ORDER = 2
"""Equations of this order have the powers that are looked at."""

BOTH = 2
"""ℓ is so small near a corner, |z|², where values are held on both sides."""

NEAR = 1e-4
"""How far from a corner ℓ is looked at, as a share of the longer side."""


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
    found = [one for one in domain.corners if closed.issuperset(one.place) and FEWEST <= math.pi / one.angle <= MOST]
    return tuple(_corner(problem, one) for one in found) if len(found) <= MANY else ()


def _corner(problem: Problem, place: Place) -> Corner:
    domain, highest = problem.domain, math.pi / place.angle
    first, second = map(domain.names.index, place.place)
    along, across = place.place.values()
    scale = max(domain.lengths[first], domain.lengths[second])
    found = Corner((first, second), (along, across), place.direction, scale, (), held=False)
    middle = [(low + high) / 2 for low, high in zip(domain.lower, domain.upper, strict=True)]
    near = torch.tensor([NEAR, 2 * NEAR], dtype=torch.float64, device="cpu")
    points = found.moved(near.new_tensor([middle, middle]), near)
    lower = set()
    for lifting in problem.liftings:
        first_value, second_value = lifting.distance(points).tolist()
        lower.add(round(math.log2(second_value / first_value)) if first_value > 0 < second_value else 0)
    powers = tuple(highest - one for one in sorted(lower) if highest - one > -NEAR)
    return replace(found, powers=powers, held=min(lower) >= BOTH)
