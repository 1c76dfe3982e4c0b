"""Networks widened by random neurons on their hidden states: their outgoing weights are a least-squares problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.chain import ChainNetwork
from pinnml.network.features import RandomFeatures
from pinnml.network.indices import MultiIndex
from pinnml.network.network import AbstractLinearisation, AbstractNetwork, Block
from pinnml.network.states import StatesNetwork
from pinnml.network.workspace import Workspace

JETS = 500_000
"""Jets of neurons that are kept at once, in numbers a channel."""


def most_points(levels: Sequence[RandomFeatures]) -> int:
    """Return at how many points the jets of all neurons are kept at once."""
    return max(100, JETS // max(1, sum(level.neurons for level in levels)))


class Readout(AbstractNetwork):
    """N = Wh + b + Σ_l C_l φ_l(s): the head on the last state h and the neurons φ_l on all states s, fed with states.

    θ holds W by rows, b, and C_1, C_2, … by columns, so that the first neurons come first: all of it enters linearly.
    """

    def __init__(self, head: Block, states: int, levels: Sequence[RandomFeatures]) -> None:
        self.outputs, self.width = head.shape
        self.states = states
        self.levels = tuple(levels)
        blocks = [replace(head, start=0, stop=head.stop - head.start)]
        for number, level in enumerate(levels, 1):
            shape, start = (level.neurons, self.outputs), blocks[-1].stop
            blocks.append(Block(f"readout {number}", start, start + self.outputs * level.neurons, shape, "readout"))
        self.blocks = tuple(blocks)
        self.most_points = most_points(self.levels)

    def with_levels(self, levels: Sequence[RandomFeatures]) -> Readout:
        """Return the same head with other neurons."""
        return Readout(self.blocks[0], self.states, levels)

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return zeros."""
        return torch.zeros(self.size, dtype=dtype, device=device)

    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Raise `DeclarationError`: it is fed with states, not with points."""
        raise DeclarationError("A readout has no coordinates", "embed", "feed it with the states of its network")

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> ReadoutLinearisation:
        """Add up head and neurons for states' jets (C, w, n), or for what `with_jets` makes of them."""
        return ReadoutLinearisation(self, theta, embedded, indices, workspace)

    def with_jets(self, states: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the states' jets and those of all neurons below them, shape (C, w + m, n)."""
        neurons = sum(level.neurons for level in self.levels)
        whole = states.new_empty(states.shape[0], self.states + neurons, states.shape[2])
        whole[:, : self.states] = states
        begin, workspace = self.states, Workspace()
        for level in self.levels:
            level.write(whole[:, begin : begin + level.neurons], states, indices, workspace)
            begin += level.neurons
        return whole


class ReadoutLinearisation(AbstractLinearisation):
    """The jets of a readout; those of the neurons are kept, which is why few points are evaluated at once."""

    def __init__(
        self, network: Readout, theta: Tensor, states: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> None:
        self._network = network
        self._theta = theta
        self._states = states[:, : network.states]
        self._indices = indices
        self._workspace = workspace
        if states.shape[1] > network.states:
            self._jets = list(states[:, network.states :].split([level.neurons for level in network.levels], 1))
        else:
            self._jets = [self._kept(level) for level in network.levels]
        self.values = self._read(theta)

    def _kept(self, level: RandomFeatures) -> Tensor:
        """Return the jets (C, m, n) of a level's neurons, in the workspace's memory."""
        shape = (len(self._states), level.neurons, self._states.shape[2])
        kept = self._workspace.empty(shape, self._states)
        level.write(kept, self._states, self._indices, self._workspace)
        return kept

    @property
    def _last(self) -> Tensor:
        """The jets (C, w, n) of the last state."""
        return self._states[:, self._network.states - self._network.width :]

    def _head(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        count = self._network.outputs * self._network.width
        weight = theta[:count].view(self._network.outputs, self._network.width)
        return weight, theta[count : count + self._network.outputs]

    def _levels(self, start: int, stop: int) -> Iterator[tuple[Tensor, Block]]:
        """Yield the jets of the levels within a range of θ, and where their outgoing weights lie."""
        for jets, block in zip(self._jets, self._network.blocks[1:], strict=True):
            if start <= block.start and block.stop <= stop:
                yield jets, block

    def _read(self, theta: Tensor) -> Tensor:
        weight, bias = self._head(theta)
        values = torch.matmul(weight, self._last)
        values[0] += bias[:, None]
        for jets, block in self._levels(0, self._network.size):
            values += torch.matmul(theta[block.start : block.stop].view(block.shape).T, jets)
        return values

    def pullback(self, cotangent: Tensor, stop: int | None = None) -> Tensor:
        """Return Σ_c cotangent_c s_cᵀ for every state and neuron that is read."""
        stop = self._network.size if stop is None else stop
        gradient = cotangent.new_zeros(stop)
        if stop >= self._network.blocks[0].stop:
            weight, bias = self._head(gradient)
            weight += torch.bmm(cotangent, self._last.transpose(1, 2)).sum(0)
            bias += cotangent[0].sum(1)
        for jets, block in self._levels(0, stop):
            gradient[block.start : block.stop] = torch.bmm(jets, cotangent.transpose(1, 2)).sum(0).flatten()
        return gradient

    def rows(self, cotangent: Tensor, start: int, stop: int) -> Tensor:
        """Return the rows Σ_c cotangent_c[i] ⊗ s_c[i], point by point."""
        columns = self._workspace.empty((stop - start, cotangent.shape[2]), cotangent)
        head, outputs = self._network.blocks[0], self._network.outputs
        if start <= head.start and head.stop <= stop:
            weights, biases = columns[: head.stop - outputs], columns[head.stop - outputs : head.stop]
            _combined(cotangent, self._last, weights.unflatten(0, (outputs, -1)))
            biases.copy_(cotangent[0])
        for jets, block in self._levels(start, stop):
            level = columns[block.start - start : block.stop - start]
            _combined(cotangent, jets, level.unflatten(0, (-1, outputs)).transpose(0, 1))
        return columns.T

    def along(self, cotangent: Tensor, direction: Tensor) -> Tensor:
        """Return the readout with the direction in the place of θ, as cotangents weigh it."""
        return (cotangent * self._read(direction)).sum((0, 1))

    def states_adjoint(self, cotangent: Tensor) -> Tensor:
        """Return the adjoint (C, w, n) of all states."""
        adjoint = torch.zeros_like(self._states)
        weight, _ = self._head(self._theta)
        adjoint[:, self._network.states - self._network.width :] = torch.matmul(weight.T, cotangent)
        for level, block in zip(self._network.levels, self._network.blocks[1:], strict=True):
            read = torch.zeros_like(self._states[:, level.read])
            outgoing = self._theta[block.start : block.stop].view(block.shape)
            for jets in level.jets(self._states, self._indices, self._workspace):
                read += jets.pullback(torch.matmul(outgoing[jets.start : jets.stop], cotangent))
            adjoint.index_add_(1, level.read, read)
        return adjoint


def _combined(cotangent: Tensor, jets: Tensor, out: Tensor) -> None:
    """Write Σ_c cotangent_c[f, i] jets_c[k, i] to `out` (f, k, n)."""
    torch.mul(cotangent[0, :, None], jets[0], out=out)
    for channel in range(1, len(jets)):
        out.addcmul_(cotangent[channel, :, None], jets[channel])


class WidenedNetwork(AbstractNetwork):
    """A chain whose output has Σ_l C_l φ_l(s) added, with neurons φ_l on all its hidden states s.

    Levels are nested: with C_l = 0 the network is the one without them.

    Parameters
    ----------
    body : ChainNetwork
        The chain; its parameters come first in θ, C_1, C_2, … by columns after them.
    levels : sequence of RandomFeatures
        The neurons, level by level.
    """

    def __init__(self, body: ChainNetwork, levels: Sequence[RandomFeatures]) -> None:
        self.body = body
        self.levels = tuple(levels)
        self.states = StatesNetwork(body)
        self.readout = Readout(body.blocks[-1], sum(self.states.widths), self.levels)
        begin = self.states.size
        moved = [replace(block, start=block.start + begin, stop=block.stop + begin) for block in self.readout.blocks]
        self.blocks = (*self.states.blocks, *moved)
        self.most_points = self.readout.most_points
        self.scales = body.scales
        read = {row for level in self.levels if level.factors is not None for row in level.factors.tolist()}
        self._singular = {number for number, own in body.features.pairs() if read.intersection(own.tolist())}

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw the chain's parameters; the neurons' outgoing weights are zero."""
        body = self.body.initial(generator, dtype, device)
        return torch.cat([body, body.new_zeros(self.size - self.body.size)])

    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the chain's features, and those that neurons are multiplied by."""
        return self.body.features.jet(x, indices, self._singular)

    def embed_each(self, parts: Sequence[Tensor], indices: Sequence[MultiIndex]) -> Iterator[Tensor]:
        """Yield the features of each part: many small operations, which are done for all points at once."""
        return iter(self.embed(torch.cat(list(parts)), indices).split([len(x) for x in parts], 2))

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> WidenedLinearisation:
        """Carry the jets through the chain, and read all states."""
        return WidenedLinearisation(self, theta, embedded, indices, workspace)

    def part(self, start: int, stop: int) -> AbstractNetwork | None:
        """Return the states below the head or the readout above them, None for another cut."""
        cuts: dict[tuple[int, int], AbstractNetwork] = {
            (0, self.size): self, (0, self.states.size): self.states, (self.states.size, self.size): self.readout,
        }  # fmt: skip
        return cuts.get((start, stop))


class WidenedLinearisation(AbstractLinearisation):
    """The linearisation of the states and that of the readout on them, one after the other."""

    def __init__(
        self,
        network: WidenedNetwork,
        theta: Tensor,
        embedded: Tensor,
        indices: Sequence[MultiIndex],
        workspace: Workspace,
    ) -> None:
        self._cut = network.states.size
        self._states = network.states.linearise(theta[: self._cut], embedded, indices, workspace)
        self._readout = network.readout.linearise(theta[self._cut :], self._states.values, indices, workspace)
        self.values = self._readout.values

    def pullback(self, cotangent: Tensor, stop: int | None = None) -> Tensor:
        """Return the gradient by the states' parameters, then that by the readout's."""
        below = self._states.pullback(self._readout.states_adjoint(cotangent), stop)
        if stop is not None and stop <= self._cut:
            return below
        return torch.cat([below, self._readout.pullback(cotangent, None if stop is None else stop - self._cut)])

    def rows(self, cotangent: Tensor, start: int, stop: int) -> Tensor:
        """Return the rows of whole layers of the chain, of the readout, or of both."""
        parts = []
        if start < self._cut:
            adjoint = self._readout.states_adjoint(cotangent)
            parts.append(self._states.rows(adjoint, start, min(stop, self._cut)))
        if stop > self._cut:
            parts.append(self._readout.rows(cotangent, max(start - self._cut, 0), stop - self._cut))
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]

    def along(self, cotangent: Tensor, direction: Tensor) -> Tensor:
        """Return the sum of both products."""
        below = self._states.along(self._readout.states_adjoint(cotangent), direction[: self._cut])
        return below + self._readout.along(cotangent, direction[self._cut :])
