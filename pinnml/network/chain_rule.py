"""The chain rule for jets: h = σ(z) channel by channel (Faà di Bruno), and its transpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.network.activation import Activation
from pinnml.network.indices import MultiIndex, partitions
from pinnml.network.workspace import Workspace


@dataclass(frozen=True)
class Product:
    """One non-linear term count·σ^(k)(z)·∏ z_block of a channel; blocks are channels' numbers, k = len(blocks) ≥ 2."""

    channel: int
    count: int
    blocks: tuple[int, ...]
    others: tuple[tuple[int, int, tuple[int, ...]], ...]

    @staticmethod
    def of(channel: int, count: int, blocks: tuple[int, ...]) -> Product:
        """Return the term; `others` lists each block with its multiplicity and the blocks left without one copy."""
        others = []
        for block in sorted(set(blocks)):
            rest = list(blocks)
            rest.remove(block)
            others.append((block, blocks.count(block), tuple(rest)))
        return Product(channel, count, blocks, tuple(others))


@dataclass(frozen=True)
class Tape:
    """What the transpose needs: z (C, w, n), the activation's derivatives at z_0, and the products of channels."""

    z: Tensor
    derivatives: list[Tensor]
    products: list[Tensor]


class ChainRule:
    """The map z ↦ σ(z) on jets with given multi-indices, shape (C, w, n) to (C, w, n).

    Every channel has the term σ′ z_c; channels of order two and more have products besides, as in
    h_xx = σ′ z_xx + σ″ z_x².
    """

    def __init__(self, indices: Sequence[MultiIndex], activation: Activation) -> None:
        self.activation = activation
        self.order = max(sum(index) for index in indices)
        number = {index: channel for channel, index in enumerate(indices)}
        self.products = [
            Product.of(channel, count, tuple(number[block] for block in blocks))
            for index, channel in number.items()
            for blocks, count in partitions(index).items()
            if len(blocks) >= 2
        ]

    def forward(self, z: Tensor, workspace: Workspace, out: Tensor | None = None) -> tuple[Tensor, Tape]:
        """Return σ(z), in `out` or the workspace's memory, and the tape for `backward`, which refers to it, too."""
        h = workspace.empty(z.shape, z) if out is None else out
        derivatives = [self.activation.value(z[0], h[0])]
        for _ in range(self.order):
            derivatives.append(self.activation.following(z[0], derivatives, workspace.empty(z[0].shape, z)))
        if self.order:
            torch.mul(z[1:], derivatives[1], out=h[1:])
        products = []
        for term in self.products:
            product = _multiply(z, term.blocks, workspace)
            h[term.channel].addcmul_(derivatives[len(term.blocks)], product, value=term.count)
            products.append(product)
        return h, Tape(z, derivatives, products)

    def backward(self, tape: Tape, cotangent: Tensor, workspace: Workspace) -> Tensor:
        """Turn the adjoint of σ(z) into the adjoint of z, both (C, w, n), in place; return it."""
        z, derivatives = tape.z, tape.derivatives
        if not self.order:
            slope = self.activation.following(z[0], derivatives, workspace.empty(z[0].shape, z))
            return cotangent.mul_(slope)
        above = [*derivatives, self.activation.following(z[0], derivatives, workspace.empty(z[0].shape, z))]
        lifted, scratch = (workspace.empty(z[0].shape, z) for _ in range(2))
        # all that uses the cotangent as it came: the adjoint of z_0 from every channel, and each product's weight
        torch.mul(cotangent[1], z[1], out=lifted)
        for channel in range(2, len(z)):
            lifted.addcmul_(cotangent[channel], z[channel])
        lifted.mul_(above[2])
        weights = []
        for term, product in zip(self.products, tape.products, strict=True):
            order = len(term.blocks)
            torch.mul(cotangent[term.channel], above[order + 1], out=scratch)
            lifted.addcmul_(scratch, product, value=term.count)
            room = workspace.empty(z[0].shape, z)
            weights.append(torch.mul(cotangent[term.channel], above[order], out=room))
        cotangent.mul_(above[1])
        cotangent[0].add_(lifted)
        for term, weight in zip(self.products, weights, strict=True):
            for block, multiplicity, rest in term.others:
                factor = z[rest[0]] if len(rest) == 1 else _multiply(z, rest, workspace)
                cotangent[block].addcmul_(weight, factor, value=term.count * multiplicity)
        return cotangent


def _multiply(z: Tensor, channels: tuple[int, ...], workspace: Workspace) -> Tensor:
    product = torch.mul(z[channels[0]], z[channels[1]], out=workspace.empty(z[0].shape, z))
    for channel in channels[2:]:
        product.mul_(z[channel])
    return product
