"""At which corners of a domain a solution may be singular: those where the data do not fit together."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.adapt.wave_numbers import values_at_zero
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
    like = next(iter(objective.collocation.values())).x
    points = sample(objective.problem, Sobol(POINTS), torch.Generator().manual_seed(0))
    equations = {name: points[name].x.to(like) for name in objective.problem.equations}
    elsewhere = {name: float(values_at_zero(objective, theta, name, x).norm()) for name, x in equations.items()}

    def holds(corner: Corner) -> bool:
        there = {name: values_at_zero(objective, theta, name, corner.moved(x, NEAR)) for name, x in equations.items()}
        return all(float(values.norm()) <= NOTHING * elsewhere[name] for name, values in there.items())

    corners = enumerate(network.features.corners)
    return tuple(number for number, one in corners if not (one.held and holds(one)))
