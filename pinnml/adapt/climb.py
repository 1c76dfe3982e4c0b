"""Climbing the levels of a readout: where a climb stands, when a level is solved, and what the next one promises."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnml.adapt.rule import Kept
from pinnml.approximation import decay, fresh_points, losses_elsewhere
from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork, growth_of
from pinnml.optim import Estimate, Progress
from pinnml.settings import record

NEAR = 4.0
"""A level is solved where f is within this factor of the least that its linear model knew."""

SMALL = 64.0
"""… or within so many units of rounding of the residual before the step."""

STEPS = 6
"""The most steps on one level."""

HALF = 0.5
"""A step that leaves more than this share of f is the last one on its level."""

FEW = 200
"""Fewer neurons than these on the coordinates are where an equation that is not linear begins: they cost next to
nothing, say little about the error, and may take more steps."""

FEW_STEPS = 30
"""The most steps on one of their levels, …"""

FEW_LEFT = 0.9
"""… the last of which leaves more than this share of f."""


@record
class ReadoutsState:
    """Where the policy stands: training, or climbing the levels of a readout.

    The network was trained for `trained` iterations, and is to be until `until`; `body` is θ as it was frozen, None
    while it is trained. On the present level `steps` were taken, the last of which ended at `f`.
    """

    trained: int = 0
    until: int = 0
    body: Tensor | None = None
    steps: int = 0
    f: float = math.inf
    kept: Kept | None = None


def foreseen(estimate: Estimate, ratio: float, dimension: int) -> float:
    """Return by what factor `ratio` times as many neurons change the error, for the field that gains least."""
    rate = min(decay(parts, dimension)[1] for parts in estimate.differences.values())
    return math.exp(-rate * (ratio ** (1 / dimension) - 1))


def is_beginning(objective: PinnObjective, state: ReadoutsState) -> bool:
    """Return whether an untrained network has so few neurons that they are but a start for more."""
    network = objective.network
    assert isinstance(network, FrozenNetwork)
    return not state.trained and sum(level.neurons for level in network.levels) < FEW


def is_solved(progress: Progress, objective: PinnObjective, state: ReadoutsState) -> bool:
    """Return whether the present level has given what it can: f is near the least known, or no longer halved."""
    f, model = float(progress.iterate.f), objective.factorised
    most, share = (FEW_STEPS, FEW_LEFT) if is_beginning(objective, state) else (STEPS, HALF)
    if progress.exhausted or state.steps + 1 >= most or f > share * state.f or model is None:
        return True
    rounding = (SMALL * torch.finfo(progress.iterate.theta.dtype).eps) ** 2 * float(model[1].f)
    return f <= NEAR * float(model[1].least) + rounding


def better(kept: Kept | None, objective: PinnObjective, progress: Progress) -> Kept | None:
    """Return the present approximation, or the one that was kept where its loss at fresh points is less."""
    theta = progress.iterate.theta
    losses = objective.losses(theta)
    x = fresh_points(objective, 2048, torch.Generator().manual_seed(1))
    loss = sum((losses | losses_elsewhere(objective, theta, x)).values())
    if kept is not None and not loss < kept.loss:
        return kept
    return Kept(growth_of(objective.network), theta.clone(), loss, progress.estimate)
