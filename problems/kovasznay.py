"""Steady flow behind a grid: the Navier–Stokes equations with three fields; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Problem, Reference, Value

WALLS = ["x=-0.5", "x=1", "y=-0.5", "y=1.5"]


def kovasznay(re: float = 40.0) -> Problem:
    """Return u·∇u + ∇p = Δu/Re, div u = 0 on (−½, 1) × (−½, 3/2), the velocity given on all sides, p on three.

    u = 1 − e^{λx} cos 2πy, v = λ/2π e^{λx} sin 2πy, p = ½(1 − e^{2λx}) with λ = Re/2 − √(Re²/4 + 4π²). All data are
    penalties. Source: Kovasznay, Math. Proc. Camb. Phil. Soc. 44, 1948.
    """
    rate = re / 2 - math.sqrt(re**2 / 4 + 4 * math.pi**2)

    def residual(
        u: Tensor, v: Tensor, u_x: Tensor, u_y: Tensor, v_x: Tensor, v_y: Tensor, p_x: Tensor, p_y: Tensor,
        u_xx: Tensor, u_yy: Tensor, v_xx: Tensor, v_yy: Tensor, re: float,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        along = u * u_x + v * u_y + p_x - (u_xx + u_yy) / re
        across = u * v_x + v * v_y + p_y - (v_xx + v_yy) / re
        return along, across, u_x + v_y

    def velocity(x: Tensor, y: Tensor) -> Tensor:
        return 1 - torch.exp(rate * x) * torch.cos(2 * math.pi * y)

    def crosswise(x: Tensor, y: Tensor) -> Tensor:
        return rate / (2 * math.pi) * torch.exp(rate * x) * torch.sin(2 * math.pi * y)

    exact = {
        "u": lambda x, y: 1 - np.exp(rate * x) * np.cos(2 * np.pi * y),
        "v": lambda x, y: rate / (2 * np.pi) * np.exp(rate * x) * np.sin(2 * np.pi * y),
        "p": lambda x, y: 0.5 * (1 - np.exp(2 * rate * x)) + 0 * y,
    }
    return Problem(
        domain=Box(x=(-0.5, 1), y=(-0.5, 1.5)),
        fields=["u", "v", "p"],
        parameters={"re": re},
        conditions={
            "flow": Interior(residual),
            "walls": Value(u=velocity, v=crosswise, on=WALLS),
            "pressure": Value(p=lambda x: 0.5 * (1 - torch.exp(2 * rate * x)), on=["x=1", "y=-0.5", "y=1.5"]),
        },
        reference=Reference(exact, {"x": 61, "y": 81}, "exact (Kovasznay 1948)", 1e-15),
        name="kovasznay",
        description="steady Navier–Stokes flow behind a grid, Re = 40, three fields, all data as penalties",
    )
