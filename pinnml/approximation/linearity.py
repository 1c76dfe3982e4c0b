"""Whether an equation is linear."""

from __future__ import annotations

from torch import Tensor

from pinnml.loss import PinnObjective

STRAIGHT = 1e-6
"""Residuals that lie on a straight line but for this share of the first one are those of a linear equation."""


def is_straight(objective: PinnObjective, theta: Tensor) -> bool:
    """Return whether r is linear between 0 and θ, by its values at both and half of the way."""
    for _ in range(3):
        objective.count()
    begin, half, end = (objective.residual(share * theta) for share in (0.0, 0.5, 1.0))
    return bool((half - (begin + end) / 2).norm() <= STRAIGHT * begin.norm())
