"""How narrow neurons on the coordinates are in which direction: found by trying, where levels are added."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import combinations
from operator import itemgetter

import torch
from torch import Tensor

from pinnml.adapt.more_points import fields_and_residuals
from pinnml.adapt.neurons import Widening
from pinnml.adapt.tries import Tryout, axes_alone, begun_on, drawn
from pinnml.approximation import field_values
from pinnml.loss import PinnObjective
from pinnml.network import neurons_of
from pinnml.points import Sobol

NEURONS = 300
"""The most neurons that are tried."""

ROWS = 3
"""Residuals a column of a try."""

TRIES = 16
"""The most tries of a search."""

GAIN = 0.85
"""What another shape leaves, at most, as a share of what is left without it."""

TWICE = 2.0
"""Neurons are tried that are so many times as narrow in one direction, or as wide."""

TURNS = (16.0, 4.0)
"""Angles by which directions are turned, in degrees."""

TURNED = 3
"""In more coordinates there are too many planes in which to turn."""

NARROWEST, WIDEST = 100.0, 0.05
"""Bounds of R in a direction (dimensionless)."""

SAME = 0.05
"""Shares that differ by less, relatively, are the same."""

ENOUGH = 1e-6
"""Where a try leaves no more than this share of the residual there is nothing to look for."""

APART = 0.1
"""Directions that differ by less (in radians) are the same, and so are sizes that do, relatively."""

POINTS, STEP = 512, 1e-3
"""Points at which slopes are taken, and the distance over which they are, as a share of a side."""

Move = Callable[[Tensor], Tensor]
Shape = tuple[tuple[float, ...], ...]


def with_shape(
    objective: PinnObjective, theta: Tensor, rule: Widening, before: float = math.inf
) -> tuple[Widening, float]:
    """Return a rule for neurons on the coordinates with the shape S that leaves least of the residual, and that share.

    S = Q diag(R) has R in each of some directions that are orthogonal for coordinates of deviation one. From the S that
    the rule has, and from the directions in which the solution of the first try changes, R in one direction after
    another is doubled or halved, and pairs of directions are turned, while that leaves less between the points of a
    least-squares problem, linear at θ, for all of the solution: layers, slow coordinates and waves that travel need few
    neurons of the right shape where they need many of any. Where its shape leaves as much as `before` the rule stays:
    the problem looks the same.
    """
    dimension = objective.problem.domain.dimension
    rule = rule.sized(neurons_of(objective.network) + rule.neurons, dimension)
    assert rule.radius is not None
    fields, residuals = fields_and_residuals(objective, theta)
    neurons = math.ceil(min(rule.neurons, NEURONS) / math.sqrt(fields))
    count = math.ceil(ROWS * neurons * fields / residuals)
    fitted, between = drawn(objective, count, 1), drawn(objective, count // 2, 2)
    here, theta = begun_on(objective, theta, fitted)

    def formed(shape: Shape) -> Widening:
        return replace(rule, neurons=neurons, shape=shape)

    eye = torch.eye(dimension, dtype=torch.float64, device="cpu")
    shape = torch.tensor(rule.shape, dtype=eye.dtype, device="cpu") if rule.shape else rule.radius * eye
    turning = _turning(objective)
    scales = [(_scaled(column, TWICE), _scaled(column, 1 / TWICE)) for column in range(dimension)]
    tryout = Tryout(here, theta, formed(_plain(shape)), between)
    first = tryout.first

    @cache
    def left(shape: Shape) -> float:
        return tryout.left(formed(shape))

    if abs(first.left - before) <= SAME * before < math.inf:
        return rule, before
    frame = directions(first.objective, first.theta, turning)
    least, shape = _descended(shape, first.left, scales, left)
    if least > ENOUGH and _is_apart(frame, shape):
        sizes = shape.norm(dim=0)
        sizes[turning] = sizes[turning].sort().values  # as directions are, from the least change to the most
        other = frame * sizes
        least, shape = min((least, shape), _descended(other, left(_plain(other)), scales, left), key=itemgetter(0))
    least, shape = _descended(shape, least, _turns(turning), left)
    return replace(rule, shape=_plain(shape)), least


def directions(objective: PinnObjective, theta: Tensor, turning: Sequence[int]) -> Tensor:
    """Return the directions (d, d), as columns, in which u changes from least to most; periodic coordinates stay.

    They are the eigenvectors of Σ_k mean ∇u_k ∇u_kᵀ / mean |∇u_k|² for coordinates of deviation one.
    """
    problem, domain = objective.problem, objective.problem.domain
    objective.count(points=2 * len(turning) * POINTS)
    x = domain.sample(partial(Sobol().unit, generator=torch.Generator().manual_seed(0)), POINTS).to(theta)
    slopes = []
    for axis in turning:
        step = torch.zeros_like(x)
        step[:, axis] = STEP * domain.lengths[axis]
        ahead, behind = (
            field_values(problem, objective.network, theta, moved, list(problem.fields))
            for moved in (x + step, x - step)
        )
        slopes.append((ahead - behind) / STEP * float(x[:, axis].std()) / domain.lengths[axis])
    found = torch.eye(domain.dimension, dtype=torch.float64, device="cpu")
    if turning:
        slope = torch.stack(slopes).double().cpu().nan_to_num(0, 0, 0)  # (t, fields, n)
        slope = slope / slope.square().sum((0, 2), keepdim=True).sqrt().clamp_min(torch.finfo(slope.dtype).tiny)
        among = torch.tensor(turning, device="cpu")
        found[among[:, None], among] = torch.linalg.eigh(torch.einsum("ifn,jfn->ij", slope, slope))[1]
    return found


def _descended(
    shape: Tensor, least: float, moves: Sequence[tuple[Move, Move]], left: Callable[[Shape], float]
) -> tuple[float, Tensor]:
    """Return the least that is left, and the shape with which it is, by moves (with their inverses) while they gain."""
    tries, gained = 0, True
    while gained:
        gained = False
        for pair in moves:
            for move in pair:
                before = least
                while least > ENOUGH and tries < TRIES and _is_allowed(other := move(shape)) and other is not shape:
                    found, tries = left(_plain(other)), tries + 1
                    if found > GAIN * least:
                        break
                    shape, least = other, found
                if least < before:
                    gained = True
                    break  # the way back leads nowhere
    return least, shape


def _is_apart(frame: Tensor, shape: Tensor) -> bool:
    """Return whether a frame has other directions than a shape."""
    return float((frame.T @ (shape / shape.norm(dim=0))).abs().amax(0).min()) < math.cos(APART)


def _scaled(column: int, factor: float) -> Move:
    def move(shape: Tensor) -> Tensor:
        changed = shape.clone()
        changed[:, column] *= factor
        return changed

    return move


def _turned(first: int, second: int, angle: float) -> Move:
    def move(shape: Tensor) -> Tensor:
        size, changed = shape.norm(dim=0), shape.clone()
        if abs(float(size[first] / size[second]) - 1) < APART:
            return shape  # as far in all directions of this plane
        one, other = shape[:, first] / size[first], shape[:, second] / size[second]
        changed[:, first] = size[first] * (math.cos(angle) * one + math.sin(angle) * other)
        changed[:, second] = size[second] * (math.cos(angle) * other - math.sin(angle) * one)
        return changed

    return move


def _turns(turning: Sequence[int]) -> list[tuple[Move, Move]]:
    return [
        (_turned(first, second, angle), _turned(first, second, -angle))
        for angle in map(math.radians, TURNS)
        for first, second in combinations(turning, 2)
    ]


def _turning(objective: PinnObjective) -> list[int]:
    """Return the coordinates that may turn: periodic ones turn with no other."""
    return axes_alone(objective) if objective.problem.domain.dimension <= TURNED else []


def _is_allowed(shape: Tensor) -> bool:
    size = shape.norm(dim=0)
    return float(size.min()) >= WIDEST and float(size.max()) <= NARROWEST


def _plain(shape: Tensor) -> Shape:
    return tuple(map(tuple, shape.tolist()))
