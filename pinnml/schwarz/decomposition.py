"""Decompositions of θ: which parameters are a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, AbstractRestriction, Range


class Decomposition(ABC):
    """A rule that splits θ into blocks, each a restriction R_s; together they reach every parameter."""

    @abstractmethod
    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return R_1 … R_s for a θ of `size` entries; raise `ValueError` where the objective does not allow it."""


@dataclass(frozen=True)
class ByLayer(Decomposition):
    """Neighbouring layers: `layers` of them a block, reaching `overlap` further on both sides.

    Block s holds the layers [s·n − o, (s + 1)·n + o) (Lee, Kopaničáková, Karniadakis 2025); the last block is shorter
    where n does not divide the number of layers.
    """

    layers: int = 1
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.layers < 1 or self.overlap < 0:
            raise ValueError(
                f"layers={self.layers}, overlap={self.overlap}; where: ByLayer; give layers ≥ 1 and overlap ≥ 0."
            )

    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one range of θ for each block, from the input layer up."""
        layers = objective.layers
        if not layers:
            raise ValueError("The objective has no layers; where: ByLayer; use ByIndices with sets of your own.")
        blocks = []
        for begin in range(0, len(layers), self.layers):
            first = max(0, begin - self.overlap)
            last = min(len(layers), begin + self.layers + self.overlap) - 1
            blocks.append(Range(layers[first][0], layers[last][1], size))
        return tuple(blocks)


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


class ByIndices(Decomposition):
    """Blocks given as sets of indices of θ; raises `ValueError` unless they reach every parameter."""

    def __init__(self, *blocks: Sequence[int]) -> None:
        self.blocks = tuple(tuple(block) for block in blocks)

    def restrictions(self, objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one restriction for each set."""
        missing = set(range(size)) - {index for block in self.blocks for index in block}
        beyond = {index for block in self.blocks for index in block if not 0 <= index < size}
        if missing or beyond:
            raise ValueError(
                f"{len(missing)} of {size} parameters are in no block and {len(beyond)} indices do not exist; "
                "where: ByIndices; give sets that together hold 0 … p − 1."
            )
        return tuple(Entries(torch.tensor(block), size) for block in self.blocks)


def multiplicity(restrictions: Sequence[AbstractRestriction], like: Tensor) -> Tensor:
    """Return Σ R_sᵀR_s1, the number of blocks that hold each parameter, shape (p,)."""
    ones = torch.ones_like(like)
    return torch.stack([restriction.adjoint(restriction(ones)) for restriction in restrictions]).sum(0)
