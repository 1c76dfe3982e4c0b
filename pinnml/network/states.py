"""The hidden states of a chain of layers, all of them, as a network of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.network.chain import ChainLinearisation, ChainNetwork
from pinnml.network.indices import MultiIndex
from pinnml.network.workspace import Workspace


class StatesNetwork(ChainNetwork):
    """A chain without its head, whose outputs are the features and what enters each later layer and the head."""

    def __init__(self, chain: ChainNetwork) -> None:
        super().__init__(chain.features, chain.layers[:-1], [block.kind for block in chain.blocks[:-1]])
        self.widths = [chain.features.features, *(layer.inputs for layer in chain.layers[1:])]

    def rows(self, states: Sequence[int]) -> Tensor:
        """Return the numbers of the rows that belong to some states; state 0 are the features."""
        starts = [sum(self.widths[:state]) for state in states]
        return torch.cat(
            [
                torch.arange(start, start + self.widths[state], device="cpu")
                for start, state in zip(starts, states, strict=True)
            ]
        )

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> StatesLinearisation:
        """Carry the jets forward and keep what is between the layers."""
        return StatesLinearisation(self, theta, embedded, indices, workspace)


class StatesLinearisation(ChainLinearisation):
    """The jets (C, w, n) of all states; an adjoint of them enters the way back before every layer."""

    def __init__(
        self,
        network: StatesNetwork,
        theta: Tensor,
        embedded: Tensor,
        indices: Sequence[MultiIndex],
        workspace: Workspace,
    ) -> None:
        super().__init__(network, theta, embedded, indices, workspace)
        self._widths = network.widths
        states = [embedded, *(recorded.h for recorded in self._record[1:]), self.values]
        shape = (len(embedded), sum(self._widths), embedded.shape[2])
        self.values = torch.cat(states, 1, out=workspace.empty(shape, embedded))

    def adjoints(self, cotangent: Tensor, lowest: int = 0, entering: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Return δ of each layer from number `lowest` up, given the adjoint of all states."""
        *within, last = cotangent.split(self._widths, 1)
        return super().adjoints(last, lowest, within)
