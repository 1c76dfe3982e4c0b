"""Networks whose blocks are steps of a differential equation, with jets carried through all their stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.activation import Activation
from pinnml.network.chain import activation_rules
from pinnml.network.chain_rule import ChainRule, Tape
from pinnml.network.embedding import FeatureMap
from pinnml.network.flow_layer import FlowLayer
from pinnml.network.indices import MultiIndex
from pinnml.network.integrators import Substep, Sum
from pinnml.network.network import AbstractLinearisation, AbstractNetwork, Block, layers_of
from pinnml.network.workspace import Workspace


@dataclass
class Passed:
    """A layer's part in a forward pass: its parameters, variables (C, w, n), and for each stage v, σ(…) and tape."""

    layer: FlowLayer
    weight: Tensor
    logarithm: Tensor
    variables: list[Tensor]
    entered: list[Tensor] = field(default_factory=list)
    activated: list[Tensor] = field(default_factory=list)
    tapes: list[Tape | None] = field(default_factory=list)


@dataclass
class Felt:
    """How a cotangent feels a layer's parameters: dW = Σ a ⊗ v, db = Σ δ_0, ds = Σ factor·a·v, over channels.

    `pairs` holds (a, v) (C, outputs, n) and (C, inputs, n), `deltas` δ (C, outputs, n).
    """

    pairs: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    deltas: list[Tensor] = field(default_factory=list)
    steps: list[tuple[Tensor | float, Tensor, Tensor]] = field(default_factory=list)


class FlowLinearisation(AbstractLinearisation):
    """Jets through all stages of all layers, and back through them for a cotangent."""

    def __init__(
        self,
        network: FlowNetwork,
        theta: Tensor,
        embedded: Tensor,
        indices: Sequence[MultiIndex],
        workspace: Workspace,
    ) -> None:
        self._network = network
        self._rules = network.rules(indices)
        self._workspace = workspace
        self._record: list[Passed] = []
        first = network.layers[0]
        states = list(embedded[:, : first.program.states * first.inputs].split(first.inputs, 1))
        for layer, block in zip(network.layers, network.blocks, strict=True):
            states = self._forward(layer, theta[block.start : block.stop], states)
        self.values = states[0] if len(states) == 1 else torch.cat(states, 1)

    def _forward(self, layer: FlowLayer, parameters: Tensor, states: list[Tensor]) -> list[Tensor]:
        own, bias, logarithm = layer.split(parameters)
        weight = layer.weights.constant(layer.weights.spread(own, layer.outputs, layer.inputs))
        passed = Passed(layer, weight, logarithm, list(states))
        self._record.append(passed)
        for stage in layer.program.stages:
            v = _sum(passed, stage.entering)
            z = self._product(weight.T if stage.transposed else weight, v)
            z[0] += bias[:, None]
            out, tape = z, None
            if layer.activation is not None:
                out, tape = self._rules[layer.activation].forward(z, self._workspace)
            passed.entered.append(v)
            passed.activated.append(out)
            passed.tapes.append(tape)
            passed.variables.append(self._product(weight.T, out) if stage.symmetric else out)
        return [_sum(passed, following) for following in layer.program.following]

    def _product(self, matrix: Tensor, jet: Tensor) -> Tensor:
        out = self._workspace.empty((jet.shape[0], matrix.shape[0], jet.shape[2]), jet)
        return torch.matmul(matrix, jet, out=out)

    def felt(self, cotangent: Tensor, lowest: int = 0) -> list[Felt]:
        """Return how a cotangent of the values feels each layer's parameters, from number `lowest` up."""
        last = self._record[-1].layer.program
        adjoints, found = list(cotangent.split(cotangent.shape[1] // len(last.following), 1)), list[Felt]()
        for passed in reversed(self._record[lowest:]):
            felt, adjoints = self._back(passed, adjoints)
            found.append(felt)
        return found[::-1]

    def _back(self, passed: Passed, leaving: Sequence[Tensor]) -> tuple[Felt, list[Tensor]]:
        """Return how adjoints of the states that leave a layer feel its parameters, and those of states that enter."""
        layer, felt = passed.layer, Felt()
        adjoints: list[Tensor | None] = [None] * len(passed.variables)
        for following, adjoint in zip(layer.program.following, leaving, strict=True):
            _spread(passed, felt, adjoints, following, adjoint)
        for number in reversed(range(len(layer.program.stages))):
            own = adjoints.pop()
            if own is not None:
                stage = layer.program.stages[number]
                _spread(passed, felt, adjoints, stage.entering, self._through(passed, felt, stage, number, own))
        states = passed.variables[: layer.program.states]
        return felt, [torch.zeros_like(h) if a is None else a for h, a in zip(states, adjoints, strict=True)]

    def _through(self, passed: Passed, felt: Felt, stage: Substep, number: int, adjoint: Tensor) -> Tensor:
        """Return the adjoint of a stage's v, given that of its variable, which is written over."""
        layer, weight = passed.layer, passed.weight
        if stage.symmetric:
            felt.pairs.append((passed.activated[number], adjoint))
            adjoint = self._product(weight, adjoint)
        tape = passed.tapes[number]
        if layer.activation is not None and tape is not None:
            adjoint = self._rules[layer.activation].backward(tape, adjoint, self._workspace)
        v = passed.entered[number]
        felt.pairs.append((v, adjoint) if stage.transposed else (adjoint, v))
        felt.deltas.append(adjoint)
        return self._product(weight if stage.transposed else weight.T, adjoint)

    def pullback(self, cotangent: Tensor, stop: int | None = None) -> Tensor:
        """Return the gradient of Σ cotangent·values by the layers in θ[:stop]."""
        count = sum(stop is None or block.stop <= stop for block in self._network.blocks)
        parts = []
        for passed, felt in list(zip(self._record, self.felt(cotangent), strict=True))[:count]:
            whole = torch.stack([torch.bmm(a, v.transpose(1, 2)).sum(0) for a, v in felt.pairs]).sum(0)
            parts += [passed.layer.weights.fold(whole), torch.stack([d[0].sum(1) for d in felt.deltas]).sum(0)]
            if passed.layer.step.entries:
                parts.append(torch.stack([factor * (a * v).sum() for factor, a, v in felt.steps]).sum(0, True))
        return torch.cat(parts)

    def rows(self, cotangent: Tensor, start: int, stop: int) -> Tensor:
        """Return Σ a[i] ⊗ v[i] folded, δ_0[i], and what τ feels, of the layers that fill θ[start:stop]."""
        blocks, layers = self._network.blocks, self._network.layers
        chosen = [n for n, block in enumerate(blocks) if start <= block.start and block.stop <= stop]
        if not chosen or sum(layers[n].size for n in chosen) != stop - start:
            what = f"θ[{start}:{stop}] is not made of whole layers"
            raise DeclarationError(what, "rows", "use the network's blocks")
        found = self.felt(cotangent, chosen[0])
        # points run fastest in memory: every product below is then one pass over contiguous numbers
        columns = self._workspace.empty((stop - start, cotangent.shape[2]), cotangent)
        for number, felt in zip(chosen, found, strict=False):
            layer, block = layers[number], blocks[number]
            own, bias, logarithm = layer.split(columns[block.start - start : block.stop - start])
            own.copy_(layer.weights.fold(self._outer(layer, felt)))
            torch.sum(torch.stack([delta[0] for delta in felt.deltas]), 0, out=bias)
            if layer.step.entries:
                logarithm.copy_(torch.stack([factor * (a * v).sum((0, 1)) for factor, a, v in felt.steps]).sum(0))
        return columns.T

    def _outer(self, layer: FlowLayer, felt: Felt) -> Tensor:
        """Return Σ_pairs Σ_c a_c ⊗ v_c point by point, shape (outputs, inputs, n)."""
        shape = (layer.outputs, layer.inputs, self.values.shape[2])
        whole = self._workspace.empty(shape, self.values).zero_()
        for a, v in felt.pairs:
            for channel in range(len(a)):
                whole.addcmul_(a[channel, :, None], v[channel])
        return whole

    def along(self, cotangent: Tensor, direction: Tensor) -> Tensor:
        """Return Σ_layers Σ_pairs Σ_c a_c[i]·(V v_c[i]) + δ_0[i]·b + s·(what τ feels), with (V, b, s) the direction."""
        total = torch.zeros_like(self.values[0, 0])
        for passed, felt, block in zip(self._record, self.felt(cotangent), self._network.blocks, strict=True):
            layer = passed.layer
            own, bias, logarithm = layer.split(direction[block.start : block.stop])
            weight = layer.weights.spread(own, layer.outputs, layer.inputs)
            for a, v in felt.pairs:
                total += (a * torch.matmul(weight, v)).sum((0, 1))
            for delta in felt.deltas:
                total += bias @ delta[0]
            if layer.step.entries:
                for factor, a, v in felt.steps:
                    total += logarithm[0] * factor * (a * v).sum((0, 1))
        return total


def _sum(passed: Passed, summands: Sum) -> Tensor:
    """Return a sum of a layer's variables, one of them itself where it is that."""
    variables = passed.variables
    if not summands:
        return torch.zeros_like(variables[-1])
    first = summands[0]
    total = variables[first.variable]
    if len(summands) == 1 and first.factor == 1 and not first.power:
        return total
    total = total * (first.factor * passed.layer.power(passed.logarithm, first.power))
    for one in summands[1:]:
        total += (one.factor * passed.layer.power(passed.logarithm, one.power)) * variables[one.variable]
    return total


def _spread(passed: Passed, felt: Felt, adjoints: list[Tensor | None], summands: Sum, adjoint: Tensor) -> None:
    """Add the adjoint of a sum to those of its variables, and to what τ feels."""
    for one in summands:
        factor = one.factor * passed.layer.power(passed.logarithm, one.power)
        if one.power and passed.layer.step.entries:
            felt.steps.append((one.power * factor, adjoint, passed.variables[one.variable]))
        before, own = adjoints[one.variable], factor * adjoint
        adjoints[one.variable] = own if before is None else before + own


class FlowNetwork(AbstractNetwork):
    """An embedding followed by layers whose programs fit together; θ holds W's parameters, b and perhaps s of each.

    Parameters
    ----------
    features : FeatureMap
        What the first layer is fed.
    layers : sequence of FlowLayer
        The layers.
    """

    def __init__(self, features: FeatureMap, layers: Sequence[FlowLayer]) -> None:
        self.features = features
        self.layers = tuple(layers)
        blocks, start = list[Block](), 0
        for number, layer in enumerate(layers):
            blocks.append(Block(f"layer {number}", start, start + layer.size, layer.shape, layer.kind))
            start += layer.size
        self.blocks = tuple(blocks)
        self._rules: dict[tuple[MultiIndex, ...], dict[Activation, ChainRule]] = {}
        self._parts: dict[tuple[int, int], FlowNetwork] = {}

    def rules(self, indices: Sequence[MultiIndex]) -> dict[Activation, ChainRule]:
        """Return the chain rule of each activation for jets with these multi-indices, built once."""
        key = tuple(indices)
        if key not in self._rules:
            self._rules[key] = activation_rules(key, [layer.activation for layer in self.layers])
        return self._rules[key]

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw entries of W from Glorot's normal law, set b = 0, and steps to the length that was declared."""
        parts = []
        for layer in self.layers:
            deviation = math.sqrt(2 / (layer.inputs + layer.outputs))
            own = torch.randn(layer.entries, generator=generator, dtype=torch.float64, device="cpu")
            parts += [deviation * own, torch.zeros(layer.outputs, dtype=torch.float64, device="cpu")]
            parts.append(own.new_full((layer.step.entries,), math.log(layer.step.length)))
        return torch.cat(parts).to(device, dtype)

    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the features' jets, shape (C, features, n)."""
        return self.features.jet(x, indices)

    def part(self, start: int, stop: int) -> FlowNetwork | None:
        """Return the network of the layers that fill θ[start:stop], fed with all states one below the other."""
        if (start, stop) not in self._parts:
            cut = layers_of(self.blocks, start, stop)
            if cut is None:
                return None
            self._parts[start, stop] = FlowNetwork(self.features, self.layers[cut])
        return self._parts[start, stop]

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> FlowLinearisation:
        """Carry the jets forward through the layers."""
        return FlowLinearisation(self, theta, embedded, indices, workspace)
