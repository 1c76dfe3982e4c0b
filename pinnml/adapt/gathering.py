"""Points of a box that gather where a solution is narrow."""

from __future__ import annotations

from collections.abc import Callable

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
