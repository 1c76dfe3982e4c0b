"""Poisson's equation −Δu = f on a cube with manufactured solutions; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Problem, Reference, Value

Array = np.ndarray

ROUNDING = 1e-15
"""Relative error of an exact solution evaluated in double precision."""


def poisson_2d() -> Problem:
    """Return −Δu = 2π² sin πx sin πy on (−1, 1)² with u = 0 on the boundary; u = sin πx sin πy."""

    def residual(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return -(u_xx + u_yy) - 2 * math.pi**2 * torch.sin(math.pi * x) * torch.sin(math.pi * y)

    def exact(x: Array, y: Array) -> Array:
        return np.sin(np.pi * x) * np.sin(np.pi * y)

    return Problem(
        domain=Box(x=(-1, 1), y=(-1, 1)),
        fields=["u"],
        conditions={"pde": Interior(residual), "walls": Value(u=0.0, on=["x=-1", "x=1", "y=-1", "y=1"])},
        hard={"walls"},
        reference=Reference({"u": exact}, {"x": 101, "y": 101}, "exact: sin(πx) sin(πy)", ROUNDING),
        name="poisson",
        description="-Δu = f on (-1,1)², u = 0 on the boundary, u = sin(πx) sin(πy)",
    )


def poisson_multiscale() -> Problem:
    """Return −Δu = f on (−1, 1)² with a steep and a smooth part, u = sin 2πy (tanh 10x + 0.1 sin 2πx).

    With w = tanh 10x + 0.1 sin 2πx and (tanh 10x)″ = −200 tanh 10x sech² 10x,
    f = sin 2πy (4π² w − w″) = sin 2πy ((4π² + 200 sech² 10x) tanh 10x + 0.8π² sin 2πx).
    The boundary values are u itself: ±tanh(10) sin 2πy at x = ±1 and zero at y = ±1.
    """

    def residual(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        steep = torch.tanh(10 * x)
        slope = 1 - steep**2
        smooth = 0.8 * math.pi**2 * torch.sin(2 * math.pi * x)
        force = torch.sin(2 * math.pi * y) * ((4 * math.pi**2 + 200 * slope) * steep + smooth)
        return -(u_xx + u_yy) - force

    def boundary(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(2 * math.pi * y) * (torch.tanh(10 * x) + 0.1 * torch.sin(2 * math.pi * x))

    def exact(x: Array, y: Array) -> Array:
        return np.sin(2 * np.pi * y) * (np.tanh(10 * x) + 0.1 * np.sin(2 * np.pi * x))

    return Problem(
        domain=Box(x=(-1, 1), y=(-1, 1)),
        fields=["u"],
        conditions={"pde": Interior(residual), "walls": Value(u=boundary, on=["x=-1", "x=1", "y=-1", "y=1"])},
        hard={"walls"},
        reference=Reference({"u": exact}, {"x": 201, "y": 201}, "exact: sin(2πy) (tanh(10x) + 0.1 sin(2πx))", ROUNDING),
        name="poisson-multiscale",
        description="-Δu = f on (-1,1)², u = sin(2πy) (tanh(10x) + 0.1 sin(2πx)) on the boundary and inside",
    )


def poisson_3d() -> Problem:
    """Return −Δu = 3π² u on (−1, 1)³ with u = 0 on the boundary; u = sin πx sin πy sin πz."""

    def residual(u_xx: Tensor, u_yy: Tensor, u_zz: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        force = 3 * math.pi**2 * torch.sin(math.pi * x) * torch.sin(math.pi * y) * torch.sin(math.pi * z)
        return -(u_xx + u_yy + u_zz) - force

    def exact(x: Array, y: Array, z: Array) -> Array:
        return np.sin(np.pi * x) * np.sin(np.pi * y) * np.sin(np.pi * z)

    walls = ["x=-1", "x=1", "y=-1", "y=1", "z=-1", "z=1"]
    return Problem(
        domain=Box(x=(-1, 1), y=(-1, 1), z=(-1, 1)),
        fields=["u"],
        conditions={"pde": Interior(residual), "walls": Value(u=0.0, on=walls)},
        hard={"walls"},
        reference=Reference({"u": exact}, {"x": 31, "y": 31, "z": 31}, "exact: sin(πx) sin(πy) sin(πz)", ROUNDING),
        name="poisson-3d",
        description="-Δu = f on (-1,1)³, u = 0 on the boundary, u = sin(πx) sin(πy) sin(πz)",
    )
