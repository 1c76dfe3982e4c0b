"""What a network is fed: coordinates normalised, made periodic, or spread into Fourier features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.activation import Sin
from pinnml.network.chain_rule import ChainRule
from pinnml.network.indices import MultiIndex
from pinnml.network.workspace import Workspace
from pinnml.settings import setting


@dataclass(frozen=True)
class FeatureMap:
    """x ↦ (Ax + a, sin(Bx + b)): the features of a point, with A (k, d), a (k,), B (m, d), b (m,)."""

    linear: Tensor
    shift: Tensor
    frequency: Tensor
    phase: Tensor

    @property
    def features(self) -> int:
        """The number k + m of features."""
        return len(self.linear) + len(self.frequency)

    def jet(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the derivatives of the features at points x (n, d), shape (C, k + m, n)."""
        affine = _affine_jet(x, self.linear, self.shift, indices)
        if not len(self.frequency):
            return affine
        waves, _ = ChainRule(indices, Sin()).forward(_affine_jet(x, self.frequency, self.phase, indices), Workspace())
        return torch.cat([affine, waves], 1)


def _affine_jet(x: Tensor, matrix: Tensor, shift: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
    matrix, shift = matrix.to(x), shift.to(x)
    jet = x.new_zeros(len(indices), len(matrix), len(x))
    for channel, index in enumerate(indices):
        if sum(index) == 0:
            jet[channel] = matrix @ x.T + shift[:, None]
        elif sum(index) == 1:
            jet[channel] = matrix[:, index.index(1), None]
    return jet


class Embedding(ABC):
    """A fixed map of coordinates to features, without trained parameters."""

    @abstractmethod
    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return the feature map on a box with named coordinates; raise `DeclarationError` where a name is unknown."""


@setting
class Identity(Embedding):
    """The coordinates as they are."""

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return x ↦ x."""
        return FeatureMap(_eye(len(names)), _zeros(len(names)), _zeros(0, len(names)), _zeros(0))


@setting
class Normalised(Embedding):
    """The box scaled to [−1, 1]^d."""

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return x ↦ (2x − lower − upper)/(upper − lower)."""
        low, high = torch.tensor(lower, dtype=torch.float64), torch.tensor(upper, dtype=torch.float64)
        scale = 2 / (high - low)
        return FeatureMap(torch.diag(scale), -(low + high) / (high - low), _zeros(0, len(low)), _zeros(0))


@setting
class PeriodicEmbedding(Embedding):
    """Coordinate `along` enters only as cos and sin of 2πk(x − lower)/length, k = 1 … harmonics: exactly periodic.

    Source: Dong and Ni, J. Comput. Phys. 435 (2021).
    """

    along: str
    harmonics: int = 1

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return the other coordinates normalised, then sines and cosines (a sine with phase π/2) of this one."""
        if self.along not in names:
            raise DeclarationError(
                f"Unknown coordinate {self.along!r}; where: PeriodicEmbedding; use one of {', '.join(names)}."
            )
        axis = list(names).index(self.along)
        plain = Normalised().bind(names, lower, upper)
        others = [number for number in range(len(names)) if number != axis]
        frequency = _zeros(2 * self.harmonics, len(names))
        phase = _zeros(2 * self.harmonics)
        for harmonic in range(self.harmonics):
            rate = 2 * math.pi * (harmonic + 1) / (upper[axis] - lower[axis])
            frequency[2 * harmonic : 2 * harmonic + 2, axis] = rate
            phase[2 * harmonic : 2 * harmonic + 2] = -rate * lower[axis]
            phase[2 * harmonic + 1] += math.pi / 2
        return FeatureMap(plain.linear[others], plain.shift[others], frequency, phase)


@setting
class FourierFeatures(Embedding):
    """sin and cos of πBx̂ with x̂ the normalised coordinates and B Gaussian of the scale given, beside x̂ itself.

    Source: Tancik et al., NeurIPS 2020. B is drawn from the seed kept here, so that it is the same each time.
    """

    count: int = 16
    scale: float = 1.0
    seed: int = 0

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return x̂, then `count` sines and `count` cosines."""
        generator = torch.Generator().manual_seed(self.seed)
        gaussian = torch.randn(self.count, len(names), generator=generator, dtype=torch.float64)
        plain = Normalised().bind(names, lower, upper)
        rate = math.pi * self.scale * gaussian
        frequency, phase = rate @ plain.linear, rate @ plain.shift
        return FeatureMap(
            plain.linear, plain.shift, torch.cat([frequency] * 2), torch.cat([phase, phase + math.pi / 2])
        )


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64)


def _eye(size: int) -> Tensor:
    return torch.eye(size, dtype=torch.float64)
