"""Random neurons on the hidden states of a network: functions of the coordinates that it has learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnml.network.activation import Activation, Tanh
from pinnml.network.chain_rule import ChainRule, Tape
from pinnml.network.indices import MultiIndex, products
from pinnml.network.patch import Patches
from pinnml.network.stretch import Stretch
from pinnml.network.workspace import Workspace
from pinnml.settings import record

BLOCK = 131_072
"""Entries of a block of neurons in each channel: few enough for the cache, enough for a matrix product."""


@dataclass(frozen=True)
class FeatureJets:
    """The jets (C, k, n) of the neurons from number `start` on, and what the way back through them needs."""

    start: int
    values: Tensor
    weight: Tensor
    rule: ChainRule
    tape: Tape
    workspace: Workspace
    multiplied: Multiplied | None = None

    @property
    def stop(self) -> int:
        """The number after the last neuron's."""
        return self.start + self.values.shape[1]

    def pullback(self, cotangent: Tensor) -> Tensor:
        """Return the adjoint (C, w, n) of what is read, for one of the neurons (C, k, n), which is written over.

        That of a stretch is left out: no parameter changes what it is made of.
        """
        if self.multiplied is not None:
            self.multiplied.backward(cotangent)
        return torch.matmul(self.weight.T, self.rule.backward(self.tape, cotangent, self.workspace))


@dataclass(frozen=True)
class Multiplied:
    """What some of the neurons, by number, are multiplied by: jets (C, j, n) of functions that no parameter changes."""

    neurons: Tensor
    factors: Tensor
    indices: Sequence[MultiIndex]

    def forward(self, values: Tensor) -> None:
        """Multiply the jets (C, k, n) of the neurons, in place."""
        plain, product = values[:, self.neurons], torch.zeros_like(self.factors)
        for channel, upper, lower, count in products(self.indices):
            product[channel].addcmul_(self.factors[upper], plain[lower], value=count)
        values[:, self.neurons] = product

    def backward(self, cotangent: Tensor) -> None:
        """Turn the adjoint of the products into that of the plain neurons, in place."""
        whole, plain = cotangent[:, self.neurons], torch.zeros_like(self.factors)
        for channel, upper, lower, count in products(self.indices):
            plain[lower].addcmul_(self.factors[upper], whole[channel], value=count)
        cotangent[:, self.neurons] = plain


@record
class RandomFeatures:
    """φ_k(s) = σ(a_k·s + b_k): neurons whose weights A (m, w) and biases b (m,) stay as drawn; σ is tanh or sin.

    They read the rows `read` of the states of a network, and after them those of a `stretch`, w in all. Some are
    multiplied by a row, that of their number in `factors` (m,), of functions of the coordinates alone, those of
    `patches` after all states; −1 stands for none. Source: random features of the coordinates themselves, Chen, Chi, E,
    Yang, J. Mach. Learn. 1 (2022).
    """

    weight: Tensor
    bias: Tensor
    read: Tensor
    activation: Activation = field(default_factory=Tanh)
    factors: Tensor | None = None
    stretch: Stretch | None = None
    patches: Patches | None = None

    @staticmethod
    def joined(parts: Sequence[RandomFeatures]) -> RandomFeatures:
        """Return the neurons of all parts as one level, in which they are mixed evenly.

        The first so many of a level have the same shares of all parts: errors are estimated from what the last ones
        add. Weights are zero for what a part does not read. All have the activation of the first part, and no more than
        one has a stretch, and one patches.
        """
        if len(parts) == 1:
            return parts[0]
        read = torch.cat([part.read for part in parts]).unique()
        stretch = next((part.stretch for part in parts if part.stretch is not None), None)
        patches = next((part.patches for part in parts if part.patches is not None), None)
        columns = len(read) + (0 if stretch is None else stretch.count)
        weight = parts[0].weight.new_zeros(sum(part.neurons for part in parts), columns)
        begin = 0
        for part in parts:
            own, plain = weight[begin : begin + part.neurons], len(part.read)
            own[:, torch.searchsorted(read, part.read)] = part.weight[:, :plain]
            if part.stretch is not None:
                own[:, len(read) :] = part.weight[:, plain:]
            begin += part.neurons
        place = torch.cat([(torch.arange(part.neurons, device="cpu") + 0.5) / part.neurons for part in parts])
        order = place.argsort(stable=True).to(read.device)
        bias = torch.cat([part.bias for part in parts])
        factors = None
        if any(part.factors is not None for part in parts):
            none = [torch.full_like(part.bias, -1, dtype=torch.int64) for part in parts]
            known = [other if part.factors is None else part.factors for part, other in zip(parts, none, strict=True)]
            factors = torch.cat(known)[order]
        return RandomFeatures(weight[order], bias[order], read, parts[0].activation, factors, stretch, patches)

    @property
    def neurons(self) -> int:
        """The number m of neurons."""
        return len(self.bias)

    def write(self, out: Tensor, states: Tensor, indices: Sequence[MultiIndex], workspace: Workspace) -> None:
        """Write the jets of all neurons to `out` (C, m, n)."""
        for _ in self.jets(states, indices, workspace, out):
            pass

    def jets(
        self, states: Tensor, indices: Sequence[MultiIndex], workspace: Workspace, out: Tensor | None = None
    ) -> Iterator[FeatureJets]:
        """Yield the neurons' jets block by block for states' jets (C, w, n); a block is good until the next one.

        They are written to `out` (C, m, n) where that is given, and there is no way back through them then.
        """
        read, rule, scratch = states[:, self.read], ChainRule(indices, self.activation), workspace.scratch
        if self.stretch is not None:
            read = torch.cat([read, self.stretch.jets(states, indices)], 1)
        if self.patches is not None:
            states = torch.cat([states, self.patches.jets(states, indices)], 1)
        count = max(1, BLOCK // states.shape[2])
        for start in range(0, self.neurons, count):
            scratch.rewind()
            weight = self.weight[start : start + count]
            z = torch.matmul(weight, read, out=scratch.empty((len(states), len(weight), states.shape[2]), states))
            z[0] += self.bias[start : start + count, None]
            values, tape = rule.forward(z, scratch, None if out is None else out[:, start : start + count])
            multiplied = self._multiplied(states, indices, start, start + len(weight))
            if multiplied is not None:
                values = values.clone() if out is None else values  # the tape refers to the plain ones
                multiplied.forward(values)
            yield FeatureJets(start, values, weight[:, : len(self.read)], rule, tape, scratch, multiplied)

    def _multiplied(self, states: Tensor, indices: Sequence[MultiIndex], start: int, stop: int) -> Multiplied | None:
        """Return what the neurons with some numbers are multiplied by, None where nothing is."""
        if self.factors is None:
            return None
        own = self.factors[start:stop]
        neurons = (own >= 0).nonzero()[:, 0]
        return Multiplied(neurons, states[:, own[neurons]], indices)
