"""The viscous eikonal equation, whose solution has a ridge; every quantity is dimensionless."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Problem, Reference, Value


def eikonal(epsilon: float = 0.05) -> Problem:
    """Return |∇u|² − εΔu = 1 on the unit square, u given on its boundary; u = −ε ln ½(e^{x/ε} + e^{y/ε}).

    −max(x, y) with its ridge x = y rounded over a width ε: u = −ε ln φ makes the equation ε²Δφ = φ (Hopf 1950, Cole
    1951), which the sum of both waves solves.
    """

    def residual(u_x: Tensor, u_y: Tensor, u_xx: Tensor, u_yy: Tensor, epsilon: float) -> Tensor:
        return u_x**2 + u_y**2 - epsilon * (u_xx + u_yy) - 1

    def given(x: Tensor, y: Tensor) -> Tensor:
        ratio = (x - y) / (2 * epsilon)
        return -(x + y) / 2 - epsilon * (ratio.abs() + torch.log1p(torch.exp(-2 * ratio.abs())) - np.log(2))

    def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return -epsilon * (np.logaddexp(x / epsilon, y / epsilon) - np.log(2))

    return Problem(
        domain=Box(x=(0, 1), y=(0, 1)),
        fields=["u"],
        parameters={"epsilon": epsilon},
        conditions={"pde": Interior(residual), "walls": Value(u=given, on=["x=0", "x=1", "y=0", "y=1"])},
        reference=Reference({"u": exact}, {"x": 101, "y": 101}, "exact: Hopf–Cole", 1e-15),
        name="eikonal",
        description="|∇u|² − εΔu = 1 on the unit square, ε = 0.05, a rounded ridge along x = y",
    )
