"""Coordinates z^m log z at corners of a domain: what solutions are made of there where data do not fit together."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.network.indices import MultiIndex
from pinnml.network.singularity import Singularity
from pinnml.settings import record

WHOLE = 1e-9
"""Powers that are whole numbers up to this have a logarithm."""

TIP = 1e-12
"""Points nearer to a corner, in lengths of the domain, count as so near: there derivatives have no bound."""


@record
class Corner(Singularity):
    """Re and Im of z^m log z for some powers m, of z^m where m is no whole number.

    z = e^{−iβ}(x − c + i(y − d))/s in two of the coordinates, at a corner (c, d) whose inside lies in the direction β.
    Values may be `held` on both sides there, whatever the network is.
    """

    axes: tuple[int, int]
    centre: tuple[float, float]
    direction: float
    scale: float
    powers: tuple[float, ...]
    held: bool

    @property
    def pairs(self) -> int:  # type: ignore[override]
        """One of each power."""
        return len(self.powers)

    def judged(self, x: Tensor, near: float) -> Tensor | None:
        """Return the points moved into the corner where values are held there: u = g + ℓN is smooth if g fits."""
        return self.moved(x, near) if self.held else None

    def moved(self, x: Tensor, distance: float | Tensor) -> Tensor:
        """Return points x (n, d) moved into the middle of the inside, so far from the corner in lengths s."""
        moved = x.clone()
        for axis, end, share in zip(self.axes, self.centre, (math.cos, math.sin), strict=True):
            moved[:, axis] = end + self.scale * share(self.direction) * distance
        return moved

    def jet(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return their derivatives at points x (n, d), shape (C, features, n): those of a function of z alone."""
        turn = cmath.rect(1 / self.scale, -self.direction)
        away = x[:, self.axes] - x.new_tensor(self.centre)
        z = turn * torch.complex(away[:, 0], away[:, 1])
        z = torch.where(z.abs() < TIP, TIP, z)
        logarithm = z.log()
        jet = x.new_zeros(len(indices), self.features, len(x))
        for channel, index in enumerate(indices):
            own = [index[axis] for axis in self.axes]
            order = sum(own)
            if order < sum(index):
                continue
            for number, power in enumerate(self.powers):
                by_log, alone = _derivative(power, order)
                value = z ** (power - order) * (by_log * logarithm + alone) * (turn**order * 1j ** own[1])
                jet[channel, 2 * number], jet[channel, 2 * number + 1] = value.real, value.imag
        return jet


def _derivative(power: float, order: int) -> tuple[float, float]:
    """Return a and b of the derivative z^(m − k)(a log z + b) of order k of z^m log z, or of z^m."""
    whole = abs(power - round(power)) < WHOLE
    by_log, alone = (1.0, 0.0) if whole else (0.0, 1.0)
    for lower in range(order):
        by_log, alone = (power - lower) * by_log, (power - lower) * alone + by_log
    return by_log, alone
