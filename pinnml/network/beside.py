"""Chains of layers side by side, one for each set of coordinates that fields depend on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.chain import ChainNetwork
from pinnml.network.indices import MultiIndex
from pinnml.network.network import AbstractLinearisation, AbstractNetwork, Architecture, Block
from pinnml.network.workspace import Workspace


@dataclass(frozen=True)
class Member:
    """A chain among others: the coordinates that it is fed by their axes, how many jets enter it, and where its own go.

    `rows` are the numbers of its outputs among those of all chains. Without a chain jets pass as they are: its layers
    lie below those of a part of the network, or above.
    """

    chain: ChainNetwork | None
    axes: tuple[int, ...]
    width: int
    rows: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of its parameters."""
        return 0 if self.chain is None else self.chain.size

    def channels(self, indices: Sequence[MultiIndex]) -> list[int]:
        """Return which derivatives are along its coordinates only; the others are zero."""
        others = [axis for axis in range(len(indices[0])) if axis not in self.axes]
        return [channel for channel, index in enumerate(indices) if not any(index[axis] for axis in others)]

    def own(self, indices: Sequence[MultiIndex]) -> list[MultiIndex]:
        """Return these derivatives as those of a function of its coordinates."""
        return [tuple(indices[channel][axis] for axis in self.axes) for channel in self.channels(indices)]

    def width_at(self, place: int) -> int:
        """Return how many jets there are between the layers below θ[place], of its own θ, and those above."""
        if self.chain is None or place <= 0:
            return self.width
        return next(block.shape[0] for block in reversed(self.chain.blocks) if block.stop <= place)


class BesideLinearisation(AbstractLinearisation):
    """The jets of all chains, with zeros for derivatives along coordinates that a chain is not fed."""

    def __init__(
        self,
        network: BesideNetwork,
        theta: Tensor,
        embedded: Tensor,
        indices: Sequence[MultiIndex],
        workspace: Workspace,
    ) -> None:
        self._parts: list[tuple[Member, range, list[int], AbstractLinearisation]] = []
        outputs = sum(len(member.rows) for member in network.members)
        self.values = workspace.empty((len(indices), outputs, embedded.shape[2]), embedded).zero_()
        first = 0
        for member, place in network.placed():
            channels, entering = member.channels(indices), embedded[:, first : first + member.width]
            first += member.width
            if member.chain is None:
                jets = entering[channels]
            else:
                chosen = entering if len(channels) == len(indices) else torch.stack([entering[one] for one in channels])
                own = theta[place.start : place.stop]
                part = member.chain.linearise(own, chosen, member.own(indices), workspace)
                self._parts.append((member, place, channels, part))
                jets = part.values
            for channel, jet in zip(channels, jets, strict=True):
                self.values[channel, _run(member.rows)] = jet

    def _within(
        self, cotangent: Tensor, start: int, stop: int
    ) -> Iterator[tuple[AbstractLinearisation, Tensor, range, range]]:
        """Yield each chain with a layer in θ[start:stop], its cotangent, its place in θ, and what of it is meant."""
        for member, place, channels, part in self._parts:
            if start < place.stop and place.start < stop:
                own = torch.stack([cotangent[channel, _run(member.rows)] for channel in channels])
                meant = range(max(start, place.start) - place.start, min(stop, place.stop) - place.start)
                yield part, own, place, meant

    def pullback(self, cotangent: Tensor, stop: int | None = None) -> Tensor:
        """Return the gradients of all chains, one after another."""
        end = self._parts[-1][1].stop if stop is None else stop
        return torch.cat([part.pullback(own, meant.stop) for part, own, _, meant in self._within(cotangent, 0, end)])

    def rows(self, cotangent: Tensor, start: int, stop: int) -> Tensor:
        """Return the rows of the chains that have a layer in the range, one beside another."""
        found = [
            part.rows(own, meant.start, meant.stop).T for part, own, _, meant in self._within(cotangent, start, stop)
        ]
        if sum(len(columns) for columns in found) != stop - start or stop <= start:
            what = f"θ[{start}:{stop}] is not made of whole layers"
            raise DeclarationError(what, "rows", "use the network's blocks")
        return (found[0] if len(found) == 1 else torch.cat(found)).T  # points run fastest in memory

    def along(self, cotangent: Tensor, direction: Tensor) -> Tensor:
        """Return the sum over all chains."""
        total = torch.zeros_like(self.values[0, 0])
        for part, own, place, _ in self._within(cotangent, 0, len(direction)):
            total += part.along(own, direction[place.start : place.stop])
        return total


class BesideNetwork(AbstractNetwork):
    """Chains side by side; θ holds the parameters of one after another.

    Jets between them are one tensor (C, w, n), chain after chain, in which derivatives along coordinates that a chain
    is not fed are zero. What lies between two layers of one chain has the inputs of those that have not begun, and the
    outputs of those that have ended.

    Parameters
    ----------
    members : sequence of Member
        The chains.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        blocks: list[Block] = []
        for member, place in self.placed():
            for block in () if member.chain is None else member.chain.blocks:
                start, stop = place.start + block.start, place.start + block.stop
                blocks.append(replace(block, name=f"layer {len(blocks)}", start=start, stop=stop))
        self.blocks = tuple(blocks)
        self._parts: dict[tuple[int, int], BesideNetwork] = {}

    def placed(self) -> Iterator[tuple[Member, range]]:
        """Yield each chain with the place of its parameters in θ."""
        ends = accumulate((member.size for member in self.members), initial=0)
        for member, (start, stop) in zip(self.members, pairwise(ends), strict=True):
            yield member, range(start, stop)

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw the parameters of one chain after another."""
        chains = [member.chain for member in self.members if member.chain is not None]
        return torch.cat([chain.initial(generator, dtype, device) for chain in chains])

    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the features' jets of all chains, shape (C, features, n)."""
        jet, first = x.new_zeros(len(indices), sum(member.width for member in self.members), len(x)), 0
        for member in self.members:
            assert member.chain is not None  # parts are fed with jets
            own = member.chain.embed(x[:, list(member.axes)], member.own(indices))
            for channel, part in zip(member.channels(indices), own, strict=True):
                jet[channel, first : first + member.width] = part
            first += member.width
        return jet

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> BesideLinearisation:
        """Carry the jets forward through every chain."""
        return BesideLinearisation(self, theta, embedded, indices, workspace)

    def part(self, start: int, stop: int) -> BesideNetwork | None:
        """Return the layers that fill θ[start:stop] with those beside them as they are, None where no layers do."""
        if (start, stop) not in self._parts:
            starts, stops = [block.start for block in self.blocks], [block.stop for block in self.blocks]
            if start not in starts or stop not in stops or stop <= start:
                return None
            self._parts[start, stop] = BesideNetwork(list(self._cut(start, stop)))
        return self._parts[start, stop]

    def _cut(self, start: int, stop: int) -> Iterator[Member]:
        first = 0
        for member, place in self.placed():
            low, high = max(start, place.start) - place.start, min(stop, place.stop) - place.start
            chain = member.chain.part(low, high) if member.chain is not None and low < high else None
            width, outputs = (member.width_at(end - place.start) for end in (start, stop))
            rows = member.rows if stop == self.size else tuple(range(first, first + outputs))
            first += outputs
            yield Member(chain, member.axes, width, rows)


def bind_beside(
    architecture: Architecture,
    names: Sequence[str],
    lower: Sequence[float],
    upper: Sequence[float],
    axes: Sequence[tuple[int, ...]],
) -> AbstractNetwork:
    """Return a network of an architecture for every set of coordinates, by their axes, that fields depend on.

    Where all fields depend on all coordinates, it is the architecture's own. Else each of them is its chain, fed with
    what features of all coordinates are at points that have some of them only.

    Parameters
    ----------
    architecture : Architecture
        What a network is bound by.
    names, lower, upper : sequences of str and float
        The coordinates and the box that they lie in.
    axes : sequence of tuple of int
        For each field the coordinates that it depends on, in increasing order.

    Raises
    ------
    DeclarationError
        Where fields have different coordinates, and the architecture is no chain of layers.
    """
    whole = architecture.bind(names, lower, upper, len(axes))
    if all(len(one) == len(names) for one in axes):
        return whole
    if not isinstance(whole, ChainNetwork):
        what = f"A {type(architecture).__name__} is no chain of layers, and fields depend on different coordinates"
        raise DeclarationError(what, "network", "take a ResNet or an MLP, or fields of all coordinates")
    members = []
    for group in dict.fromkeys(axes):
        rows = tuple(number for number, one in enumerate(axes) if one == group)
        chain = architecture.bind(names, lower, upper, len(rows))
        assert isinstance(chain, ChainNetwork)
        own = chain.along(group)
        members.append(Member(own, group, own.features.features, rows))
    return BesideNetwork(members)


def _run(numbers: tuple[int, ...]) -> slice | list[int]:
    """Return neighbouring numbers as a slice, for which nothing is copied to a device."""
    first, last = numbers[0], numbers[-1]
    return slice(first, last + 1) if numbers == tuple(range(first, last + 1)) else list(numbers)
