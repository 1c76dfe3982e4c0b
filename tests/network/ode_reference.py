"""Networks as differential equations, written out step by step in torch."""

from __future__ import annotations

from itertools import pairwise

import torch
from network_reference import features
from torch import Tensor, nn

from pinnml.network import (
    Antisymmetric,
    ForwardEuler,
    FreeWeights,
    Leapfrog,
    LearnedStep,
    ODENet,
    PeriodicEmbedding,
    RungeKutta4,
    Sin,
    StepLength,
    Verlet,
)

ODE_NETS: dict[str, ODENet] = {
    "euler": ODENet(5, 3, step=StepLength(0.3)),
    "antisymmetric": ODENet(5, 3, weights=Antisymmetric(0.2), step=StepLength(0.4)),
    "antisymmetric-learned": ODENet(4, 2, weights=Antisymmetric(), step=LearnedStep(0.7)),
    "runge-kutta": ODENet(4, 2, RungeKutta4(), step=StepLength(0.5)),
    "runge-kutta-learned": ODENet(
        4, 2, RungeKutta4(), Antisymmetric(0.1), LearnedStep(0.6), PeriodicEmbedding("x", 2), Sin()
    ),
    "verlet": ODENet(4, 2, Verlet(), step=StepLength(0.5)),
    "verlet-learned": ODENet(4, 2, Verlet(), step=LearnedStep(0.5)),
    "leapfrog": ODENet(4, 2, Leapfrog(), step=StepLength(0.5)),
    "leapfrog-learned": ODENet(4, 3, Leapfrog(), Antisymmetric(0.1), LearnedStep(0.4)),
}


class Steps(nn.Module):
    """x (n, d) to fields (n, m), with θ in its order: of each layer what makes W, then b, then log τ where learned."""

    def __init__(self, architecture: ODENet, dimension: int, outputs: int) -> None:
        super().__init__()
        self.architecture, width = architecture, architecture.width
        entering = features(architecture.embedding, torch.zeros(1, dimension, dtype=torch.float64)).shape[1]
        widths = [entering, *[width] * (architecture.blocks + 1), outputs]
        own = width * (width - 1) // 2 if isinstance(architecture.weights, Antisymmetric) else width**2
        parameters = []
        for number, (a, b) in enumerate(pairwise(widths)):
            is_block = 0 < number <= architecture.blocks
            parameters += [torch.zeros(own if is_block else a * b), torch.zeros(b)]
            if is_block and isinstance(architecture.step, LearnedStep):
                parameters.append(torch.zeros(1))
        self.parts = nn.ParameterList(parameters).double()

    def block(self, number: int) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return W, b and τ of a block, counted from 1."""
        architecture, width = self.architecture, self.architecture.width
        learned = isinstance(architecture.step, LearnedStep)
        first = 2 + (number - 1) * (2 + learned)
        own, bias = self.parts[first], self.parts[first + 1]  # a slice would be a list of new parameters
        if isinstance(architecture.weights, FreeWeights):
            weight = own.view(width, width)
        else:
            assert isinstance(architecture.weights, Antisymmetric)
            row, column = torch.triu_indices(width, width, 1)
            A = torch.zeros(width, width, dtype=own.dtype).index_put((row, column), own)
            weight = A - A.T - architecture.weights.damping * torch.eye(width, dtype=own.dtype)
        return weight, bias, self.parts[first + 2][0].exp() if learned else architecture.step.length

    def forward(self, x: Tensor) -> Tensor:
        sigma = torch.sin if isinstance(self.architecture.activation, Sin) else torch.tanh
        embedded = features(self.architecture.embedding, x)
        h = sigma(embedded @ self.parts[0].view(-1, embedded.shape[1]).T + self.parts[1])
        z = torch.zeros_like(h) if isinstance(self.architecture.integrator, Verlet) else h
        for number in range(1, self.architecture.blocks + 1):
            W, b, tau = self.block(number)

            def f(v: Tensor, W: Tensor = W, b: Tensor = b) -> Tensor:
                return sigma(v @ W.T + b)

            match self.architecture.integrator:
                case ForwardEuler():
                    h = h + tau * f(h)
                case RungeKutta4():
                    k1 = f(h)
                    k2 = f(h + tau / 2 * k1)
                    k3 = f(h + tau / 2 * k2)
                    h = h + tau / 6 * (k1 + 2 * k2 + 2 * k3 + f(h + tau * k3))
                case Verlet():
                    z = z - tau * sigma(h @ W + b)
                    h = h + tau * f(z)
                case Leapfrog():
                    h, z = 2 * h - z - tau**2 * f(h) @ W, h
        return h @ self.parts[-2].view(-1, h.shape[1]).T + self.parts[-1]
