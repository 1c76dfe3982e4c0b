"""How fast a problem's data change along each coordinate: sources, starts, values on walls."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from pinnml.approximation import residual_values
from pinnml.loss import PinnObjective
from pinnml.points import Sobol, sample
from pinnml.problem import Pair

POINTS = 500
"""Points of the equation at which data are compared, and what belongs to them of each other condition."""

STEP = 1e-4
"""The distance of two points between which data are compared, as a share of a side."""

FARTHER, SMOOTH = 4, 0.7
"""Data have a wave number where from points so many times as far apart it is found again but for this share, at least.
Where they jump, which is where they have all frequencies, half of it is."""

LINES, SAMPLES = 8, 2048
"""Lines along a coordinate of every condition, and points of each, by which waves are told."""

SLOWEST = 4
"""Waves that turn fewer times over a side are not looked for."""


def bandwidths(objective: PinnObjective, theta: Tensor) -> tuple[float, ...]:
    """Return ‖∂r/∂x_i‖ L_i / 2‖r‖ of the residuals r that N = 0 leaves, the largest of all conditions, dimensionless.

    It is the wave number that data have along each coordinate. Those that are zero, measured or periodic, or jump, say
    nothing.
    """
    found = [0.0] * objective.problem.domain.dimension
    for name, x, axes in _speaking(objective, POINTS):
        values = values_at_zero(objective, theta, name, x)
        if not bool(values.any()):
            continue
        for axis in axes:
            near, far = (_slope(objective, theta, name, x, values, axis, step) for step in (STEP, FARTHER * STEP))
            found[axis] = max(found[axis], near if far >= SMOOTH * near else 0.0)
    return tuple(found)


def peaks(objective: PinnObjective, theta: Tensor) -> tuple[float, ...]:
    """Return the wave number of most energy along each coordinate of the same residuals, 0 where there is none.

    `bandwidths` are means over all waves. Energies are those along some lines through the domain, with Hann's window,
    and the number is where the parabola through the logarithms of the highest ones is highest.
    """
    domain = objective.problem.domain
    energy = torch.zeros(domain.dimension, SAMPLES // 2 + 1, dtype=torch.float64, device="cpu")
    window = torch.hann_window(SAMPLES, dtype=torch.float64, device="cpu")
    place = torch.arange(SAMPLES, dtype=torch.float64, device="cpu") / SAMPLES
    for name, points, axes in _speaking(objective, 2 * LINES):
        for axis in axes:
            x = points[:LINES].repeat_interleave(SAMPLES, 0)
            x[:, axis] = (domain.lower[axis] + domain.lengths[axis] * place).to(x).repeat(len(x) // SAMPLES)
            lines = values_at_zero(objective, theta, name, x).cpu().double().reshape(-1, SAMPLES).nan_to_num(0, 0, 0)
            total = float(lines.square().sum())
            if total > 0:
                energy[axis] += torch.fft.rfft(window * lines).abs().square().sum(0) / total
    return tuple(math.pi * _highest(one) for one in energy)


def _speaking(objective: PinnObjective, count: int) -> Iterator[tuple[str, Tensor, list[int]]]:
    """Yield conditions whose data say something, with points (n, d) and the axes along which they may be moved."""
    problem = objective.problem
    like = next(iter(objective.collocation.values())).x
    for name, points in sample(problem, Sobol(count), torch.Generator().manual_seed(0)).items():
        term, x = problem.soft_terms[name], points.x.to(like)
        if term.region.data or isinstance(term.region, Pair) or term.region.count(x) != len(x):
            continue
        flat = {side[0] for part in term.region.parts if (side := problem.domain.side(part)) is not None}
        yield name, x, [axis for axis in range(problem.domain.dimension) if axis not in flat]


def values_at_zero(objective: PinnObjective, theta: Tensor, name: str, x: Tensor) -> Tensor:
    """Return the residuals (q, n) of a condition that N = 0 leaves."""
    objective.count(points=len(x))
    return residual_values(objective.problem, objective.network, 0 * theta, name, x, objective.threads)


def _slope(
    objective: PinnObjective, theta: Tensor, name: str, x: Tensor, values: Tensor, axis: int, step: float
) -> float:
    """Return how much residuals change over half a side along a coordinate, by points that are so far apart."""
    domain = objective.problem.domain
    inwards = torch.where(x[:, axis] < domain.lower[axis] + domain.lengths[axis] / 2, step, -step).to(x)
    moved = x.index_add(1, torch.tensor([axis], device=x.device), domain.lengths[axis] * inwards[:, None])
    change = values_at_zero(objective, theta, name, moved) - values
    return float(change.norm() / values.norm()) / (2 * step)


def _highest(energy: Tensor) -> float:
    """Return how often the wave of most energy turns over a side, 0 where there is none."""
    top = int(energy[SLOWEST:-1].argmax()) + SLOWEST
    if not float(energy[top]) > 0:
        return 0.0
    low, mid, high = energy[top - 1 : top + 2].clamp_min(torch.finfo(torch.float64).tiny).log().tolist()
    bend = low - 2 * mid + high
    return top + (min(max(0.5 * (low - high) / bend, -0.5), 0.5) if bend < 0 else 0.0)
