"""Multilayer perceptrons and residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from itertools import pairwise
from typing import Annotated

from pinnml.network.activation import Activation, Tanh
from pinnml.network.chain import ChainNetwork, Layer
from pinnml.network.embedding import Embedding, Normalised
from pinnml.network.network import Architecture
from pinnml.settings import Above, Count, setting


@setting
class MLP(Architecture):
    """A multilayer perceptron: `depth` layers h ↦ σ(Wh + b) of equal width, then an affine layer.

    Parameters
    ----------
    width : int, default 20
        The neurons of each hidden layer.
    depth : int, default 8
        The number of hidden layers.
    embedding : Embedding, default Normalised()
        What the coordinates are turned into before the first layer.
    activation : Activation, default Tanh()
        σ, the same for all hidden layers.

    Raises
    ------
    DeclarationError
        Where `width` or `depth` is less than 1, or an argument has another type.
    """

    width: Count = 20
    depth: Count = 8
    embedding: Embedding = field(default_factory=Normalised)
    activation: Activation = field(default_factory=Tanh)

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int) -> ChainNetwork:
        """Return the chain for these inputs and outputs."""
        features = self.embedding.bind(names, lower, upper)
        widths = [features.entering, *[self.width] * self.depth]
        hidden = [Layer(a, b, self.activation) for a, b in pairwise(widths)]
        return ChainNetwork(features, [*hidden, Layer(self.width, outputs)])


@setting
class ResNet(Architecture):
    """A residual network: h ↦ σ(Wh + b), then `blocks` times h ↦ h + dt·σ(Wh + b), then an affine layer.

    Source: E, Comm. Math. Stat. 5 (2017): one forward Euler step of h′ = σ(Wh + b) a block.

    Parameters
    ----------
    width : int, default 16
        The neurons of each hidden layer.
    blocks : int, default 9
        The number of residual layers.
    dt : float, default 1.0
        The length of an Euler step, dimensionless.
    embedding : Embedding, default Normalised()
        What the coordinates are turned into before the first layer.
    activation : Activation, default Tanh()
        σ, the same for all hidden layers.

    Raises
    ------
    DeclarationError
        Where `width` or `blocks` is less than 1, `dt` is not positive, or an argument has another type.
    """

    width: Count = 16
    blocks: Count = 9
    dt: Annotated[float, Above(0)] = 1.0
    embedding: Embedding = field(default_factory=Normalised)
    activation: Activation = field(default_factory=Tanh)

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int) -> ChainNetwork:
        """Return the chain for these inputs and outputs."""
        features = self.embedding.bind(names, lower, upper)
        block = Layer(self.width, self.width, self.activation, step=self.dt)
        first = Layer(features.entering, self.width, self.activation)
        return ChainNetwork(features, [first, *[block] * self.blocks, Layer(self.width, outputs)])
