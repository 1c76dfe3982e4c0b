"""Points of a box that gather where a solution is narrow."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pinnml.points import Collocation, ConditionPoints
from pinnml.problem import Box, Everywhere, Parts, Problem


def moved(
    problem: Problem, collocation: Collocation, move: Callable[[Box, ConditionPoints], ConditionPoints]
) -> Collocation:
    """Return the points of equations and boundaries of a box as they are moved, with weights that make up for it.

    Points with data, and those of conditions elsewhere, stay.
    """
    assert isinstance(problem.domain, Box)
    found = dict(collocation)
    for name, points in collocation.items():
        if isinstance(problem.soft_terms[name].region, Everywhere | Parts) and not points.data:
            found[name] = move(problem.domain, points)
    return found


def scaled(domain: Box, x: Tensor) -> Tensor:
    """Return points (n, d) of a box scaled to [−1, 1]."""
    return 2 * (x - x.new_tensor(domain.lower)) / x.new_tensor(domain.lengths) - 1


def unscaled(domain: Box, s: Tensor) -> Tensor:
    """Return the points (n, d) of a box of which these are the scaled ones."""
    return s.new_tensor(domain.lower) + (s + 1) / 2 * s.new_tensor(domain.lengths)
