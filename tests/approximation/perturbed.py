"""Solutions of small problems with an error that is known: modules that return it to the letter."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from small_problems import heat, oscillator, ring
from torch import Tensor, nn

import pinnml as pm
from pinnml.network import AbstractNetwork, Custom

Fields = Callable[[Tensor], Tensor]
"""Points (n, d) to fields (n, m)."""


class Formula(nn.Module):
    """u + ε e for functions of points, with ε as the one parameter."""

    def __init__(self, exact: Fields, error: Fields, size: float) -> None:
        super().__init__()
        self.exact, self.error = exact, error
        self.size = nn.Parameter(torch.tensor([size], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.exact(x) + self.size * self.error(x)


def bound(problem: pm.Problem, module: nn.Module) -> tuple[AbstractNetwork, Tensor]:
    """The module as a network for a problem, with its own parameters."""
    domain = problem.domain
    network = Custom(module).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    return network, network.initial(torch.Generator(), torch.float64, torch.device("cpu"))


def column(*values: Tensor) -> Tensor:
    return torch.stack(values, 1)


def soft_heat() -> pm.Problem:
    return heat(hard=())


def string() -> pm.Problem:
    """u_tt = u_xx on t < 2 with u = sin x cos t: two conditions at the start, one of them a derivative."""
    return pm.Problem(
        domain=pm.Box(t=(0, 2), x=(0, math.pi)),
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u_tt, u_xx: u_tt - u_xx),
            "start": pm.Value(u=lambda x: torch.sin(x), on="t=0"),
            "velocity": pm.Derivative(u_t=0.0, on="t=0"),
            "walls": pm.Value(u=0.0, on=["x=0", f"x={math.pi}"]),
        },
        name="string",
    )


def plate() -> pm.Problem:
    """Δ²u = 0 with u = x y on all sides and its slope across them: derivatives of fourth order; u = x y."""
    return pm.Problem(
        domain=pm.Box(x=(0, 1), y=(0, 1)),
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u_xxxx, u_xxyy, u_yyyy: u_xxxx + 2 * u_xxyy + u_yyyy),
            "sides": pm.Value(u=lambda x, y: x * y, on=["x=0", "x=1", "y=0", "y=1"]),
            "slope x": pm.Derivative(u_x=lambda y: y, on=["x=0", "x=1"]),
            "slope y": pm.Derivative(u_y=lambda x: x, on=["y=0", "y=1"]),
        },
        name="plate",
    )


def cube() -> pm.Problem:
    """Δu = 6 with u = x² + y² + z² on all sides."""
    return pm.Problem(
        domain=pm.Box(x=(0, 1), y=(0, 1), z=(0, 1)),
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx, u_yy, u_zz: u_xx + u_yy + u_zz - 6),
            "sides": pm.Value(u=lambda x, y, z: x**2 + y**2 + z**2, on=["x=0", "x=1", "y=0", "y=1", "z=0", "z=1"]),
        },
        name="cube",
    )


def torus() -> pm.Problem:
    """u_xx + u_yy = u − 1 with periods in both coordinates; u = 1: both ends of both axes are tied."""
    return pm.Problem(
        domain=pm.Box(x=(0, 1), y=(0, 2)),
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u, u_xx, u_yy: u_xx + u_yy - u + 1),
            "along x": pm.Periodic(u=1, along="x"),
            "along y": pm.Periodic(u=1, along="y"),
        },
        name="torus",
    )


CASES: dict[str, tuple[Callable[[], pm.Problem], Fields, Fields]] = {
    "heat": (
        soft_heat,
        lambda x: column(torch.exp(-0.5 * x[:, 0]) * torch.sin(x[:, 1])),
        lambda x: column(torch.sin(2 * x[:, 1] + x[:, 0]) + 0.3),
    ),
    "oscillator": (
        oscillator,
        lambda x: column(torch.cos(x[:, 0]), -torch.sin(x[:, 0])),
        lambda x: column(torch.exp(x[:, 0]), torch.cos(5 * x[:, 0])),
    ),
    "ring": (
        ring,
        lambda x: column(torch.sin(math.pi * (x[:, 1] - x[:, 0]))),
        lambda x: column(torch.cos(math.pi * x[:, 1]) * torch.exp(-x[:, 0]) + x[:, 1]),
    ),
    "string": (
        string,
        lambda x: column(torch.sin(x[:, 1]) * torch.cos(x[:, 0])),
        lambda x: column(torch.sin(3 * x[:, 0]) * torch.cos(2 * x[:, 1]) + x[:, 0]),
    ),
    "plate": (
        plate,
        lambda x: column(x[:, 0] * x[:, 1]),
        lambda x: column(torch.sin(3 * x[:, 0] + 2 * x[:, 1])),
    ),
    "cube": (
        cube,
        lambda x: column(x.square().sum(1)),
        lambda x: column(torch.sin(2 * x[:, 0]) * torch.cos(3 * x[:, 1]) * x[:, 2]),
    ),
    "torus": (
        torus,
        lambda x: column(torch.ones_like(x[:, 0])),
        lambda x: column(torch.sin(2 * math.pi * x[:, 0]) * torch.cos(math.pi * x[:, 1]) + 0.2 * x[:, 0]),
    ),
}
"""Linear problems with their solutions, and errors that fulfil neither equation nor conditions."""
