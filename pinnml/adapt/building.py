"""Building a level of a readout: how large it is, the points it calls for, and the network with it."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.adapt.climb import ReadoutsState
from pinnml.adapt.more_points import fields_and_residuals, joined_where_large, joined_where_narrow, on_all_parts
from pinnml.adapt.neurons import Widening
from pinnml.adapt.rad import RAD, stands_for_the_domain, with_points
from pinnml.adapt.widening import narrowed, widen
from pinnml.loss import PinnObjective
from pinnml.optim import Renewed


def sized(objective: PinnObjective, theta: Tensor, level: Widening, rows: float, most: int) -> tuple[Widening, int]:
    """Return a level with as many neurons as suit the number of fields, and the points that it calls for.

    There are `rows` residuals for a column of J, unless that takes more than `most` points.
    """
    fields, residuals = fields_and_residuals(objective, theta)
    rule = replace(level, neurons=math.ceil(level.neurons / math.sqrt(fields)))
    columns = len(theta) + rule.neurons * fields
    return rule, min(math.ceil(rows * columns / residuals), most)


def widened(
    points: RAD,
    objective: PinnObjective,
    theta: Tensor,
    state: ReadoutsState,
    level: Widening,
    wanted: int,
    generator: torch.Generator,
) -> Renewed:
    """Add a level of neurons, and points where the network alone is wrong until there are as many as wanted.

    The readout's own residual would cost more, and says less: it is small where there were points.
    """
    assert state.body is not None
    if level.gathers:
        collocation = joined_where_narrow(objective, points.stages[0].points, wanted, generator, level)
        return widen(objective, theta, level, generator, collocation)
    had = {name: len(objective.collocation[name].weights) for name in objective.problem.equations}
    missing = {name: wanted - count for name, count in had.items() if count < wanted}
    alone = state.body if state.trained else 0 * state.body  # an untrained network is wrong wherever it is drawn
    collocation = joined_where_large(points, narrowed(objective), alone, missing, generator)
    return widen(objective, theta, level, generator, on_all_parts(objective, collocation, wanted, generator))


def with_more_points(
    points: RAD, objective: PinnObjective, theta: Tensor, most: int, generator: torch.Generator
) -> Renewed | None:
    """Return the loss on half as many points more, None where they stand for the domain or `most` are reached."""
    counts = {name: len(objective.collocation[name].weights) for name in objective.problem.equations}
    fewest = min(counts.values(), default=most)  # without equations there is nothing to follow
    if fewest >= most or stands_for_the_domain(points, objective, theta, generator):
        return None
    room = {name: most - count for name, count in counts.items() if count < most}
    more = {name: min(math.ceil(fewest / 2), left) for name, left in room.items()}
    return Renewed(with_points(objective, joined_where_large(points, objective, theta, more, generator)), theta)
