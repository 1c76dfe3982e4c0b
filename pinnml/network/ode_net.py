"""Networks as differential equations in depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from pinnml.network.activation import Activation, Tanh
from pinnml.network.block_weights import BlockWeights, FreeWeights, StepLength
from pinnml.network.embedding import Embedding, Normalised
from pinnml.network.flow import FlowNetwork
from pinnml.network.flow_layer import FlowLayer
from pinnml.network.integrators import ForwardEuler, Integrator, Program, Substep, Summand
from pinnml.network.network import Architecture
from pinnml.settings import Count, setting


@setting
class ODENet(Architecture):
    """h ↦ σ(Wh + b), then `blocks` steps of a differential equation in depth, then an affine layer.

    With `ForwardEuler` and `FreeWeights` it computes what a `ResNet` does, but rules that deepen or widen a network do
    not take it. Stable ones keep what enters them: `Antisymmetric` weights, or the `Verlet` and `Leapfrog` steps of
    systems that conserve. Jets, rows and adjoints go through all substeps by hand, as in `ResNet`; an equation that is
    not written here goes in by `Custom`, and nested differentiation.
    Source: Haber, Ruthotto, Inverse Problems 34, 2017; Chang et al., AAAI 2018.

    Parameters
    ----------
    width : int, default 16
        The neurons of each hidden layer, and of each of two states.
    blocks : int, default 9
        The number of steps.
    integrator : Integrator, default ForwardEuler()
        The step.
    weights : BlockWeights, default FreeWeights()
        How a block's W is made of its parameters.
    step : StepLength, default StepLength(1)
        The length of a step; `LearnedStep(τ)` for one that each block learns.
    embedding : Embedding, default Normalised()
        What the coordinates are turned into before the first layer.
    activation : Activation, default Tanh()
        σ, the same for all hidden layers.

    Raises
    ------
    DeclarationError
        Where `width` or `blocks` is less than 1, or an argument has another type.
    """

    width: Count = 16
    blocks: Count = 9
    integrator: Integrator = field(default_factory=ForwardEuler)
    weights: BlockWeights = field(default_factory=FreeWeights)
    step: StepLength = field(default_factory=StepLength)
    embedding: Embedding = field(default_factory=Normalised)
    activation: Activation = field(default_factory=Tanh)

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int) -> FlowNetwork:
        """Return the network for these inputs and outputs."""
        features, second = self.embedding.bind(names, lower, upper), self.integrator.second
        affine, state = (Substep((Summand(0),)),), (Summand(1),)
        begin = Program(1, affine, (state,) if second is None else (state, second))
        end = Program(1 if second is None else 2, affine, ((Summand(1 if second is None else 2),),))
        first = FlowLayer(features.entering, self.width, begin, "input", self.activation)
        block = FlowLayer(
            self.width, self.width, self.integrator.program, "block", self.activation, self.weights, self.step
        )
        return FlowNetwork(features, [first, *[block] * self.blocks, FlowLayer(self.width, outputs, end, "head")])
