"""Decompositions of θ: which parameters are a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractRestriction, Entries, Range, Ranges, Structure
from pinnml.settings import AtLeast, Count, setting


class Decomposition(ABC):
    """A rule that splits θ into blocks, each a restriction R_s; together they reach every parameter."""

    @abstractmethod
    def restrictions(self, structure: Structure, size: int) -> tuple[AbstractRestriction, ...]:
        """Return R_1 … R_s for a θ of `size` entries; raise `DeclarationError` where that cannot be."""

    def owners(self, structure: Structure, like: Tensor) -> Tensor:
        """Return the number of the one block that owns each parameter, the first that holds it, shape (p,)."""
        owners, ones = torch.full_like(like, -1), torch.ones_like(like)
        blocks = self.restrictions(structure, len(like))
        for number in reversed(range(len(blocks))):
            held = blocks[number].adjoint(blocks[number](ones)) > 0
            owners = torch.where(held, float(number), owners)
        return owners


@setting
class ByLayer(Decomposition):
    """Neighbouring layers: `layers` of them a block, reaching `overlap` further on both sides.

    Block s holds the layers [s·n − o, (s + 1)·n + o) (Lee, Kopaničáková, Karniadakis 2025); the last block is shorter
    where n does not divide the number of layers.

    Parameters
    ----------
    layers : int, default 1
        The layers n of a block, at least 1.
    overlap : int, default 0
        The layers o by which a block reaches into each neighbour.

    Raises
    ------
    DeclarationError
        On solving, where the objective has no layers.
    """

    layers: Count = 1
    overlap: Annotated[int, AtLeast(0)] = 0

    def restrictions(self, structure: Structure, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one range of θ for each block, from the input layer up."""
        layers = structure.parts
        if not layers:
            raise DeclarationError("The objective has no layers", "ByLayer", "use ByIndices with sets of your own")
        blocks = []
        for begin in range(0, len(layers), self.layers):
            first = max(0, begin - self.overlap)
            last = min(len(layers), begin + self.layers + self.overlap) - 1
            blocks.append(Range(layers[first].start, layers[last].stop, size))
        return tuple(blocks)

    def owners(self, structure: Structure, like: Tensor) -> Tensor:
        """Return the number of the block that holds each parameter without the overlap, shape (p,)."""
        if self.overlap:
            return replace(self, overlap=0).owners(structure, like)
        return super().owners(structure, like)


@setting
class ByNeurons(Decomposition):
    """Groups of at most `neurons` neurons within each layer: their rows of W and their biases.

    A layer's groups are of nearly one size. A block of g neurons with w inputs has g(w + 1) parameters, so that its
    Jacobian stays small in wide layers.

    Parameters
    ----------
    neurons : int, default 32
        The most neurons of a block, at least 1.

    Raises
    ------
    DeclarationError
        On solving, where nothing is known of the parts of θ.
    """

    neurons: Count = 32

    def restrictions(self, structure: Structure, size: int) -> tuple[AbstractRestriction, ...]:
        """Return the groups of each layer, from the input layer up; a layer in one group is a range of θ.

        So is a part without neurons, such as a piece of a layer within a block of another decomposition.
        """
        if not structure.parts:
            raise DeclarationError("The objective has no neurons", "ByNeurons", "use ByIndices with sets of your own")
        blocks: list[AbstractRestriction] = []
        for part in structure.parts:
            layer, groups = Range(part.start, part.stop, size), -(-part.neurons // self.neurons)
            if groups <= 1:
                blocks.append(layer)
                continue
            cuts = [number * part.neurons // groups for number in range(groups + 1)]
            blocks += [Ranges(part.neuron_spans(a, b), part.size) @ layer for a, b in pairwise(cuts)]
        return tuple(blocks)


@setting
class AsEntries(Decomposition):
    """The blocks of another decomposition as sets of indices, so that nothing is kept of the layers below them.

    The corrections are the same; it serves to measure what keeping the jets saves.

    Parameters
    ----------
    inner : Decomposition
        The decomposition that makes the blocks.
    """

    inner: Decomposition

    def restrictions(self, structure: Structure, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one restriction for each block of `inner`."""

        def made() -> tuple[AbstractRestriction, ...]:
            numbers = torch.arange(size, dtype=torch.float64, device="cpu")
            return tuple(Entries(block(numbers).long(), size) for block in self.inner.restrictions(structure, size))

        return _kept(self, (structure, size), made)


@setting
class ByIndices(Decomposition):
    """Blocks given as sets of indices of θ; raises `DeclarationError` unless they reach every parameter.

    Parameters
    ----------
    blocks : sequence of sequences of int
        The indices of each block, from 0 to p − 1; blocks may overlap.

    Raises
    ------
    DeclarationError
        For a block that is empty or repeats an index; on solving, for parameters in no block and indices beyond θ.
    """

    blocks: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(tuple(block) for block in self.blocks))
        wrong = [number for number, block in enumerate(self.blocks) if not block or len(set(block)) < len(block)]
        if wrong:
            raise DeclarationError(f"Blocks {wrong} are empty or repeat an index", "ByIndices", "give sets")

    def restrictions(self, structure: Structure, size: int) -> tuple[AbstractRestriction, ...]:
        """Return one restriction for each set."""
        missing = set(range(size)) - {index for block in self.blocks for index in block}
        beyond = {index for block in self.blocks for index in block if not 0 <= index < size}
        if missing or beyond:
            raise DeclarationError(
                f"{len(missing)} of {size} parameters are in no block and {len(beyond)} indices do not exist",
                "ByIndices",
                "give sets that together hold 0 … p − 1",
            )
        return _kept(
            self, size, lambda: tuple(Entries(torch.tensor(block, device="cpu"), size) for block in self.blocks)
        )


def _kept(
    rule: Decomposition, key: Hashable, make: Callable[[], tuple[AbstractRestriction, ...]]
) -> tuple[AbstractRestriction, ...]:
    """Return what a rule has made last under a key: indices that are made anew in every sweep move to a GPU again."""
    known: tuple[Hashable, tuple[AbstractRestriction, ...]] | None = rule.__dict__.get("_known")
    if known is None or known[0] != key:
        known = rule.__dict__["_known"] = key, make()
    return known[1]


def multiplicity(restrictions: Sequence[AbstractRestriction], like: Tensor) -> Tensor:
    """Return Σ R_sᵀR_s1, the number of blocks that hold each parameter, shape (p,)."""
    ones = torch.ones_like(like)
    return torch.stack([restriction.adjoint(restriction(ones)) for restriction in restrictions]).sum(0)
