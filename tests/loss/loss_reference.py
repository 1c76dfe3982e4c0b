"""Problems whose residuals are written out a second time, by nested forward mode through the lifted network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from pinnml.network import MLP, AbstractNetwork, Architecture, PeriodicEmbedding, ResNet
from pinnml.points import Collocation, Hammersley, sample
from pinnml.problem import Box, Data, Derivative, Interior, Periodic, Problem, Value

Fields = Callable[[Tensor], Tensor]
"""Points (n, d) to fields (n, m)."""

Residuals = Callable[[Fields, Tensor], Tensor]
"""Fields and points to the unweighted residuals (q, n') of one condition."""


@dataclass(frozen=True)
class Case:
    """A declared problem beside what it means: the lifted fields of a network's output, and every soft residual."""

    problem: Problem
    architecture: Architecture
    lifted: Callable[[Fields], Fields]
    residuals: Mapping[str, Residuals]

    @property
    def network(self) -> AbstractNetwork:
        """The network for the problem's inputs and fields."""
        domain = self.problem.domain
        return self.architecture.bind(domain.names, domain.lower, domain.upper, len(self.problem.fields))

    def collocation(self, n: int = 23) -> Collocation:
        """A few points, the same each time."""
        return sample(self.problem, Hammersley(n, boundary=10), torch.Generator().manual_seed(0))

    def theta(self, seed: int = 0) -> Tensor:
        """Parameters with biases that are not zero."""
        generator, network = torch.Generator().manual_seed(seed), self.network
        start = network.initial(generator, torch.float64, torch.device("cpu"))
        return start + 0.2 * torch.randn(network.size, generator=generator, dtype=torch.float64)

    def residual(self, theta: Tensor, collocation: Collocation, chunk: int) -> Tensor:
        """Return √(λ/n)·r condition by condition and chunk by chunk, shape (q,)."""
        domain, parts = self.problem.domain, []
        outputs = len(self.problem.fields)
        fields = self.lifted(lambda x: forward(self.architecture, theta, x, (domain.lower, domain.upper), outputs))
        for name, term in self.problem.soft_terms.items():
            weighted = self.residuals[name](fields, collocation[name].x)
            weighted = weighted * math.sqrt(term.weight / weighted.shape[1])
            parts += [part.flatten() for part in weighted.split(chunk, dim=1)]
        return torch.cat(parts)

    def jacobian(self, theta: Tensor, collocation: Collocation, chunk: int) -> Tensor:
        """Return ∂r/∂θ (q, p) by reverse mode over the nested derivatives."""
        return torch.func.jacrev(lambda moved: self.residual(moved, collocation, chunk))(theta)


def forward(
    architecture: Architecture, theta: Tensor, x: Tensor, box: tuple[tuple[float, ...], ...], outputs: int
) -> Tensor:
    """Evaluate an MLP or ResNet with tanh layer by layer, points (n, d) to (n, m)."""
    assert isinstance(architecture, MLP | ResNet)
    low, high = (x.new_tensor(bound) for bound in box)
    h = 2 * (x - low) / (high - low) - 1
    if isinstance(architecture.embedding, PeriodicEmbedding):  # of the second coordinate, one harmonic
        angle = 2 * math.pi * (x[:, 1:] - low[1]) / (high[1] - low[1])
        h = torch.cat([h[:, :1], angle.sin(), angle.cos()], 1)
    hidden = architecture.blocks + 1 if isinstance(architecture, ResNet) else architecture.depth
    widths, start = [h.shape[1], *[architecture.width] * hidden, outputs], 0
    for number, (a, b) in enumerate(pairwise(widths)):
        weight, bias = theta[start : start + a * b].view(b, a), theta[start + a * b : start + a * b + b]
        start += a * b + b
        z = h @ weight.T + bias
        if number == hidden:
            return z
        skip = isinstance(architecture, ResNet) and number > 0
        h = h + architecture.dt * z.tanh() if skip else z.tanh()  # type: ignore[union-attr]
    raise AssertionError


def d(function: Fields, axes: str = "", names: str = "tx") -> Fields:
    """Differentiate fields by coordinates, as in d(u, "xx")."""
    for axis in axes:
        function = _along(function, names.index(axis))
    return function


def _along(function: Fields, axis: int) -> Fields:
    def derivative(x: Tensor) -> Tensor:
        tangent = torch.zeros_like(x)
        tangent[:, axis] = 1
        return torch.func.jvp(function, (x,), (tangent,))[1]

    return derivative


def burgers(architecture: Architecture | None = None) -> Case:
    """u_t + u u_x = ν u_xx with initial and boundary values by construction: u = −sin πx + t(1 − x²)N."""

    def lifted(network: Fields) -> Fields:
        return lambda x: -torch.sin(math.pi * x[:, 1:]) + x[:, :1] * (1 - x[:, 1:] ** 2) * network(x)

    def residual(u: Fields, x: Tensor) -> Tensor:
        return (d(u, "t")(x) + u(x) * d(u, "x")(x) - 0.05 * d(u, "xx")(x)).T

    problem = Problem(
        domain=Box(t=(0, 1), x=(-1, 1)),
        fields=["u"],
        parameters={"nu": 0.05},
        conditions={
            "pde": Interior(lambda u, u_t, u_x, u_xx, nu: u_t + u * u_x - nu * u_xx, weight=2.0),
            "start": Value(u=lambda x: -torch.sin(math.pi * x), on="t=0"),
            "walls": Value(u=0.0, on=["x=-1", "x=1"]),
        },
        hard={"start", "walls"},
    )
    return Case(problem, architecture or MLP(width=5, depth=3), lifted, {"pde": residual})


def system(architecture: Architecture | None = None) -> Case:
    """Two fields, two residuals, and every kind of soft condition, each with a weight of its own."""
    at, u_data, v_data = {"t": [0.1, 0.5, 1.0], "x": [2.0, 0.3, 1.0]}, [0.3, -1.0, 2.0], [0.0, 0.7, 5.0]

    def pde(w: Fields, x: Tensor) -> Tensor:
        (u, v), (u_t, v_t), (u_xx, _), (_, v_tx) = w(x).T, d(w, "t")(x).T, d(w, "xx")(x).T, d(w, "tx")(x).T
        return torch.stack([u_t - 0.1 * u_xx + u * v**2, v_t - 0.1 * x[:, 1] * v_tx + u.sin() * u_t])

    def start(w: Fields, x: Tensor) -> Tensor:
        u, v = w(x).T
        return torch.stack([u - x[:, 1].cos(), v - 1.0])

    def slope(w: Fields, x: Tensor) -> Tensor:
        return torch.stack([d(w, "x")(x)[:, 0] - x[:, 0] ** 2, d(w, "xxt")(x)[:, 1] + 0.5])

    def ring(w: Fields, x: Tensor) -> Tensor:
        lower, upper = x.chunk(2)
        jumps = [d(w, "x" * order)(upper) - d(w, "x" * order)(lower) for order in range(3)]
        return torch.stack([jumps[0][:, 1], jumps[1][:, 1], jumps[2][:, 1], jumps[0][:, 0]])

    def data(w: Fields, x: Tensor) -> Tensor:
        assert x[:, :2].T.tolist() == [at["t"], at["x"]]
        return torch.stack([w(x[:, :2])[:, 1] - x.new_tensor(v_data), w(x[:, :2])[:, 0] - x.new_tensor(u_data)])

    problem = Problem(
        domain=Box(t=(0, 1), x=(0, 2)),
        fields=["u", "v"],
        parameters={"a": 0.1},
        conditions={
            "pde": Interior(
                lambda u, v, u_t, v_t, u_xx, v_tx, x, a: (
                    u_t - a * u_xx + u * v**2,
                    v_t - a * x * v_tx + u.sin() * u_t,
                )
            ),
            "start": Value(u=lambda x: x.cos(), v=1.0, on="t=0", weight=3.0),
            "slope": Derivative(u_x=lambda t: t**2, v_txx=-0.5, on=["x=0", "t=1"], weight=0.5),
            "ring": Periodic(v=2, u=0, along="x", weight=2.0),
            "data": Data(at, v=v_data, u=u_data, weight=7.0),
        },
    )
    residuals = {"pde": pde, "start": start, "slope": slope, "ring": ring, "data": data}
    return Case(problem, architecture or ResNet(width=4, blocks=2, dt=0.5), lambda network: network, residuals)


class AsModule(nn.Module):
    """The network of a case as a foreign module, layer by layer in one parameter tensor."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        self.theta = nn.Parameter(case.theta())

    def forward(self, x: Tensor) -> Tensor:
        domain = self.case.problem.domain
        box, outputs = (domain.lower, domain.upper), len(self.case.problem.fields)
        return forward(self.case.architecture, self.theta, x, box, outputs)
