"""The jets that enter a layer, which are constants while the layers below it stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from pinnml.loss.chunked import Threads
from pinnml.loss.placed import PlacedTerm
from pinnml.network import AbstractNetwork, Workspace


@dataclass(frozen=True)
class Entering:
    """The jets (C, w, n) of every chunk that enter the layer at θ[start], and the parameters θ[:start] below it.

    `source` is the last θ (p,) that they were right for, as of its `version`.
    """

    start: int
    source: Tensor
    below: Tensor
    jets: list[Tensor]
    version: int = -1

    def is_below(self, theta: Tensor) -> bool:
        """Return whether the jets are right for θ, too; for the same one without a look at its numbers."""
        same = theta is self.source and theta._version == self.version
        return same or torch.equal(self.below, theta[: self.start])

    def up_to(
        self, network: AbstractNetwork, theta: Tensor, start: int, chunks: Sequence[PlacedTerm], threads: Threads
    ) -> Entering:
        """Carry the jets on to the layer at θ[start], through the layers between."""
        between, found = network.part(self.start, start), self
        if between is not None:
            fed = [chunk.moved(between, jet) for chunk, jet in zip(chunks, self.jets, strict=True)]
            jets = threads.map(partial(_carried, theta[self.start : start]), fed)
            found = Entering(start, theta, theta[:start].clone(), jets)
        return replace(found, source=theta, version=theta._version)


def _carried(parameters: Tensor, fed: PlacedTerm, workspace: Workspace) -> Tensor:
    """Carry a term's jets through its network, into memory of their own."""
    return fed.network.linearise(parameters, fed.embedded, fed.indices, workspace).values.clone()
