"""Layers that widen like √t where a start and a wall do not go together: what solutions are made of there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnml.network.autograd import derivatives
from pinnml.network.indices import MultiIndex, partitions
from pinnml.network.singularity import Singularity
from pinnml.settings import record

EARLIEST = 1e-12
"""Times nearer to the start, as a share of the whole, count as so near: there derivatives have no bound."""


NEAR, NODES = 1.0, 16
"""So near to the wall, d/√(4κt), quotients are integrals, by Gauss's rule with so many nodes."""

BEHIND = -5.0
"""Behind the wall values end at this d/√(4κt), before they are without a bound."""


@record
class InitialLayer(Singularity):
    """t^{−k} F_n and t^{−k} F_{n+1} for F_n(t, d) = (4κt)^{n/2} iⁿerfc(d/√(4κt)), d being the distance to a wall.

    F_n solves F_t = κF_dd: n = 0 where values of start and wall differ, 1 where fluxes do. All F_m with m > n + 1 are
    sums of these two times polynomials of t and d (Carslaw, Jaeger, Conduction of Heat in Solids, 1959, appendix II).
    ∂_d F_n = −F_{n−1} and ∂_t F_n = κF_{n−2}. t is the coordinate `time`, counted from `start`; the power k is of a
    start that is held, u = g + t^k N. Where the wall is `held`, too, u = g + t^k d N, (F_n(t, 0) − F_n(t, d))/d takes
    the place of F_n.
    """

    time: int
    start: float
    duration: float
    diffusivity: float
    distance: Callable[[Tensor], Tensor]
    order: int
    divided: int = 0
    held: bool = False
    pairs = 1
    is_certain = True

    def jet(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return their derivatives at points x (n, d), shape (C, 2, n)."""
        in_space = [index for index in indices if not index[self.time]]
        distance = dict(zip(in_space, derivatives(self.distance, x, in_space), strict=True))
        t = (x[:, self.time] - self.start).clamp_min(EARLIEST * self.duration)
        jet = x.new_zeros(len(indices), 2, len(x))
        for channel, index in enumerate(indices):
            across = tuple(0 if axis == self.time else order for axis, order in enumerate(index))
            for blocks, count in partitions(across).items() if any(across) else [((), 1)]:
                product = count * math.prod((distance[block] for block in blocks), start=1.0)
                for number in range(2):
                    derivative = self._derivative(
                        t, distance[in_space[0]], self.order + number, index[self.time], len(blocks)
                    )
                    jet[channel, number] += product * derivative
        return jet

    def _derivative(self, t: Tensor, d: Tensor, order: int, times: int, along: int) -> Tensor:
        """Return ∂_t^a ∂_d^b of t^{−k} F_n, or of what takes its place, by Leibniz's rule."""
        total, factor = torch.zeros_like(t), 1.0
        across = self._quotient if self.held else self._along
        for lower in range(times + 1):
            power = t ** (-self.divided - lower) * (math.comb(times, lower) * factor)
            rest = times - lower
            total += power * self.diffusivity**rest * across(t, d, order - 2 * rest, along)
            factor *= -self.divided - lower
        return total

    def _along(self, t: Tensor, d: Tensor, order: int, along: int) -> Tensor:
        """Return ∂_d^b F_n."""
        return (-1) ** along * self._layer(t, d, order - along)

    def _quotient(self, t: Tensor, d: Tensor, order: int, along: int) -> Tensor:
        """Return ∂_d^b of (F_n(t, 0) − F_n(t, d))/d = ∫ F_{n−1}(t, sd) ds over s from 0 to 1.

        By Gauss's rule near the wall, where the difference would be one of numbers that are nearly equal.
        """
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        near = torch.zeros_like(d)
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            near += float(weight) * (-float(node)) ** along * self._layer(t, float(node) * d, order - 1 - along)
        away = torch.where(d > 0, d, 1.0)
        far = torch.zeros_like(d)
        for lower in range(along + 1):
            value = -self._along(t, d, order, lower)
            if lower == 0:
                value = value + self._layer(t, torch.zeros_like(d), order)
            rest = along - lower
            far += math.comb(along, lower) * value * (-1) ** rest * math.factorial(rest) / away ** (rest + 1)
        return torch.where(d < NEAR * (4 * self.diffusivity * t).sqrt(), near, far)

    def _layer(self, t: Tensor, d: Tensor, order: int) -> Tensor:
        """Return F_n; for n < 0 by iⁿerfc z = 2/√π H_{−n−1}(z) exp(−z²), the Hermite polynomials."""
        width = (4 * self.diffusivity * t).sqrt()
        z = (d / width).clamp_min(BEHIND)  # points behind the wall are of no interest, but shall have numbers
        before, last = 2 / math.sqrt(math.pi) * torch.ones_like(z), torch.special.erfcx(z)
        if order < 0:
            last = before
            before = torch.zeros_like(z)
            for number in range(-order - 1):
                before, last = last, 2 * z * last - 2 * number * before
        for number in range(1, order + 1):
            before, last = last, (before / 2 - z * last) / number
        return width**order * last * (-z.square()).exp()
