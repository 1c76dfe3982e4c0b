"""Chains with layers inserted or removed: which ones, and where the parameters of the others have gone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.chain import ChainNetwork, Layer


class DeepenedNetwork(ChainNetwork):
    """A chain made of another one by residual blocks that were inserted or removed.

    Parameters
    ----------
    origin : ChainNetwork
        The chain as its architecture made it.
    layers : sequence of Layer
        All layers that there are now.
    """

    def __init__(self, origin: ChainNetwork, layers: Sequence[Layer]) -> None:
        super().__init__(origin.features, layers)
        self.origin = origin_of(origin)
        self.scales = origin.scales


def origin_of(network: ChainNetwork) -> ChainNetwork:
    """Return the chain as its architecture made it."""
    return network.origin if isinstance(network, DeepenedNetwork) else network


def arranged(network: ChainNetwork, order: Sequence[int | Layer]) -> tuple[DeepenedNetwork, Tensor]:
    """Return the chain of layers in this order, the old ones by their numbers, and where each parameter was before.

    That is a tensor of whole numbers, shape (p′,), −1 for the parameters of new layers.
    """
    layers, sources = [], []
    for one in order:
        if isinstance(one, Layer):
            layers.append(one)
            sources.append(torch.full((one.size,), -1, device="cpu"))
        else:
            layers.append(network.layers[one])
            sources.append(torch.arange(network.blocks[one].start, network.blocks[one].stop, device="cpu"))
    return DeepenedNetwork(network, layers), torch.cat(sources)


def blocks_between(network: ChainNetwork) -> dict[int, Layer]:
    """Return the residual block that can be inserted before each hidden layer but the first, and before the head.

    h ↦ h + step·σ(Wh + b) with the activation of the layer below and the step of the chain's own blocks, 1 where it has
    none. With W = 0 and b = 0 it is the identity. Raises `DeclarationError` where σ(0) is not 0, or where there are no
    hidden states.
    """
    step = next((layer.step for layer in network.layers if layer.step is not None), 1.0)
    found: dict[int, Layer] = {}
    for number, layer in enumerate(network.layers[:-1], 1):
        if layer.activation is not None:
            zero = torch.zeros(1, dtype=torch.float64, device="cpu")
            if float(layer.activation.value(zero, torch.empty_like(zero))) != 0:
                what = f"A block of {layer.activation!r} with weights of zero is not the identity, since σ(0) is not 0"
                raise DeclarationError(what, "blocks_between", "take Tanh or Sin")
            found[number] = Layer(layer.outputs, layer.outputs, layer.activation, step)
    if not found:
        raise DeclarationError("The network has no hidden states", "blocks_between", "use an MLP or a ResNet")
    return found
