"""Fields and their derivatives from the network's jets: u = g(x) + s ℓ(x) N(θ, x)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.network import derivatives, products
from pinnml.problem import FieldLifting, MultiIndex


class AbstractLifted(ABC):
    """The affine map from the network's jets at fixed points to those of the fields, and the adjoint of its slope."""

    @abstractmethod
    def fields(self, jet: Tensor) -> Tensor:
        """Map the network's jet (C, m, n) to the fields' jet."""

    @abstractmethod
    def adjoint(self, cotangent: Tensor) -> Tensor:
        """Map the adjoint of the fields' jet to the adjoint of the network's."""


@dataclass(frozen=True)
class Scaled(AbstractLifted):
    """u_α = s N_α for every field, with `scales` of shape (m, 1)."""

    scales: Tensor

    def fields(self, jet: Tensor) -> Tensor:
        """Multiply every field by its scale."""
        return jet * self.scales

    def adjoint(self, cotangent: Tensor) -> Tensor:
        """Do the same: the map is diagonal."""
        return cotangent * self.scales


@dataclass(frozen=True)
class Lifted(AbstractLifted):
    """The product rule at fixed points: u_α = g_α + s Σ_{β≤α} C(α,β) ℓ_{α−β} N_β for every field.

    `offset` has shape (C, m, n) and `factor`, the scales included, (C, C, m, n); both are constants of the points.
    """

    offset: Tensor
    factor: Tensor

    def fields(self, jet: Tensor) -> Tensor:
        """Map the network's jet (C, m, n) to the fields' jet."""
        return (self.factor * jet).sum(1).add_(self.offset)

    def adjoint(self, cotangent: Tensor) -> Tensor:
        """Map the adjoint of the fields' jet to the adjoint of the network's."""
        return (self.factor * cotangent[:, None]).sum(0)


def lift(
    liftings: Sequence[FieldLifting],
    x: Tensor,
    indices: Sequence[MultiIndex],
    scales: Sequence[float] | None = None,
) -> AbstractLifted | None:
    """Evaluate g and sℓ of every field with their derivatives at points x (n, d); None where u = N.

    Without scales s they are one.
    """
    scale = None if scales is None else x.new_tensor(scales)[:, None]
    if all(lifting.trivial for lifting in liftings):
        return None if scale is None else Scaled(scale)
    offsets, factors = [], []
    for lifting in liftings:
        offsets.append(derivatives(lifting.offset, x, indices))
        distance = derivatives(lifting.distance, x, indices)
        factor = x.new_zeros(len(indices), len(indices), len(x))
        for channel, upper, lower, count in products(indices):
            factor[channel, lower] += count * distance[upper]
        factors.append(factor)
    factor = torch.stack(factors, 2)
    return Lifted(torch.stack(offsets, 1), factor if scale is None else factor * scale)
