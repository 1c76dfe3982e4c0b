"""The Helmholtz equation on a square; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Problem, Reference, Value


def helmholtz(k: float = 10.0) -> Problem:
    """Return Δu + k²u = f on the unit square, u = 0 on its boundary; u = sin 4πx sin πy, k between eigenvalues.

    The operator is indefinite: k² = 100 lies above the first six of −Δ and below the seventh.
    """

    def residual(u: Tensor, u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor, k: float) -> Tensor:
        source = (k**2 - 17 * math.pi**2) * torch.sin(4 * math.pi * x) * torch.sin(math.pi * y)
        return u_xx + u_yy + k**2 * u - source

    def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sin(4 * np.pi * x) * np.sin(np.pi * y)

    return Problem(
        domain=Box(x=(0, 1), y=(0, 1)),
        fields=["u"],
        parameters={"k": k},
        conditions={"pde": Interior(residual), "walls": Value(u=0.0, on=["x=0", "x=1", "y=0", "y=1"])},
        hard={"walls"},
        reference=Reference({"u": exact}, {"x": 101, "y": 101}, "exact: sin 4πx sin πy", 1e-15),
        name="helmholtz",
        description="Δu + k²u = f, u = 0 on the boundary of the unit square, u = sin 4πx sin πy",
    )
