"""Climbing the levels of a readout: where a climb stands, when a level is solved, and what the next one promises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.adapt.neurons import Widening
from pinnml.adapt.patches import Patch
from pinnml.adapt.rule import WHOLE, Kept
from pinnml.adapt.spectra import AbstractSpectrum
from pinnml.adapt.stretching import Stretching
from pinnml.approximation import decay, fresh_points, is_straight, linearised_error, losses_elsewhere
from pinnml.loss import PinnObjective
from pinnml.network import ChainNetwork, growth_of, neurons_of
from pinnml.optim import Estimate, Progress
from pinnml.settings import record

NEAR = 4.0
"""A level is solved where f is within this factor of the least that its linear model knew: one that is far below it
began where the equation looked otherwise."""

SMALL = 64.0
"""… or within so many units of rounding of the residual before the step."""

AT_LEAST = 2.0
"""Where f is within this factor of that least a further step has little to give."""

STEPS = 6
"""The most steps on one level."""

HALF = 0.5
"""A step that leaves more than this share of f is the last one on its level."""

NEGLIGIBLE = 1e-2
"""A readout that leaves this share of the residual of N = 0 has found the solution, and its estimate can be trusted."""

LITTLE = 2e-2
"""One that leaves so much may have found it, too, unless the estimated error is as large as the solution."""

ELSEWHERE = 0.5
"""An error of so much of the solution, that is not to be trusted, says that the solution is another one."""

WORSE = 3.0
"""An estimate so many times as large as another one says that the error is larger."""

FEW = 200
"""Fewer neurons than these on the coordinates are where an equation that is not linear begins: they cost next to
nothing, say little about the error, and may take more steps."""

MANY = 1000
"""With so many neurons what is tried, and a march in time, cost seconds each step."""

FEW_STEPS = 30
"""The most steps on one of their levels, …"""

FEW_LEFT = 0.9
"""… the last of which leaves more than this share of f."""


@record
class ReadoutsState:
    """Where the policy stands: training, or climbing the levels of a readout.

    The network was trained for `trained` iterations, and is to be until `until`; `body` is θ as it was frozen, None
    while it is trained. On the present level `steps` were taken, the last of which ended at `f`. `solved` has how many
    neurons there were on the levels that were solved before, and the least f that was known there. Neurons on the
    coordinates of an untrained network are waves with a `spectrum` where data are fast, read as many as `reads`, and
    are as narrow as `radius` says, None for what goes with their number, or have a `shape`, which has left the share
    `left` in a try; some are multiplied by what is `singular`, some read coordinates with `stretches`, and some lie in
    `patches`. With `marched` neurons an evolution was solved from its start on, 0 where that was not tried. `begun` has
    the widths of layers with which few neurons were solved, 0 for none, and the f that each left, where the first of
    them had not found the solution.
    """

    trained: int = 0
    until: int = 0
    body: Tensor | None = None
    steps: int = 0
    f: float = math.inf
    kept: Kept | None = None
    solved: tuple[tuple[int, float], ...] = ()
    spectrum: AbstractSpectrum | None = None
    reads: tuple[int, ...] = ()
    radius: float | None = None
    shape: tuple[tuple[float, ...], ...] = ()
    left: float = math.inf
    singular: tuple[int, ...] = ()
    stretches: tuple[Stretching, ...] = ()
    patches: tuple[Patch, ...] = ()
    marched: int = 0
    begun: tuple[tuple[float, float], ...] = ()


def suits(rule: Widening, state: ReadoutsState) -> Widening:
    """Return a rule for neurons on the coordinates with what the state knows of the data."""
    radius = rule.radius if state.radius is None else state.radius
    spectrum = None if state.stretches or state.patches else state.spectrum
    found = replace(rule, spectrum=spectrum, reads=state.reads, singular=state.singular, shape=state.shape)
    return replace(found, radius=radius, stretches=state.stretches, patches=state.patches)


def foreseen(estimate: Estimate, ratio: float, dimension: int) -> float:
    """Return by what factor `ratio` times as many neurons change the error, for the field that gains least."""
    rate = min(decay(parts, dimension)[1] for parts in estimate.differences.values())
    return math.exp(-rate * (ratio ** (1 / dimension) - 1))


def with_level(state: ReadoutsState, objective: PinnObjective) -> tuple[tuple[int, float], ...]:
    """Return what is known of the levels that were solved, the present one included.

    Where steps came to an end far above the least that the linear model knew, it is f itself that is known.
    """
    model, least = objective.factorised, state.f
    if model is not None and state.f <= NEAR * float(model[1].least):
        least = min(state.f, float(model[1].least))
    return (*state.solved, (neurons_of(objective.network), least))


def residual_foreseen(solved: Sequence[tuple[int, float]], neurons: int, objective: PinnObjective) -> float:
    """Return the share of the residual of N = 0 that so many neurons leave if it falls as it did; 1 where unknown.

    As the error, f falls like exp(−2cm^{1/d}) for smooth functions of d coordinates, and hardly at all where a front is
    narrower than the neurons. Where few neurons leave the error unknown, this tells the two apart.
    """
    if len(solved) < 2:
        return 1.0
    dimension, zero = objective.problem.domain.dimension, objective.chunks[0].x.new_zeros(objective.size)
    (before, higher), (now, f) = solved[-2:]
    objective.count()
    x = [count ** (1 / dimension) for count in (before, now, neurons)]
    ratio = f / float(objective.value(zero)) * (f / higher) ** ((x[2] - x[1]) / (x[1] - x[0]))
    return math.sqrt(ratio)


def stays(solved: Sequence[tuple[int, float]]) -> bool:
    """Return whether the last level has left more than half of the loss of the one before."""
    return len(solved) > 1 and solved[-1][1] > HALF * solved[-2][1]


def leads_to_the_solution(
    estimate: Estimate, solved: Sequence[tuple[int, float]], neurons: int, objective: PinnObjective
) -> bool:
    """Return whether so many neurons are foreseen to find the solution, although the estimate is not to be trusted."""
    return residual_foreseen(solved, neurons, objective) <= (LITTLE if estimate.largest < WHOLE else NEGLIGIBLE)


def is_elsewhere(objective: PinnObjective, theta: Tensor) -> bool:
    """Return whether the linearised equation has the solution as far away as a readout is large, and is not linear.

    A front that is left where it began leaves little of the residual of N = 0, and more neurons do not move it. Where
    there is no such estimate, or no memory for it, nothing is said.
    """
    try:
        found = linearised_error(objective.problem, objective.network, theta)
    except torch.OutOfMemoryError:
        return False
    return found is not None and not found.trustworthy and found.largest > ELSEWHERE


def promises(
    progress: Progress, objective: PinnObjective, state: ReadoutsState, numbers: tuple[int, int], gain: float
) -> bool:
    """Return whether a level is foreseen to pay that takes the number of neurons from the first one to the second.

    It pays where the error is foreseen to fall by `gain`; where it is not known, where it leads to the solution.
    """
    estimate = progress.estimate
    assert estimate is not None
    if is_beginning(objective, state):
        return True
    if estimate.stuck and not state.trained and stays(state.solved):
        return False
    if state.spectrum is not None and not (state.trained or state.stretches or state.patches):
        return True  # a network would begin with neurons to which such data are noise
    if not (state.trained or estimate.trustworthy):
        if not leads_to_the_solution(estimate, state.solved, numbers[1], objective):
            return False
        theta = progress.iterate.theta
        return is_straight(objective, theta) or not is_elsewhere(objective, theta)
    return foreseen(estimate, numbers[1] / numbers[0], objective.problem.domain.dimension) <= 1 / gain


def is_beginning(objective: PinnObjective, state: ReadoutsState) -> bool:
    """Return whether an untrained network has so few neurons that they are but a start for more."""
    return not state.trained and neurons_of(objective.network) < FEW


def is_over(progress: Progress, objective: PinnObjective, state: ReadoutsState) -> bool:
    """Return whether steps have come to an end on the present level: too many, or f is no longer halved."""
    most, share = (FEW_STEPS, FEW_LEFT) if is_beginning(objective, state) else (STEPS, HALF)
    return progress.exhausted or state.steps + 1 >= most or float(progress.iterate.f) > share * state.f


def is_solved(progress: Progress, objective: PinnObjective, state: ReadoutsState) -> bool:
    """Return whether the present level has given what it can: f is near the least known, or no longer halved."""
    f, model = float(progress.iterate.f), objective.factorised
    if is_over(progress, objective, state) or model is None:
        return True
    rounding = (SMALL * torch.finfo(progress.iterate.theta.dtype).eps) ** 2 * float(model[1].f)
    least = float(model[1].least)
    return least / NEAR - rounding <= f <= NEAR * least + rounding


def is_at_its_least(progress: Progress, objective: PinnObjective) -> bool:
    """Return whether f is so near the least that the last step's model knew that another step has little to give."""
    model = objective.factorised
    return model is not None and float(progress.iterate.f) <= AT_LEAST * float(model[1].least)


def better(kept: Kept | None, objective: PinnObjective, progress: Progress) -> Kept | None:
    """Return the present approximation, or the one that was kept where its loss at fresh points is less.

    It stays, too, where both estimates are trusted and the present one is several times as large: other coordinates may
    leave less of the residual and more of the error.
    """
    theta = progress.iterate.theta
    losses = objective.losses(theta)
    x = fresh_points(objective, 2048, torch.Generator().manual_seed(1))
    loss = sum((losses | losses_elsewhere(objective, theta, x)).values())
    if kept is not None and not (loss < kept.loss and not _is_clearly_worse(progress.estimate, kept.estimate)):
        return kept
    return Kept(growth_of(objective.network), theta.clone(), loss, progress.estimate)


def _is_clearly_worse(estimate: Estimate | None, known: Estimate | None) -> bool:
    if estimate is None or known is None or not (estimate.trustworthy and known.trustworthy):
        return False
    return estimate.largest > WORSE * known.largest


def copied(generator: torch.Generator) -> torch.Generator:
    """Return a generator that gives the same numbers, and leaves this one as it is."""
    return torch.Generator().set_state(generator.get_state())


def can_be_read(objective: PinnObjective, theta: Tensor) -> bool:
    """Return whether a readout pays: of a chain of layers, in double precision."""
    return isinstance(objective.network, ChainNetwork) and theta.dtype == torch.float64
