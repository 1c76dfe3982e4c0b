"""Multilayer perceptrons and residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from itertools import pairwise

from pinnml.network.activation import Activation, Tanh
from pinnml.network.chain import ChainNetwork, Layer
from pinnml.network.embedding import Embedding, Normalised
from pinnml.network.network import Architecture
from pinnml.settings import at_least, setting


@setting
class MLP(Architecture):
    """A multilayer perceptron: `depth` layers h ↦ tanh(Wh + b) of equal width, then an affine layer."""

    width: int = 20
    depth: int = 8
    embedding: Embedding = field(default_factory=Normalised)
    activation: Activation = field(default_factory=Tanh)

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "depth")

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int) -> ChainNetwork:
        """Return the chain for these inputs and outputs."""
        features = self.embedding.bind(names, lower, upper)
        widths = [features.features, *[self.width] * self.depth]
        hidden = [Layer(a, b, self.activation) for a, b in pairwise(widths)]
        return ChainNetwork(features, [*hidden, Layer(self.width, outputs)])


@setting
class ResNet(Architecture):
    """A residual network: h ↦ tanh(Wh + b), then `blocks` times h ↦ h + dt·tanh(Wh + b), then an affine layer.

    Source: E, Comm. Math. Stat. 5 (2017): one forward Euler step of h′ = tanh(Wh + b) a block.
    """

    width: int = 16
    blocks: int = 9
    dt: float = 1.0
    embedding: Embedding = field(default_factory=Normalised)
    activation: Activation = field(default_factory=Tanh)

    def __post_init__(self) -> None:
        at_least(self, 1, "width", "blocks")
        at_least(self, 0, "dt", above=True)

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int) -> ChainNetwork:
        """Return the chain for these inputs and outputs."""
        features = self.embedding.bind(names, lower, upper)
        block = Layer(self.width, self.width, self.activation, step=self.dt)
        first = Layer(features.features, self.width, self.activation)
        return ChainNetwork(features, [first, *[block] * self.blocks, Layer(self.width, outputs)])
