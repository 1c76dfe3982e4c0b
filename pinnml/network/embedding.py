"""The inputs of a network: coordinates normalised, made periodic, or spread into Fourier features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import field, replace
from itertools import product
from typing import Annotated

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.network.activation import Sin
from pinnml.network.chain_rule import ChainRule
from pinnml.network.indices import MultiIndex
from pinnml.network.inversion import Hole, Inversion
from pinnml.network.side import Side
from pinnml.network.singularity import Singularity
from pinnml.network.workspace import Workspace
from pinnml.settings import Above, Count, record, setting

HARMONIC = 1e-9
"""Frequencies are whole multiples of one another up to this."""


@record
class FeatureMap:
    """x ↦ (Ax + a, sin(Bx + b), ξ, |d|, sign d, ψ): the features of a point, with A (k, d) and B (m, d).

    ξ is of `inversions`, |d| and sign d of `sides`, and ψ of what is `singular`: these have derivatives without a
    bound, so that they do not enter the first layer; neurons of a readout may be multiplied by them.
    """

    linear: Tensor
    shift: Tensor
    frequency: Tensor
    phase: Tensor
    inversions: tuple[Inversion, ...] = ()
    sides: tuple[Side, ...] = ()
    singular: tuple[Singularity, ...] = ()

    @property
    def features(self) -> int:
        """The number of features: k, m, and those of every inversion, side and singularity."""
        return self.entering + sum(one.features for one in self.singular)

    @property
    def entering(self) -> int:
        """The number of features that enter the first layer: the first ones, all but those of singularities."""
        return self._plain + sum(one.features for one in self.inversions) + sum(one.features for one in self.sides)

    @property
    def _plain(self) -> int:
        return len(self.linear) + len(self.frequency)

    def around(self) -> list[tuple[Tensor, Tensor]]:
        """Return for each inversion the numbers of the coordinates that it leaves, such as time, and its own."""
        found, begin, coordinates = [], self._plain, self.coordinates()
        along = torch.tensor(self.axes(coordinates), device="cpu")
        for one in self.inversions:
            own = torch.arange(begin, begin + one.features, device="cpu")
            found.append((coordinates[~torch.isin(along, torch.tensor(one.axes, device="cpu"))], own))
            begin += one.features
        return found

    def across(self) -> Tensor:
        """Return the numbers of the features that tell the sides of interfaces."""
        return torch.arange(self.entering - sum(side.features for side in self.sides), self.entering, device="cpu")

    def pairs(self) -> list[tuple[int, Tensor]]:
        """Return for each pair of a singularity its number, and the numbers of the two features."""
        owners = [number for number, one in enumerate(self.singular) for _ in range(one.pairs)]
        pairs = torch.arange(self.entering, self.features, device="cpu").split(2)
        return list(zip(owners, pairs, strict=False))

    @property
    def certain(self) -> tuple[int, ...]:
        """The numbers of the singularities of which solutions are made for certain."""
        return tuple(number for number, one in enumerate(self.singular) if one.is_certain)

    def coordinates(self) -> Tensor:
        """Return the numbers of the features that tell points apart: all but higher harmonics of waves among them.

        A wave whose frequency is k = 2, 3, … times that of another one is a polynomial of it and of its shifted twin.
        """
        square = self.frequency @ self.frequency.T
        own = square.diagonal()
        ratio = square / own  # [i, j] of wave i along wave j, in wave lengths of j
        whole = (ratio.round() >= 2) & (ratio - ratio.round()).abs().lt(HARMONIC)
        parallel = (square.square() - own[:, None] * own).abs() <= HARMONIC * own[:, None] * own
        kept = ~(whole & parallel).any(1)
        return torch.cat([torch.arange(len(self.linear), device="cpu"), len(self.linear) + kept.nonzero().flatten()])

    def axes(self, numbers: Tensor) -> list[int]:
        """Return along which coordinate each of some features changes most; -1 for those of a side."""
        found: list[int] = torch.cat([self.linear, self.frequency]).abs().argmax(1).tolist()
        found += [axis for one in self.inversions for axis in one.axes] + [-1 for one in self.sides for _ in range(2)]
        return [found[number] for number in numbers.tolist()]

    def along(self, axes: Sequence[int]) -> FeatureMap:
        """Return the features of points that have some of the coordinates only; of all of them, the same.

        What the others add to a feature is left out, and a feature of no coordinate that is left; so is what is
        inverted in a sphere of which they are coordinates, what is singular, and the sides of interfaces, whose
        levels are of all.
        """
        kept = list(axes)
        if kept == list(range(self.linear.shape[1])):
            return self
        linear, frequency = self.linear[:, kept], self.frequency[:, kept]
        lines, waves = linear.any(1), frequency.any(1)
        inversions = [
            replace(one, axes=tuple(map(kept.index, one.axes))) for one in self.inversions if set(one.axes) <= set(kept)
        ]
        return FeatureMap(linear[lines], self.shift[lines], frequency[waves], self.phase[waves], tuple(inversions))

    def jet(self, x: Tensor, indices: Sequence[MultiIndex], singular: Collection[int] = ()) -> Tensor:
        """Return the derivatives of the features at points x (n, d), shape (C, features, n).

        Of singularities only those with some numbers are evaluated; others, which nothing reads, are zero.
        """
        linear, shift, frequency, phase = self._like(x)
        parts = [_affine_jet(x, linear, shift, indices)]
        if len(frequency):
            waves = ChainRule(indices, Sin()).forward(_affine_jet(x, frequency, phase, indices), Workspace())[0]
            parts.append(waves)
        parts += [one.jet(x, indices) for one in self.inversions]
        parts += [one.jet(x, indices) for one in self.sides]
        for number, one in enumerate(self.singular):
            read = number in singular
            parts.append(one.jet(x, indices) if read else x.new_zeros(len(indices), one.features, len(x)))
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]

    def _like(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return A, a, B and b in the precision and on the device of the points, to which they move once."""
        kept: tuple[Tensor, ...] | None = self.__dict__.get("_kept")
        if kept is None or (kept[0].device, kept[0].dtype) != (x.device, x.dtype):
            whole = self.linear, self.shift, self.frequency, self.phase
            kept = self.__dict__["_kept"] = tuple(part.to(x) for part in whole)
        return kept


def _affine_jet(x: Tensor, matrix: Tensor, shift: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
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
    """The coordinates unchanged, in the problem's units: x ↦ x. It takes no parameters."""

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return x ↦ x."""
        return FeatureMap(_eye(len(names)), _zeros(len(names)), _zeros(0, len(names)), _zeros(0))


@setting
class Normalised(Embedding):
    """The box scaled to [−1, 1]^d, dimensionless: x ↦ (2x − lower − upper)/(upper − lower). It takes no parameters."""

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return x ↦ (2x − lower − upper)/(upper − lower)."""
        low, high = (
            torch.tensor(lower, dtype=torch.float64, device="cpu"),
            torch.tensor(upper, dtype=torch.float64, device="cpu"),
        )
        scale = 2 / (high - low)
        return FeatureMap(torch.diag(scale), -(low + high) / (high - low), _zeros(0, len(low)), _zeros(0))


@setting
class PeriodicEmbedding(Embedding):
    """Coordinates `along` enter only as cos and sin of 2πk(x − lower)/length, k = 1 … harmonics: exactly periodic.

    The other coordinates are normalised. Source: Dong and Ni, J. Comput. Phys. 435 (2021).

    Parameters
    ----------
    along : str or tuple of str
        The names of the coordinates, or of the one; the period of each is the length of the box.
    harmonics : int, default 1
        The number of frequencies k of each coordinate, each with a cosine and a sine.

    Raises
    ------
    DeclarationError
        Where `harmonics` is less than 1, and where no coordinate is named or one twice; and on solving, where the
        problem has no such coordinate.
    """

    along: str | tuple[str, ...]
    harmonics: Count = 1

    def __post_init__(self) -> None:
        if not self.axes or len(set(self.axes)) < len(self.axes):
            raise DeclarationError(f"along is {self.along!r}", "PeriodicEmbedding", "name each coordinate once")

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the coordinates."""
        return (self.along,) if isinstance(self.along, str) else self.along

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return the others normalised, then sines and cosines (a sine with phase π/2) of each of these coordinates."""
        for name in self.axes:
            if name not in names:
                raise DeclarationError(f"Unknown coordinate {name!r}", "PeriodicEmbedding", suggestion(name, names))
        axes = [list(names).index(name) for name in self.axes]
        plain = Normalised().bind(names, lower, upper)
        others = [number for number in range(len(names)) if number not in axes]
        rows = 2 * self.harmonics * len(axes)
        frequency, phase = _zeros(rows, len(names)), _zeros(rows)
        for number, (axis, harmonic) in enumerate(product(axes, range(1, self.harmonics + 1))):
            rate = 2 * math.pi * harmonic / (upper[axis] - lower[axis])
            frequency[2 * number : 2 * number + 2, axis] = rate
            phase[2 * number : 2 * number + 2] = -rate * lower[axis]
            phase[2 * number + 1] += math.pi / 2
        return FeatureMap(plain.linear[others], plain.shift[others], frequency, phase)


@setting
class FourierFeatures(Embedding):
    """sin and cos of πBx̂ with x̂ the normalised coordinates and B Gaussian of the scale given, beside x̂ itself.

    Source: Tancik et al., NeurIPS 2020. B is drawn from the seed kept here, so that it is the same each time.

    Parameters
    ----------
    count : int, default 16
        The rows of B: as many sines and as many cosines.
    scale : float, default 1.0
        The standard deviation of the entries of B, in half waves across the box.
    seed : int, default 0
        The seed from which B is drawn.

    Raises
    ------
    DeclarationError
        Where `count` is less than 1, `scale` is not positive, or an argument has another type.
    """

    count: Count = 16
    scale: Annotated[float, Above(0)] = 1.0
    seed: int = 0

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return x̂, then `count` sines and `count` cosines."""
        generator = torch.Generator().manual_seed(self.seed)
        gaussian = torch.randn(self.count, len(names), generator=generator, dtype=torch.float64, device="cpu")
        plain = Normalised().bind(names, lower, upper)
        rate = math.pi * self.scale * gaussian
        frequency, phase = rate @ plain.linear, rate @ plain.shift
        return FeatureMap(
            plain.linear, plain.shift, torch.cat([frequency] * 2), torch.cat([phase, phase + math.pi / 2])
        )


@setting
class Inverted(Embedding):
    """Beside another embedding the coordinates inverted in the spheres of holes: r(x − c)/‖x − c‖².

    What changes fast near a small hole, and slowly far from it, is smooth in these.

    Parameters
    ----------
    holes : tuple of Hole
        The holes.
    embedding : Embedding, default Normalised()
        What the coordinates are turned into beside them.

    Raises
    ------
    DeclarationError
        Where an argument has another type, and on solving, where the problem has not the coordinates of a hole.
    """

    holes: tuple[Hole, ...]
    embedding: Embedding = field(default_factory=Normalised)

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return the other embedding's features, then those of each hole."""
        plain = self.embedding.bind(names, lower, upper)
        return replace(plain, inversions=(*plain.inversions, *(hole.bind(names) for hole in self.holes)))


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64, device="cpu")


def _eye(size: int) -> Tensor:
    return torch.eye(size, dtype=torch.float64, device="cpu")
