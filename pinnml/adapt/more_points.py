"""More points for a network that has grown: of equations where the residual is large, of other conditions anew."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pinnml.adapt.neurons import Widening
from pinnml.adapt.patches import gathered_in
from pinnml.adapt.rad import RAD, follow
from pinnml.adapt.stretching import gathered
from pinnml.approximation import residual_values
from pinnml.loss import PinnObjective
from pinnml.points import Collocation, ConditionPoints, Hammersley, Sobol, sample


def joined(first: ConditionPoints, second: ConditionPoints) -> ConditionPoints:
    """Return the points of both: each with its weights is a mean over the domain, and both count by their numbers."""
    share = len(first.weights) / (len(first.weights) + len(second.weights))
    weights = torch.cat([share * first.weights, (1 - share) * second.weights])
    return ConditionPoints(torch.cat([first.x, second.x]), weights)


def joined_where_large(
    rule: RAD, objective: PinnObjective, theta: Tensor, counts: Mapping[str, int], generator: torch.Generator
) -> Collocation:
    """Return the points with so many more for each equation, drawn by the density of `rule`."""
    collocation: dict[str, ConditionPoints] = dict(objective.collocation)
    for name, count in counts.items():
        collocation[name] = joined(collocation[name], follow(rule, objective, theta, name, count, generator))
    return collocation


def on_all_parts(
    objective: PinnObjective, collocation: Collocation, inside: int, generator: torch.Generator
) -> Collocation:
    """Return the points with those of the other soft conditions drawn anew where `inside` points call for more.

    A boundary has points as `Hammersley(inside)` would give it; measured points are the declaration's.
    """
    problem, equations = objective.problem, objective.problem.equations
    if len(collocation) == len(equations):
        return collocation
    like = objective.chunks[0].x
    fresh = sample(problem, Hammersley(inside), generator, dtype=like.dtype, device=like.device)
    more = {name for name in collocation if len(fresh[name].weights) > len(collocation[name].weights)}
    return {name: fresh[name] if name in more - set(equations) else points for name, points in collocation.items()}


def joined_where_narrow(
    objective: PinnObjective, count: int, inside: int, generator: torch.Generator, rule: Widening
) -> Collocation:
    """Return the first `count` points of every equation with others that gather as neurons of a rule do.

    So do all points of other conditions: where coordinates are stretched, or in patches without stretches.
    There are `inside` points in all, or twice as many as at first. A boundary has points as `Sobol` would give it.
    """
    problem, like, begun = objective.problem, objective.chunks[0].x, first_points(objective, count)
    fewest = min(len(begun[name].x) for name in problem.equations)
    others = Sobol(max(inside - fewest, fewest))
    fresh = sample(problem, others, generator, dtype=like.dtype, device=like.device)
    found = gathered(problem, fresh, rule.stretches) if rule.stretches else gathered_in(problem, fresh, rule.patches)
    return dict(found) | {name: joined(begun[name], found[name]) for name in problem.equations}


def fields_and_residuals(objective: PinnObjective, theta: Tensor) -> tuple[int, int]:
    """Return how many fields the problem has, and how many residuals its equations have at a point, at least one."""
    problem, x = objective.problem, objective.chunks[0].x[:1]
    found = [residual_values(problem, objective.network, theta, name, x) for name in problem.equations]
    return len(problem.fields), max(1, sum(map(len, found)))


def first_points(objective: PinnObjective, count: int) -> Collocation:
    """Return the points with the first so many of every equation alone: those that a run has begun with."""
    collocation: dict[str, ConditionPoints] = dict(objective.collocation)
    for name in objective.problem.equations:
        x = collocation[name].x[:count]
        collocation[name] = ConditionPoints(x, x.new_full((len(x),), 1 / len(x)))
    return collocation
