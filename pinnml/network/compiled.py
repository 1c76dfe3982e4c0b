"""The chain rule written without memory of its own, so that a compiler can fuse it into one kernel (opt-in)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import partial

import torch
from torch import Tensor

from pinnml.network.activation import Activation, Tanh
from pinnml.network.chain_rule import ChainRule, Tape
from pinnml.network.indices import MultiIndex
from pinnml.network.workspace import Workspace
from pinnml.settings import setting


@setting
class Compiled(Activation):
    """An activation whose chain rule is compiled by torch.compile: `ResNet(activation=Compiled(Tanh()))`.

    Needs a C++ compiler on a CPU. The first evaluations of each shape take seconds, later ones are faster; results
    agree with the plain activation to rounding.

    Parameters
    ----------
    inner : Activation, default Tanh()
        The activation to compile.

    Raises
    ------
    DeclarationError
        Where `inner` is no activation.
    """

    inner: Activation = field(default_factory=Tanh)

    def value(self, z: Tensor, out: Tensor) -> Tensor:
        """Return σ(z)."""
        return self.inner.value(z, out)

    def following(self, z: Tensor, lower: list[Tensor], out: Tensor) -> Tensor:
        """Return σ^(k)(z)."""
        return self.inner.following(z, lower, out)


class FusedChainRule(ChainRule):
    """`ChainRule` as two functions without memory, each compiled; the activation is computed again on the way back."""

    def __init__(self, indices: Sequence[MultiIndex], activation: Activation, compiled: bool = True) -> None:
        super().__init__(indices, activation)
        wrap = partial(torch.compile, dynamic=False, fullgraph=True) if compiled else lambda function: function
        self._write_value, self._write_adjoint = wrap(self._into), wrap(self._back)

    def _into(self, z: Tensor, out: Tensor) -> Tensor:
        return out.copy_(self._pure(z))

    def _back(self, z: Tensor, cotangent: Tensor) -> Tensor:
        return cotangent.copy_(self._transposed(z, cotangent))

    def forward(self, z: Tensor, workspace: Workspace, out: Tensor | None = None) -> tuple[Tensor, Tape]:
        """Return σ(z) and a tape that holds z alone."""
        return self._write_value(z, workspace.empty(z.shape, z) if out is None else out), Tape(z, [], [])

    def backward(self, tape: Tape, cotangent: Tensor, workspace: Workspace) -> Tensor:
        """Turn the adjoint of σ(z) into the adjoint of z in place; return it."""
        return self._write_adjoint(tape.z, cotangent)

    def _derivatives(self, z: Tensor, highest: int) -> list[Tensor]:
        known = [self.activation.value(z, torch.empty_like(z))]
        while len(known) <= highest:
            known.append(self.activation.following(z, known, torch.empty_like(z)))
        return known

    def _pure(self, z: Tensor) -> Tensor:
        slopes = self._derivatives(z[0], self.order)
        h = [slopes[0], *(slopes[1] * channel for channel in z[1:])]
        for term in self.products:
            h[term.channel] = h[term.channel] + term.count * slopes[len(term.blocks)] * _product(z, term.blocks)
        return torch.stack(h)

    def _transposed(self, z: Tensor, cotangent: Tensor) -> Tensor:
        slopes = self._derivatives(z[0], self.order + 1)
        adjoint = [slopes[1] * channel for channel in cotangent]
        if self.order:
            for channel in range(1, len(z)):
                adjoint[0] = adjoint[0] + slopes[2] * cotangent[channel] * z[channel]
        for term in self.products:
            order, weight = len(term.blocks), term.count * cotangent[term.channel]
            adjoint[0] = adjoint[0] + weight * slopes[order + 1] * _product(z, term.blocks)
            for block, multiplicity, rest in term.others:
                factor = multiplicity * slopes[order] * _product(z, rest)
                adjoint[block] = adjoint[block] + weight * factor
        return torch.stack(adjoint)


def _product(z: Tensor, channels: Sequence[int]) -> Tensor:
    product = z[channels[0]]
    for channel in channels[1:]:
        product = product * z[channel]
    return product
