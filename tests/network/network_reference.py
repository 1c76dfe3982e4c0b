"""Networks written out with torch's own layers, their derivatives by forward mode again and again, and boxes to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise, product

import torch
from torch import Tensor, nn

from pinnml.network import (
    MLP,
    AbstractNetwork,
    Architecture,
    Custom,
    Embedding,
    FourierFeatures,
    Hole,
    Identity,
    Inverted,
    Normalised,
    PeriodicEmbedding,
    ResNet,
    Sin,
    WithGeometry,
)

NAMES = ("x", "t", "y")
LOWER = (-1.0, 0.0, 2.0)
UPPER = (2.0, 0.5, 3.0)

ARCHITECTURES: dict[str, Architecture] = {
    "mlp": MLP(width=6, depth=3),
    "mlp-sin-identity": MLP(width=5, depth=2, embedding=Identity(), activation=Sin()),
    "mlp-fourier": MLP(width=6, depth=2, embedding=FourierFeatures(count=3, scale=0.4, seed=5)),
    "resnet": ResNet(width=5, blocks=3, dt=0.3),
    "resnet-dt-1": ResNet(width=5, blocks=2),
    "resnet-sin-periodic": ResNet(width=6, blocks=2, dt=0.5, embedding=PeriodicEmbedding("x", 2), activation=Sin()),
    "mlp-sides": MLP(width=5, depth=2, embedding=WithGeometry(Normalised(), (lambda x: x.square().sum(1) - 7,))),
    "mlp-inverted": MLP(width=5, depth=2, embedding=Inverted((Hole(0.5, {"x": -2.0}), Hole(1.5, {"x": 3.0})))),
}


def bound(architecture: Architecture, dimension: int, outputs: int = 2) -> AbstractNetwork:
    """Return the network on the first `dimension` coordinates."""
    return architecture.bind(NAMES[:dimension], LOWER[:dimension], UPPER[:dimension], outputs)


def as_module(architecture: Architecture, dimension: int, theta: Tensor, outputs: int = 2) -> AbstractNetwork:
    """Return the same chain as a foreign module, with the weights θ."""
    return bound(Custom(plain(architecture, dimension, theta, outputs)), dimension, outputs)


def points(count: int, dimension: int, generator: torch.Generator) -> Tensor:
    """Draw points of the box, shape (count, dimension)."""
    low, high = (torch.tensor(bounds[:dimension], dtype=torch.float64) for bounds in (LOWER, UPPER))
    return low + (high - low) * torch.rand(count, dimension, generator=generator, dtype=torch.float64)


def parameters(network: AbstractNetwork, generator: torch.Generator) -> Tensor:
    """Draw θ (p,) with biases that are not zero."""
    start = network.initial(generator, torch.float64, torch.device("cpu"))
    return start + 0.2 * torch.randn(network.size, generator=generator, dtype=torch.float64)


def up_to(order: int, dimension: int) -> tuple[tuple[int, ...], ...]:
    """Return all multi-indices of at most this order, lowest first."""
    every = product(range(order + 1), repeat=dimension)
    return tuple(sorted((index for index in every if sum(index) <= order), key=sum))


class Plain(nn.Module):
    """The chain of an MLP or a ResNet, x (n, d) to fields (n, m); weight and bias layer by layer, as θ is ordered."""

    def __init__(self, architecture: MLP | ResNet, dimension: int, outputs: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.dt = architecture.dt if isinstance(architecture, ResNet) else None
        hidden = architecture.blocks + 1 if isinstance(architecture, ResNet) else architecture.depth
        centre = torch.zeros(1, dimension, dtype=torch.float64)
        widths = [features(architecture.embedding, centre).shape[1], *[architecture.width] * hidden, outputs]
        self.linear = nn.ModuleList(nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        first, *inner, last = self.linear
        sigma = torch.sin if isinstance(self.architecture.activation, Sin) else torch.tanh
        h = sigma(first(features(self.architecture.embedding, x)))
        for layer in inner:
            h = sigma(layer(h)) if self.dt is None else h + self.dt * sigma(layer(h))
        return last(h)


def features(embedding: Embedding, x: Tensor) -> Tensor:
    """Embed points (n, d) by the formulas."""
    low, high = (x.new_tensor(bounds[: x.shape[1]]) for bounds in (LOWER, UPPER))
    normalised = 2 * (x - low) / (high - low) - 1
    match embedding:
        case Identity():
            return x
        case Normalised():
            return normalised
        case PeriodicEmbedding(harmonics=harmonics):
            axes = [NAMES.index(name) for name in embedding.axes]
            others = [axis for axis in range(x.shape[1]) if axis not in axes]
            turns = ((x - low) / (high - low))[:, axes].T
            angles = [2 * math.pi * k * turn for turn in turns for k in range(1, harmonics + 1)]
            waves = [wave for angle in angles for wave in (angle.sin(), angle.cos())]
            return torch.cat([normalised[:, others], torch.stack(waves, 1)], 1)
        case FourierFeatures(count=count, scale=scale, seed=seed):
            seeded = torch.Generator().manual_seed(seed)
            B = scale * torch.randn(count, x.shape[1], generator=seeded, dtype=torch.float64).to(x)
            angle = math.pi * normalised @ B.T
            return torch.cat([normalised, angle.sin(), angle.cos()], 1)
        case Inverted(holes=holes):
            return torch.cat([normalised, *(inverted(hole, x) for hole in holes)], 1)
        case WithGeometry(embedding=inner, levels=levels):
            distances = torch.stack([level(x) for level in levels], 1)
            pairs = torch.stack([distances.abs(), torch.where(distances < 0, -1.0, 1.0).to(x)], 2)
            return torch.cat([features(inner, x), pairs.flatten(1)], 1)
    raise NotImplementedError(embedding)


def inverted(hole: Hole, x: Tensor) -> Tensor:
    """Return r(x − c)/‖x − c‖² (n, k) of the coordinates that tell where a hole is."""
    away = x[:, [NAMES.index(name) for name in hole.centre]] - x.new_tensor(list(hole.centre.values()))
    return hole.radius * away / away.square().sum(1, keepdim=True)


def plain(architecture: Architecture, dimension: int, theta: Tensor, outputs: int = 2) -> Plain:
    """Return the module with the weights θ."""
    assert isinstance(architecture, MLP | ResNet)
    module = Plain(architecture, dimension, outputs)
    nn.utils.vector_to_parameters(theta, module.parameters())
    return module


def functional(module: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """Return (θ, x) ↦ fields (n, m) of a module."""
    named = {name: parameter.shape for name, parameter in module.named_parameters()}

    def call(theta: Tensor, x: Tensor) -> Tensor:
        parts = theta.split([shape.numel() for shape in named.values()])
        weights = {name: part.view(shape) for (name, shape), part in zip(named.items(), parts, strict=True)}
        return torch.func.functional_call(module, weights, (x,))

    return call


def derivatives(function: Callable[[Tensor], Tensor], x: Tensor, indices: Sequence[tuple[int, ...]]) -> Tensor:
    """Return the derivatives of x (n, d) ↦ (n, m), shape (C, m, n), one directional derivative after another."""

    def along(inner: Callable[[Tensor], Tensor], axis: int) -> Callable[[Tensor], Tensor]:
        tangent = torch.zeros_like(x)
        tangent[:, axis] = 1
        return lambda y: torch.func.jvp(inner, (y,), (tangent,))[1]

    channels = []
    for index in indices:
        derived = function
        for axis, order in enumerate(index):
            for _ in range(order):
                derived = along(derived, axis)
        channels.append(derived(x).T)
    return torch.stack(channels)


def observed_order(steps: Sequence[float], errors: Sequence[float]) -> float:
    """Fit error ≈ c·h^order by least squares in logarithms and return the order."""
    log_h, log_e = (torch.tensor(values, dtype=torch.float64).log() for values in (steps, errors))
    log_h, log_e = log_h - log_h.mean(), log_e - log_e.mean()
    return float(log_h.dot(log_e) / log_h.dot(log_h))
