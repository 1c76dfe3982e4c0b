"""At which corners of a domain a solution may be singular: those where the data do not fit together."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnml.approximation import residual_values
from pinnml.loss import PinnObjective
from pinnml.network import ChainNetwork, Corner
from pinnml.points import Sobol, sample

POINTS = 64
"""Points of the equation at which residuals are compared, and those that are moved to each corner."""

NEAR = 1e-4
"""How far from a corner they are moved, in lengths of the domain (dimensionless)."""

NOTHING = 1e-3
"""Residuals that are less than this share of those elsewhere are none."""


def singular(objective: PinnObjective, theta: Tensor) -> tuple[int, ...]:
    """Return the numbers of the corners at which the equation does not hold for N = 0, or conditions are soft.

    Where values are held on both sides, u = g + ℓN is smooth at a corner where g meets the equation there, and has a
    term r² log r where it does not (for a right angle). Of soft values nothing is known but by trying.
    """
    network = objective.network
    if not isinstance(network, ChainNetwork) or not network.features.corners:
        return ()
    corners = enumerate(network.features.corners)
    return tuple(number for number, one in corners if not one.held or _leaves(objective, theta, one))


def _leaves(objective: PinnObjective, theta: Tensor, corner: Corner) -> bool:
    """Return whether N = 0 leaves a residual of an equation at a corner."""
    problem = objective.problem
    like = next(iter(objective.collocation.values())).x
    points = sample(problem, Sobol(POINTS), torch.Generator().manual_seed(0))
    for name in problem.equations:
        x = points[name].x.to(like)[:POINTS]
        there = x.clone()
        for axis, end, share in zip(corner.axes, corner.centre, (math.cos, math.sin), strict=True):
            there[:, axis] = end + NEAR * corner.scale * share(corner.direction)
        at, elsewhere = (
            residual_values(problem, objective.network, 0 * theta, name, one, objective.threads) for one in (there, x)
        )
        objective.count(points=2 * len(x))
        if float(at.norm()) > NOTHING * float(elsewhere.norm()):
            return True
    return False
