"""How narrow neurons on the coordinates are along each of them: found by trying, where levels are added."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

from torch import Tensor

from pinnml.adapt.more_points import fields_and_residuals
from pinnml.adapt.tries import drawn, left_by
from pinnml.adapt.widening import Widening
from pinnml.loss import PinnObjective
from pinnml.network import neurons_of

NEURONS = 400
"""The most neurons that are tried."""

ROWS = 5
"""Residuals a column of a try."""

GAIN = 0.85
"""What another R leaves, at most, as a share of what is left without it."""

TWICE = 2.0
"""Neurons are tried that are so many times as narrow along one coordinate, or as wide."""

NARROWEST, WIDEST = 100.0, 0.05
"""Bounds of R along a coordinate (dimensionless)."""

ENOUGH = 1e-6
"""Where a try leaves no more than this share of the residual there is nothing to look for."""


def with_radii(objective: PinnObjective, theta: Tensor, rule: Widening) -> Widening:
    """Return a rule for neurons on the coordinates with the R along each of them that leaves least of the residual.

    From the R that the rule has, R along one coordinate after another is doubled or halved while that leaves less
    between the points of a least-squares problem, linear at θ, for all of the solution.
    """
    dimension = objective.problem.domain.dimension
    rule = rule.sized(neurons_of(objective.network) + rule.neurons, dimension)
    assert rule.radius is not None
    fields, residuals = fields_and_residuals(objective, theta)
    neurons = math.ceil(min(rule.neurons, NEURONS) / math.sqrt(fields))
    count = math.ceil(ROWS * neurons * fields / residuals)
    fitted, between = drawn(objective, count, 1), drawn(objective, count // 2, 2)

    @cache
    def left(radii: tuple[float, ...]) -> float:
        return left_by(objective, theta, replace(rule, neurons=neurons, radii=radii), fitted, between)

    radii = rule.radii or (rule.radius,) * dimension
    while left(radii) > ENOUGH:
        best = min(_beside(radii), key=left)
        if left(best) > GAIN * left(radii):
            break
        radii = best
    return replace(rule, radii=radii)


def _beside(radii: tuple[float, ...]) -> list[tuple[float, ...]]:
    """Return those of which one is twice or half as large, within bounds."""
    changed = [(axis, factor * radius) for axis, radius in enumerate(radii) for factor in (TWICE, 1 / TWICE)]
    return [(*radii[:axis], one, *radii[axis + 1 :]) for axis, one in changed if WIDEST <= one <= NARROWEST]
