"""Whether neurons on the coordinates are waves, and how many of them each reads, before anything is solved."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from operator import itemgetter

import torch
from torch import Tensor

from pinnml.adapt.keeping import on_points
from pinnml.adapt.singular import singular
from pinnml.adapt.spectra import Band, Ring
from pinnml.adapt.wave_numbers import bandwidths, peaks
from pinnml.adapt.widening import Widening, freeze, widen
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import Evaluation
from pinnml.points import Collocation, Sobol, sample
from pinnml.problem import Pair

POINTS = 2000
"""Points of the equation on which neurons are tried, and half as many beside them."""

NEURONS = 400
"""Neurons with which they are."""

FAST = 4 * math.pi
"""Data that change faster than a wave of so many radians over half a side call for a try (dimensionless)."""

FASTEST = 1000.0
"""Larger wave numbers count as this one (dimensionless)."""

GAIN = 0.7
"""What is left of the residual between the points, at most, where other neurons are taken than usual ones."""

MANY = 3
"""In so many coordinates functions may be sums of such of fewer, or smoother than many neurons."""

WIDE = (0.3, 0.1)
"""R of neurons that are nearly polynomials of low degree (dimensionless)."""

RIDGE = 1e-10
"""Columns that depend on one another are held by so much of the largest one."""


def suited(objective: PinnObjective, theta: Tensor, rule: Widening) -> Widening:
    """Return a rule for neurons on the coordinates that suits the data; where nothing calls for a try, the same.

    Where the data change fast along a coordinate, waves are compared with usual neurons by what the least-squares
    problem of `NEURONS`, linear at N = 0, leaves between its points, unless the problem is periodic along it; in three
    coordinates or more those, too, that bend little, and those of which every third reads one number, and every third
    two, or two and four. Neurons multiplied by what is singular at corners or at the start are tried, too.
    """
    pairs = [term.region for term in objective.problem.soft_terms.values() if isinstance(term.region, Pair)]
    periodic, known = {pair.axis for pair in pairs}, bandwidths(objective, theta)
    known = tuple(0.0 if axis in periodic else min(one, FASTEST) for axis, one in enumerate(known))
    many = len(known) >= MANY
    numbers = singular(objective, theta)
    if max(known) <= FAST and not many and not numbers:
        return rule
    fitted, between = (_drawn(objective, count, seed) for seed, count in enumerate((POINTS, POINTS // 2), 1))

    neurons = math.ceil(NEURONS / math.sqrt(len(objective.problem.fields)))

    @cache
    def left(one: Widening) -> float:
        return _left(objective, theta, replace(one, neurons=neurons), fitted, between)

    best = rule if max(known) <= FAST else _fast(objective, theta, rule, known, left)
    if numbers and best.spectrum is None:
        best = _least(best, [replace(best, singular=numbers)], left)
    if not many:
        return best
    best = _least(best, [replace(best, radius=radius) for radius in WIDE], left)
    return _least(best, [replace(best, reads=reads) for reads in ((1, 2, len(known)), (2, 4, len(known)))], left)


def _least(usual: Widening, others: Sequence[Widening], left: Callable[[Widening], float]) -> Widening:
    """Return which of some other rules leaves least, or the usual one where that is not much less."""
    least, best = min(((left(one), one) for one in others), key=itemgetter(0))
    return best if least < GAIN * left(usual) else usual


def _fast(
    objective: PinnObjective, theta: Tensor, rule: Widening, known: Sequence[float], left: Callable[[Widening], float]
) -> Widening:
    """Return the rule with the waves that leave least, or as it is where that is not much less."""
    numbers = tuple(one if one > FAST else 0.0 for one in known)
    waves = tuple(peak if one else 0.0 for one, peak in zip(numbers, peaks(objective, theta), strict=True))
    return _least(rule, [replace(rule, spectrum=one) for one in (Ring(waves), Band(numbers))], left)


def _drawn(objective: PinnObjective, count: int, seed: int) -> Collocation:
    """Return other points of all conditions."""
    points = sample(objective.problem, Sobol(count), torch.Generator().manual_seed(seed))
    like = next(iter(objective.collocation.values())).x
    return {name: one.to(like.device, like.dtype) for name, one in points.items()}


def _left(objective: PinnObjective, theta: Tensor, rule: Widening, fitted: Collocation, between: Collocation) -> float:
    """Return the share of the residual of N = 0 at some points that neurons leave which are fitted to others."""
    body = freeze(objective.on(replace(objective.discretisation, collocation=fitted)), theta)
    assert isinstance(body.objective, PinnObjective)
    wide = widen(body.objective, 0 * body.theta, rule, torch.Generator().manual_seed(3))
    assert isinstance(wide.objective, PinnObjective)
    there = on_points(wide.objective, between)
    other = wide.objective.on(Discretisation(there, between, objective.discretisation.weights))
    for one in (wide.objective, other):
        one.count(Evaluation.JACOBIAN)
    known, unknown = wide.objective.linear_model(wide.theta), other.linear_model(wide.theta)
    ridge = RIDGE * known.jacobian.norm(dim=0).max() * torch.ones_like(wide.theta).diag()
    q, r = torch.linalg.qr(torch.cat([known.jacobian, ridge]))
    weights = torch.linalg.solve_triangular(r, q[: len(known.residual)].T @ -known.residual[:, None], upper=True)[:, 0]
    objective.threads.release()
    return float((unknown.jacobian @ weights + unknown.residual).norm() / unknown.residual.norm())
