"""Decompositions of θ: which parameters are a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, AbstractRestriction, Range, Ranges, Within
from pinnml.settings import setting


class Decomposition(ABC):
    """A rule that splits θ into blocks, each a restriction R_s; together they reach every parameter."""

    @abstractmethod
    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return R_1 … R_s for a θ of `size` entries; raise `DeclarationError` where that cannot be."""

    def sizes(self, objective: AbstractObjective, size: int) -> list[int]:
        """Return the number of parameters of each block."""
        theta = torch.zeros(size)
        return [len(block(theta)) for block in self.restrictions(objective, size)]

    def owners(self, objective: AbstractObjective, like: Tensor) -> Tensor:
        """Return the number of the one block that owns each parameter, the first that holds it, shape (p,)."""
        owners, ones = torch.full_like(like, -1), torch.ones_like(like)
        blocks = self.restrictions(objective, len(like))
        for number in reversed(range(len(blocks))):
            owners[blocks[number].adjoint(blocks[number](ones)) > 0] = number
        return owners


@setting
class ByLayer(Decomposition):
    """Neighbouring layers: `layers` of them a block, reaching `overlap` further on both sides.

    Block s holds the layers [s·n − o, (s + 1)·n + o) (Lee, Kopaničáková, Karniadakis 2025); the last block is shorter
    where n does not divide the number of layers.
    """

    layers: int = 1
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.layers < 1 or self.overlap < 0:
            raise DeclarationError(
                f"layers={self.layers}, overlap={self.overlap}; where: ByLayer; give layers ≥ 1 and overlap ≥ 0."
            )

    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one range of θ for each block, from the input layer up."""
        layers = objective.layers
        if not layers:
            raise DeclarationError("The objective has no layers; where: ByLayer; use ByIndices with sets of your own.")
        blocks = []
        for begin in range(0, len(layers), self.layers):
            first = max(0, begin - self.overlap)
            last = min(len(layers), begin + self.layers + self.overlap) - 1
            blocks.append(Range(layers[first][0], layers[last][1], size))
        return tuple(blocks)

    def owners(self, objective: AbstractObjective, like: Tensor) -> Tensor:
        """Return the number of the block that holds each parameter without the overlap, shape (p,)."""
        if self.overlap:
            return replace(self, overlap=0).owners(objective, like)
        return super().owners(objective, like)


@setting
class ByNeurons(Decomposition):
    """Groups of at most `neurons` neurons within each layer: their rows of W and their biases.

    A layer's groups are of nearly one size. A block of g neurons with w inputs has g(w + 1) parameters, so that its
    Jacobian stays small in wide layers.
    """

    neurons: int = 32

    def __post_init__(self) -> None:
        if self.neurons < 1:
            raise DeclarationError(f"neurons is {self.neurons}; where: ByNeurons; give at least one.")

    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return the groups of each layer, from the input layer up; a layer in one group is a range of θ."""
        if not objective.outputs:
            raise DeclarationError("The objective has no neurons; where: ByNeurons; use ByLayer, or ByIndices.")
        blocks: list[AbstractRestriction] = []
        for (start, stop), outputs in zip(objective.layers, objective.outputs, strict=True):
            layer, groups = Range(start, stop, size), -(-outputs // self.neurons)
            cuts = [number * outputs // groups for number in range(groups + 1)]
            for first, last in pairwise(cuts):
                blocks.append(layer if groups == 1 else Within(layer, _neurons(first, last, outputs, stop - start)))
        return tuple(blocks)


def _neurons(first: int, last: int, outputs: int, size: int) -> Ranges:
    """Return the rows first … last − 1 of W (outputs × inputs) and their biases, in a layer of `size` parameters."""
    inputs = size // outputs - 1
    biases = outputs * inputs
    return Ranges(((first * inputs, last * inputs), (biases + first, biases + last)), size)


@dataclass(frozen=True)
class Entries(AbstractRestriction):
    """Chosen entries of a θ with `size` entries."""

    chosen: Tensor
    size: int

    def __call__(self, v: Tensor) -> Tensor:
        """Return the entries, shape (…, k)."""
        return v[..., self.chosen.to(v.device)]

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend by zero."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        whole[..., self.chosen.to(x.device)] = x
        return whole


@setting
class AsEntries(Decomposition):
    """The blocks of another decomposition as sets of indices, so that nothing is kept of the layers below them.

    The corrections are the same; it shows what the kept jets are worth.
    """

    inner: Decomposition

    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one restriction for each block of `inner`."""
        numbers = torch.arange(size, dtype=torch.float64)
        blocks = self.inner.restrictions(objective, size)
        return tuple(Entries(block(numbers).long(), size) for block in blocks)


@setting
class ByIndices(Decomposition):
    """Blocks given as sets of indices of θ; raises `DeclarationError` unless they reach every parameter."""

    blocks: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(tuple(block) for block in self.blocks))
        wrong = [number for number, block in enumerate(self.blocks) if not block or len(set(block)) < len(block)]
        if wrong:
            raise DeclarationError(f"Blocks {wrong} are empty or repeat an index; where: ByIndices; give sets.")

    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one restriction for each set."""
        missing = set(range(size)) - {index for block in self.blocks for index in block}
        beyond = {index for block in self.blocks for index in block if not 0 <= index < size}
        if missing or beyond:
            raise DeclarationError(
                f"{len(missing)} of {size} parameters are in no block and {len(beyond)} indices do not exist; "
                "where: ByIndices; give sets that together hold 0 … p − 1."
            )
        return tuple(Entries(torch.tensor(block), size) for block in self.blocks)


def multiplicity(restrictions: Sequence[AbstractRestriction], like: Tensor) -> Tensor:
    """Return Σ R_sᵀR_s1, the number of blocks that hold each parameter, shape (p,)."""
    ones = torch.ones_like(like)
    return torch.stack([restriction.adjoint(restriction(ones)) for restriction in restrictions]).sum(0)
