"""How narrow neurons on the coordinates must be, and how many of them each reads, before anything is solved."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.adapt.keeping import on_points
from pinnml.adapt.widening import Widening, freeze, widen
from pinnml.approximation import residual_values
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

FASTEST = 100.0
"""Jumps have all frequencies; beyond this one nothing is tried (dimensionless)."""

STEP = 1e-4
"""The distance of two points between which data are compared, as a share of a side."""

GAIN = 0.7
"""What is left of the residual between the points, at most, where other neurons are taken than usual ones."""

MANY = 3
"""In so many coordinates functions may be sums of such of fewer."""

HALVINGS = 2
"""So often it is tried to make neurons twice as wide along each of the other coordinates."""

RIDGE = 1e-10
"""Columns that depend on one another are held by so much of the largest one."""


def bandwidths(objective: PinnObjective, theta: Tensor) -> tuple[float, ...]:
    """Return ‖∂r/∂x_i‖ L_i / 2‖r‖ of the residuals r that N = 0 leaves, the largest of all conditions, dimensionless.

    It is the wave number that data have along each coordinate: of sources, of starts, of values on walls. Those that
    are zero, measured or periodic say nothing.
    """
    problem, found = objective.problem, [0.0] * objective.problem.domain.dimension
    network, zero, generator = objective.network, 0 * theta, torch.Generator().manual_seed(0)
    for name, points in sample(problem, Sobol(POINTS // 4), generator).items():
        term = problem.soft_terms[name]
        if term.region.data or isinstance(term.region, Pair):
            continue
        x = points.x.to(theta)
        flat = {side[0] for part in term.region.parts if (side := problem.domain.side(part)) is not None}
        values = residual_values(problem, network, zero, name, x, objective.threads)
        objective.count(points=len(x))
        if not bool(values.any()):
            continue
        for axis, length in enumerate(problem.domain.lengths):
            if axis in flat:
                continue
            objective.count(points=len(x))
            inwards = torch.where(x[:, axis] < problem.domain.lower[axis] + length / 2, STEP, -STEP).to(x)
            moved = x.index_add(1, torch.tensor([axis], device=x.device), length * inwards[:, None])
            change = residual_values(problem, network, zero, name, moved, objective.threads) - values
            found[axis] = max(found[axis], float(change.norm() / values.norm()) / (2 * STEP))
    return tuple(found)


def suited(objective: PinnObjective, theta: Tensor, rule: Widening) -> Widening:
    """Return a rule for neurons on the coordinates that suits the data; where nothing calls for a try, the same.

    Where the data change fast along a coordinate, neurons as narrow as they, or half as narrow, are compared with usual
    ones by what the least-squares problem of `NEURONS`, linear at N = 0, leaves between its points; in three
    coordinates or more those, too, of which every third reads one number, and every third two.
    """
    known = [min(one, FASTEST) for one in bandwidths(objective, theta)]
    many = len(known) >= MANY
    if max(known) <= FAST and not many:
        return rule
    fitted, between = (_drawn(objective, count, seed) for seed, count in enumerate((POINTS, POINTS // 2), 1))

    def left(one: Widening) -> float:
        return _left(objective, theta, replace(one, neurons=NEURONS), fitted, between)

    best = rule if max(known) <= FAST else _stretched(rule, known, left)
    few = replace(best, reads=(1, 2, len(known)))
    return few if many and left(few) < GAIN * left(best) else best


def _stretched(rule: Widening, known: Sequence[float], left: Callable[[Widening], float]) -> Widening:
    """Return the rule with the stretches that leave least, or as it is where that is not much less."""
    fast = [one > FAST for one in known]
    narrow = [
        tuple(share * one if is_fast else 1.0 for one, is_fast in zip(known, fast, strict=True)) for share in (0.5, 1)
    ]
    least, best = min((left(replace(rule, stretch=one)), one) for one in narrow)
    if least >= GAIN * left(rule):
        return rule
    # where nothing happens fast wider neurons do, of which each says more
    for axis in [axis for axis, is_fast in enumerate(fast) if not is_fast] * HALVINGS:
        wider = (*best[:axis], best[axis] / 2, *best[axis + 1 :])
        if (found := left(replace(rule, stretch=wider))) < least:
            least, best = found, wider
    return replace(rule, stretch=best)


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
