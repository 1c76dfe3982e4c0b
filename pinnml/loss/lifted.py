"""Fields and their derivatives from the network's jets: u = g(x) + ℓ(x) N(θ, x)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.network import leibniz, nested
from pinnml.problem import FieldLifting, MultiIndex


@dataclass(frozen=True)
class Lifted:
    """The product rule at fixed points: u_α = g_α + Σ_{β≤α} C(α,β) ℓ_{α−β} N_β for every field.

    `offset` has shape (C, m, n) and `factor` (C, C, m, n); both are constants of the points.
    """

    offset: Tensor
    factor: Tensor

    def fields(self, jet: Tensor) -> Tensor:
        """Map the network's jet (C, m, n) to the fields' jet."""
        return (self.factor * jet).sum(1).add_(self.offset)

    def adjoint(self, cotangent: Tensor) -> Tensor:
        """Map the adjoint of the fields' jet to the adjoint of the network's."""
        return (self.factor * cotangent[:, None]).sum(0)


def lift(liftings: Sequence[FieldLifting], x: Tensor, indices: Sequence[MultiIndex]) -> Lifted | None:
    """Evaluate g and ℓ of every field with their derivatives at points x (n, d); None where u = N."""
    if all(lifting.trivial for lifting in liftings):
        return None
    offsets, factors = [], []
    number = {index: channel for channel, index in enumerate(indices)}
    for lifting in liftings:
        offsets.append(_derivatives(lifting.offset, x, indices))
        distance = _derivatives(lifting.distance, x, indices)
        factor = x.new_zeros(len(indices), len(indices), len(x))
        for index, channel in number.items():
            for coefficient, upper, lower in leibniz(index):
                factor[channel, number[lower]] += coefficient * distance[number[upper]]
        factors.append(factor)
    return Lifted(torch.stack(offsets, 1), torch.stack(factors, 2))


def _derivatives(function: Callable[[Tensor], Tensor], x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        return nested(function(points), points, indices).detach()
