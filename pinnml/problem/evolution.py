"""The coordinates along which a problem evolves."""

from __future__ import annotations

from pinnml.problem.problem import Problem
from pinnml.problem.regions import Parts


def times_of(problem: Problem) -> tuple[int, ...]:
    """Return the numbers of the coordinates with conditions at their lower ends alone: seldom more than one."""
    given = [term.region.parts for term in problem.terms.values() if isinstance(term.region, Parts)]
    said = {part for parts in given for part in parts}
    ends = {axis: problem.domain.sides(axis) for axis in range(problem.domain.dimension)}
    return tuple(axis for axis, both in ends.items() if both and both[:1] in given and said.isdisjoint(both[1:]))
