"""Chains of layers with jets carried forward: multilayer perceptrons and residual networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.activation import Activation
from pinnml.network.chain_rule import ChainRule, Tape
from pinnml.network.compiled import Compiled, FusedChainRule
from pinnml.network.embedding import FeatureMap
from pinnml.network.indices import MultiIndex
from pinnml.network.network import AbstractLinearisation, AbstractNetwork, Block, layers_of
from pinnml.network.workspace import Workspace
from pinnml.settings import Count, setting


@setting
class Layer:
    """h ↦ σ(Wh + b); h + step·σ(Wh + b) where a step is given; the affine map Wh + b where there is no activation."""

    inputs: Count
    outputs: Count
    activation: Activation | None = None
    step: float | None = None

    @property
    def size(self) -> int:
        """The number of weights and biases."""
        return self.outputs * (self.inputs + 1)

    def split(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return W (outputs, inputs, …) and b (outputs, …) as views of parameters (size, …)."""
        count = self.outputs * self.inputs
        return parameters[:count].unflatten(0, (self.outputs, self.inputs)), parameters[count:]


@dataclass(frozen=True)
class Recorded:
    """One layer's part in a forward pass: its input jet (C, w, n), its weight, and the activation's tape."""

    layer: Layer
    h: Tensor
    weight: Tensor
    tape: Tape | None


class ChainLinearisation(AbstractLinearisation):
    """Jets of a chain, with one backward pass a cotangent: δ_c, the adjoint of each layer's pre-activation.

    Layer by layer ∂/∂W = Σ_c δ_c ⊗ h_c and ∂/∂b = δ_0, since a bias enters the undifferentiated channel only.
    """

    def __init__(
        self,
        network: ChainNetwork,
        theta: Tensor,
        embedded: Tensor,
        indices: Sequence[MultiIndex],
        workspace: Workspace,
    ) -> None:
        self._network = network
        self._rules = network.rules(indices)
        self._workspace = workspace
        self._record: list[Recorded] = []
        h = embedded[:, : network.layers[0].inputs]
        for layer, block in zip(network.layers, network.blocks, strict=True):
            h = self._forward(layer, theta[block.start : block.stop], h)
        self.values = h

    def _forward(self, layer: Layer, parameters: Tensor, h: Tensor) -> Tensor:
        weight, bias = layer.split(parameters)
        z = self._product(weight, h)
        z[0] += bias[:, None]
        if layer.activation is None:
            self._record.append(Recorded(layer, h, weight, None))
            return z
        out, tape = self._rules[layer.activation].forward(z, self._workspace)
        self._record.append(Recorded(layer, h, weight, tape))
        if layer.step is None:
            return out
        return torch.add(h, out, alpha=layer.step, out=self._workspace.empty(out.shape, out))

    def _product(self, matrix: Tensor, jet: Tensor) -> Tensor:
        out = self._workspace.empty((jet.shape[0], matrix.shape[0], jet.shape[2]), jet)
        return torch.matmul(matrix, jet, out=out)

    def adjoints(self, cotangent: Tensor, lowest: int = 0, entering: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Return δ (C, w_out, n) for each layer from number `lowest` up, given the adjoint of the output jets.

        `entering` are adjoints (C, w_in, n) of what enters each layer, where that is read by others than the layer.
        """
        deltas: list[Tensor] = []
        if self._record[-1].tape is not None:
            # the way back through an activation works in place, and this cotangent is the caller's
            cotangent = cotangent.clone()
        for number in range(len(self._record) - 1, lowest - 1, -1):
            recorded = self._record[number]
            delta = self._through_activation(recorded, cotangent)
            deltas.append(delta)
            if number > lowest:
                below = self._product(recorded.weight.T, delta)
                cotangent = below if recorded.layer.step is None else below.add_(cotangent)
                if entering is not None:
                    cotangent.add_(entering[number])
        return deltas[::-1]

    def _through_activation(self, recorded: Recorded, cotangent: Tensor) -> Tensor:
        layer = recorded.layer
        if layer.activation is None or recorded.tape is None:
            return cotangent
        if layer.step is not None:
            # the cotangent itself goes on along the skip connection
            scaled = self._workspace.empty(cotangent.shape, cotangent)
            cotangent = torch.mul(cotangent, layer.step, out=scaled)
        return self._rules[layer.activation].backward(recorded.tape, cotangent, self._workspace)

    def pullback(self, cotangent: Tensor, stop: int | None = None) -> Tensor:
        """Return the gradient of Σ cotangent·values by the layers in θ[:stop]."""
        count = sum(stop is None or block.stop <= stop for block in self._network.blocks)
        parts = []
        for recorded, delta in list(zip(self._record, self.adjoints(cotangent), strict=True))[:count]:
            parts.append(torch.bmm(delta, recorded.h.transpose(1, 2)).sum(0).flatten())
            parts.append(delta[0].sum(1))
        return torch.cat(parts)

    def rows(self, cotangent: Tensor, start: int, stop: int) -> Tensor:
        """Return the rows Σ_c δ_c[i] ⊗ h_c[i], then δ_0[i], of the layers that fill θ[start:stop]."""
        chosen = [n for n, block in enumerate(self._network.blocks) if start <= block.start and block.stop <= stop]
        if not chosen or sum(self._network.layers[n].size for n in chosen) != stop - start:
            what = f"θ[{start}:{stop}] is not made of whole layers"
            raise DeclarationError(what, "rows", "use the network's blocks")
        deltas = self.adjoints(cotangent, chosen[0])
        # points run fastest in memory: every product below is then one pass over contiguous numbers
        columns = self._workspace.empty((stop - start, cotangent.shape[2]), cotangent)
        for number, delta in zip(chosen, deltas, strict=False):
            h, block = self._record[number].h, self._network.blocks[number]
            weights, biases = self._network.layers[number].split(columns[block.start - start : block.stop - start])
            torch.mul(delta[0, :, None], h[0], out=weights)
            for channel in range(1, len(h)):
                weights.addcmul_(delta[channel, :, None], h[channel])
            biases.copy_(delta[0])
        return columns.T

    def along(self, cotangent: Tensor, direction: Tensor) -> Tensor:
        """Return Σ_layers Σ_c δ_c[i]·(V h_c[i]) + δ_0[i]·v with (V, v) the layer's part of the direction."""
        total = torch.zeros_like(self.values[0, 0])
        blocks = self._network.blocks
        for recorded, delta, block in zip(self._record, self.adjoints(cotangent), blocks, strict=True):
            weight, bias = recorded.layer.split(direction[block.start : block.stop])
            moved = torch.matmul(weight, recorded.h)
            moved[0] += bias[:, None]
            total += (delta * moved).sum((0, 1))
        return total


class ChainNetwork(AbstractNetwork):
    """An embedding followed by layers; θ holds W (by rows) and b of each layer in order.

    Parameters
    ----------
    features : FeatureMap
        What the first layer is fed.
    layers : sequence of Layer
        The layers, each with as many inputs as the one before has outputs.
    kinds : sequence of str, optional
        The kinds of their blocks, for a chain cut from a longer one; without it, the first is the input layer.
    """

    def __init__(self, features: FeatureMap, layers: Sequence[Layer], kinds: Sequence[str] | None = None) -> None:
        self.features = features
        self.layers = tuple(layers)
        stops = torch.tensor([layer.size for layer in layers], device="cpu").cumsum(0).tolist()
        self.blocks = tuple(
            Block(f"layer {number}", stop - layer.size, stop, (layer.outputs, layer.inputs), kind)
            for number, (layer, stop, kind) in enumerate(zip(layers, stops, kinds or _kinds(layers), strict=True))
        )
        self._rules: dict[tuple[MultiIndex, ...], dict[Activation, ChainRule]] = {}
        self._parts: dict[tuple[int, int], ChainNetwork] = {}

    def along(self, axes: Sequence[int]) -> ChainNetwork:
        """Return the chain for points that have some of the coordinates only, fed with fewer features."""
        features = self.features.along(axes)
        first = replace(self.layers[0], inputs=features.entering)
        return ChainNetwork(features, [first, *self.layers[1:]], [block.kind for block in self.blocks])

    def rules(self, indices: Sequence[MultiIndex]) -> dict[Activation, ChainRule]:
        """Return the chain rule of each activation for jets with these multi-indices, built once."""
        key = tuple(indices)
        if key not in self._rules:
            self._rules[key] = activation_rules(key, [layer.activation for layer in self.layers])
        return self._rules[key]

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw W from Glorot's normal law of variance 2/(inputs + outputs) and set b = 0 (Glorot, Bengio 2010, eq. 12).

        Drawn in float64 on the CPU, so that one seed means one θ on every device.
        """
        parts = []
        for layer in self.layers:
            deviation = math.sqrt(2 / (layer.inputs + layer.outputs))
            weight = torch.randn(layer.outputs * layer.inputs, generator=generator, dtype=torch.float64, device="cpu")
            parts += [deviation * weight, torch.zeros(layer.outputs, dtype=torch.float64, device="cpu")]
        return torch.cat(parts).to(device, dtype)

    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the features' jets, shape (C, features, n)."""
        return self.features.jet(x, indices)

    def part(self, start: int, stop: int) -> ChainNetwork | None:
        """Return the chain of the layers that fill θ[start:stop], built once; None where no layers do."""
        if (start, stop) not in self._parts:
            cut = layers_of(self.blocks, start, stop)
            if cut is None:
                return None
            kinds = [block.kind for block in self.blocks[cut]]
            self._parts[start, stop] = ChainNetwork(self.features, self.layers[cut], kinds)
        return self._parts[start, stop]

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> ChainLinearisation:
        """Carry the jets forward through the layers."""
        return ChainLinearisation(self, theta, embedded, indices, workspace)


def _kinds(layers: Sequence[Layer]) -> list[str]:
    """Return the kind of each layer of a whole chain."""
    kinds = ["layer" if layer.step is None else "block" for layer in layers]
    if layers[-1].activation is None:
        kinds[-1] = "head"
    kinds[0] = "input"
    return kinds


def activation_rules(
    indices: Sequence[MultiIndex], activations: Sequence[Activation | None]
) -> dict[Activation, ChainRule]:
    """Return the chain rule of each activation for jets with these multi-indices."""
    return {activation: _chain_rule(indices, activation) for activation in set(activations) if activation is not None}


def _chain_rule(indices: Sequence[MultiIndex], activation: Activation) -> ChainRule:
    if isinstance(activation, Compiled):
        return FusedChainRule(indices, activation.inner)
    return ChainRule(indices, activation)
