"""A layer that runs through the stages of a step, with one W and one b for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from pinnml.network.activation import Activation
from pinnml.network.block_weights import BlockWeights, FreeWeights, StepLength
from pinnml.network.integrators import Program


@dataclass(frozen=True)
class FlowLayer:
    """A program with one W (outputs, inputs) and one b (outputs,), whose parameters are those of W, b, and of τ."""

    inputs: int
    outputs: int
    program: Program
    kind: str
    activation: Activation | None = None
    weights: BlockWeights = field(default_factory=FreeWeights)
    step: StepLength = field(default_factory=StepLength)

    @property
    def entries(self) -> int:
        """The parameters of W."""
        return self.weights.size(self.outputs, self.inputs)

    @property
    def size(self) -> int:
        """All parameters."""
        return self.entries + self.outputs + self.step.entries

    @property
    def shape(self) -> tuple[int, ...]:
        """(outputs, inputs) where the parameters are W by rows and then b, else their number."""
        plain = self.size == self.outputs * (self.inputs + 1) and isinstance(self.weights, FreeWeights)
        return (self.outputs, self.inputs) if plain else (self.size,)

    def split(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the parameters of W, b (outputs,) and s (0 or 1,) as views of parameters (size, …)."""
        stop = self.entries + self.outputs
        return parameters[: self.entries], parameters[self.entries : stop], parameters[stop:]

    def power(self, logarithm: Tensor, power: int) -> Tensor | float:
        """Return τ^power for the logarithm s of τ, of which there is none where the step stays."""
        if not power or not self.step.entries:
            return self.step.length**power
        return (power * logarithm[0]).exp()
