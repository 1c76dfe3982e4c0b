"""Windows in time: an evolution that is not solved all at once is solved from its start on."""

from __future__ import annotations

from dataclasses import replace

import torch

from pinnml.adapt.climb import FEW, MANY, NEAR, ReadoutsState
from pinnml.loss import PinnObjective
from pinnml.network import neurons_of
from pinnml.points import ConditionPoints
from pinnml.problem import times_of

WINDOWS = 8
"""Windows, each longer than the one before by the same time, the last of which is all of it."""

LATER = 2.0**-10
"""What residuals after a window weigh, as a share: enough to keep the solution there from running away. A power of two
divides weights without rounding."""

HELD = 2e-2
"""Neurons hold the solution where their linear model leaves no more than this share of the residual of N = 0."""


def are_called_for(objective: PinnObjective, state: ReadoutsState, f: float) -> bool:
    """Return whether steps have stalled on a level that is able to hold the solution, as its linear model has it.

    From N = 0 Newton's steps take an evolution along all of its time at once, and end where nothing leads further.
    """
    model = objective.factorised
    if state.trained or state.window or model is None or not FEW <= neurons_of(objective.network) < MANY:
        return False
    least = float(model[1].least)
    if not times_of(objective.problem) or f <= NEAR * least:
        return False
    objective.count()
    zero = objective.chunks[0].x.new_zeros(objective.size)
    return least <= HELD**2 * float(objective.value(zero))


def in_window(state: ReadoutsState) -> bool:
    """Return whether what is solved is not yet all of the time."""
    return 0 < state.window < WINDOWS


def moved(objective: PinnObjective, before: int, after: int) -> PinnObjective:
    """Return the loss of one window in place of that of another; number 0, as the last one, is all of the time."""
    time, domain = times_of(objective.problem)[0], objective.problem.domain

    def share(points: ConditionPoints, number: int) -> torch.Tensor:
        end = domain.lower[time] + domain.lengths[time] * (number or WINDOWS) / WINDOWS
        later = points.x[: len(points.weights), time] > end  # of pairs the first
        return torch.where(later & (number % WINDOWS > 0), LATER, 1.0).to(points.weights)

    collocation = {
        name: replace(points, weights=points.weights * share(points, after) / share(points, before))
        for name, points in objective.collocation.items()
    }
    objective.threads.release()
    return objective.on(replace(objective.discretisation, collocation=collocation))
