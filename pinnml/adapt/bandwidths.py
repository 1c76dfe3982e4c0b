"""Whether neurons on the coordinates are waves, and how many of them each reads, before anything is solved."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from torch import Tensor

from pinnml.adapt.neurons import Widening
from pinnml.adapt.singular import singular
from pinnml.adapt.spectra import Band, Ring
from pinnml.adapt.tries import Tryout, begun_on, drawn, least
from pinnml.adapt.wave_numbers import bandwidths, peaks
from pinnml.loss import PinnObjective
from pinnml.problem import Pair

POINTS = 2000
"""Points of the equation on which neurons are tried, and half as many beside them."""

NEURONS = 400
"""Neurons with which they are."""

FAST = 4 * math.pi
"""Data that change faster than a wave of so many radians over half a side call for a try (dimensionless)."""

FASTEST = 1000.0
"""Larger wave numbers count as this one (dimensionless)."""

MANY = 3
"""In so many coordinates functions may be sums of such of fewer, or smoother than many neurons."""

WIDE = (0.3, 0.1)
"""R of neurons that are nearly polynomials of low degree (dimensionless)."""


def suited(objective: PinnObjective, theta: Tensor, rule: Widening) -> Widening:
    """Return a rule for neurons on the coordinates that suits the data; where nothing calls for a try, the same.

    Where the data change fast along a coordinate, waves are compared with usual neurons by what the least-squares
    problem of `NEURONS`, linear at N = 0, leaves between its points, unless the problem is periodic along it; in three
    coordinates or more those, too, that bend little, and those of which every third reads one number, and every third
    two, or two and four. Neurons multiplied by what is singular at corners or at the start are tried, too.
    """
    pairs = [term.region for term in objective.problem.soft_terms.values() if isinstance(term.region, Pair)]
    periodic, known = {pair.axis for pair in pairs}, bandwidths(objective, theta)
    known = tuple(0.0 if axis in periodic else min(one, FASTEST) for axis, one in enumerate(known))
    many = len(known) >= MANY
    numbers = singular(objective, theta)
    if max(known) <= FAST and not many and not numbers:
        return rule
    fitted, between = (drawn(objective, count, seed) for seed, count in enumerate((POINTS, POINTS // 2), 1))

    neurons = math.ceil(NEURONS / math.sqrt(len(objective.problem.fields)))

    here, zero = begun_on(objective, theta, fitted)
    tryouts: dict[tuple[int, ...], Tryout] = {}

    @cache
    def left(one: Widening) -> float:
        one = replace(one, neurons=neurons)
        if one.singular in tryouts:
            return tryouts[one.singular].left(one)
        tryouts[one.singular] = Tryout(here, zero, one, between)
        return tryouts[one.singular].first.left

    best = rule if max(known) <= FAST else _fast(objective, theta, rule, known, left)
    if numbers and best.spectrum is None:
        best = least(best, [replace(best, singular=numbers)], left)
    if not many:
        return best
    best = least(best, [replace(best, radius=radius) for radius in WIDE], left)
    return least(best, [replace(best, reads=reads) for reads in ((1, 2, len(known)), (2, 4, len(known)))], left)


def _fast(
    objective: PinnObjective, theta: Tensor, rule: Widening, known: Sequence[float], left: Callable[[Widening], float]
) -> Widening:
    """Return the rule with the waves that leave least, or as it is where that is not much less."""
    numbers = tuple(one if one > FAST else 0.0 for one in known)
    waves = tuple(peak if one else 0.0 for one, peak in zip(numbers, peaks(objective, theta), strict=True))
    return least(rule, [replace(rule, spectrum=one) for one in (Ring(waves), Band(numbers))], left)
