"""Beginning again with coordinates stretched at walls, where few neurons have not found a steady solution."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from pinnml.adapt.climb import NEAR, ReadoutsState
from pinnml.adapt.marching import LOST
from pinnml.adapt.wall_layers import stretched_at_all_walls
from pinnml.approximation import is_straight
from pinnml.loss import PinnObjective
from pinnml.optim import Estimate
from pinnml.problem import times_of

WIDTHS = (0.1, 0.01, 0.001)
"""Widths of layers with which it is begun, one after another."""


def another(
    objective: PinnObjective, theta: Tensor, estimate: Estimate, state: ReadoutsState, f: float
) -> ReadoutsState | None:
    """Return the state with which to begin again, None where this beginning is good, or the best one.

    An equation that is not linear says nothing about layers at N = 0: of u u_x = εu_xx there is u_xx = 0. Newton's
    steps of few neurons that cannot have a layer end where nothing leads further, far above the least of their linear
    model, and those of few that can find it. What depends on time is marched through instead.
    """
    if estimate.trustworthy or estimate.largest <= LOST or times_of(objective.problem):
        return None
    model = objective.factorised
    if model is None or f <= NEAR * float(model[1].least) or is_straight(objective, theta):
        return None
    width = state.stretches[0].width if state.stretches else 0.0
    begun = dict(state.begun) | {width: f}
    following = next((one for one in WIDTHS if one not in begun), min(begun, key=lambda one: begun[one]))
    if following == width:
        return None
    stretches = stretched_at_all_walls(objective, following) if following else ()
    if following and not stretches:
        return None
    return replace(state, stretches=stretches, begun=tuple(begun.items()))
