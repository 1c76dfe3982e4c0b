"""Where a solution may be singular: where the data do not fit together."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.adapt.wave_numbers import values_at_zero
from pinnml.loss import PinnObjective
from pinnml.network import ChainNetwork, Singularity
from pinnml.points import Sobol, sample

POINTS = 64
"""Points of the equation at which residuals are compared, and those that are moved to each corner."""

NEAR = 1e-4
"""How far from a corner they are moved, in lengths of the domain (dimensionless)."""

NOTHING = 1e-3
"""Residuals that are less than this share of those elsewhere are none."""


def singular(objective: PinnObjective, theta: Tensor) -> tuple[int, ...]:
    """Return the numbers of the singularities of the features but for those that nothing calls for.

    Where values are held on both sides of a corner, u = g + ℓN is smooth there where g meets the equation, and has a
    term r² log r where it does not (for a right angle). Of soft values nothing is known but by trying.
    """
    network = objective.network
    if not isinstance(network, ChainNetwork) or not network.features.singular:
        return ()
    like = next(iter(objective.collocation.values())).x
    points = sample(objective.problem, Sobol(POINTS), torch.Generator().manual_seed(0))
    equations = {name: points[name].x.to(like) for name in objective.problem.equations}
    elsewhere = {name: float(values_at_zero(objective, theta, name, x).norm()) for name, x in equations.items()}

    def is_smooth(one: Singularity) -> bool:
        moved = {name: one.judged(x, NEAR) for name, x in equations.items()}
        there = {name: values_at_zero(objective, theta, name, x) for name, x in moved.items() if x is not None}
        return bool(there) and all(float(r.norm()) <= NOTHING * elsewhere[name] for name, r in there.items())

    return tuple(number for number, one in enumerate(network.features.singular) if not is_smooth(one))
