"""Decaying vortices: the Navier–Stokes equations in the plane and in space; every quantity is dimensionless."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Problem, Reference, Value

SIDES = [f"{name}={end}" for name in ("x", "y", "z") for end in (-1, 1)]


def taylor_green(nu: float = 0.05) -> Problem:
    """Return u_t + u·∇u + ∇p = νΔu, div u = 0 on (0, π)², t ∈ (0, 1): a vortex in the middle that decays.

    u = sin x cos y e^{−2νt}, v = −cos x sin y e^{−2νt}, p = ¼(cos 2x + cos 2y) e^{−4νt}. The velocity is given at the
    start and on all sides, the pressure on two, by penalties. Source: Taylor, Green, Proc. R. Soc. A 158, 1937.
    """

    def residual(
        u: Tensor, v: Tensor, u_t: Tensor, v_t: Tensor, u_x: Tensor, u_y: Tensor, v_x: Tensor, v_y: Tensor,
        p_x: Tensor, p_y: Tensor, u_xx: Tensor, u_yy: Tensor, v_xx: Tensor, v_yy: Tensor, nu: float,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        along = u_t + u * u_x + v * u_y + p_x - nu * (u_xx + u_yy)
        across = v_t + u * v_x + v * v_y + p_y - nu * (v_xx + v_yy)
        return along, across, u_x + v_y

    def u(t: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(x) * torch.cos(y) * torch.exp(-2 * nu * t)

    def v(t: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return -torch.cos(x) * torch.sin(y) * torch.exp(-2 * nu * t)

    def p(t: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (torch.cos(2 * x) + torch.cos(2 * y)) / 4 * torch.exp(-4 * nu * t)

    exact = {
        "u": lambda t, x, y: np.sin(x) * np.cos(y) * np.exp(-2 * nu * t),
        "v": lambda t, x, y: -np.cos(x) * np.sin(y) * np.exp(-2 * nu * t),
        "p": lambda t, x, y: (np.cos(2 * x) + np.cos(2 * y)) / 4 * np.exp(-4 * nu * t),
    }
    pi = str(math.pi)
    return Problem(
        domain=Box(t=(0, 1), x=(0, math.pi), y=(0, math.pi)),
        fields=["u", "v", "p"],
        parameters={"nu": nu},
        conditions={
            "flow": Interior(residual),
            "start": Value(u=u, v=v, on="t=0"),
            "walls": Value(u=u, v=v, on=["x=0", f"x={pi}", "y=0", f"y={pi}"]),
            "pressure": Value(p=p, on=["x=0", "y=0"]),
        },
        reference=Reference(exact, {"t": 21, "x": 41, "y": 41}, "exact (Taylor, Green 1937)", 1e-15),
        name="taylor-green",
        description="a decaying vortex of the Navier–Stokes equations in a square, ν = 0.05, t < 1, soft conditions",
    )


def beltrami() -> Problem:
    """Return u_t + u·∇u + ∇p = Δu, div u = 0 on (−1, 1)³, t ∈ (0, 1): vorticity along the velocity everywhere.

    The velocity is given at the start and on all sides, the pressure on three, by penalties. Source: Ethier, Steinman,
    Int. J. Numer. Meth. Fluids 19, 1994, equations 22 and 23 with a = d = 1.
    """

    def residual(
        u: Tensor, v: Tensor, w: Tensor, u_t: Tensor, v_t: Tensor, w_t: Tensor, p_x: Tensor, p_y: Tensor, p_z: Tensor,
        u_x: Tensor, u_y: Tensor, u_z: Tensor, v_x: Tensor, v_y: Tensor, v_z: Tensor, w_x: Tensor, w_y: Tensor,
        w_z: Tensor, laplacian_u: Tensor, laplacian_v: Tensor, laplacian_w: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        return (
            u_t + u * u_x + v * u_y + w * u_z + p_x - laplacian_u,
            v_t + u * v_x + v * v_y + w * v_z + p_y - laplacian_v,
            w_t + u * w_x + v * w_y + w * w_z + p_z - laplacian_w,
            u_x + v_y + w_z,
        )

    given = _turning(torch)
    known = {"u": given["u"], "v": given["v"], "w": given["w"]}
    return Problem(
        domain=Box(t=(0, 1), x=(-1, 1), y=(-1, 1), z=(-1, 1)),
        fields=["u", "v", "w", "p"],
        conditions={
            "flow": Interior(residual),
            "start": Value(**known, on="t=0"),
            "walls": Value(**known, on=SIDES),
            "pressure": Value(p=given["p"], on=["x=-1", "y=-1", "z=-1"]),
        },
        reference=Reference(_turning(np), {"t": 6, "x": 13, "y": 13, "z": 13}, "exact (Ethier, Steinman 1994)", 1e-15),
        name="beltrami",
        description="a Beltrami flow of the Navier–Stokes equations in a cube, t < 1, four fields, soft conditions",
    )


def _turning(library: ModuleType) -> dict[str, Any]:
    """Return the four fields as functions of t, x, y and z, of NumPy or of torch."""
    exp, sin, cos = library.exp, library.sin, library.cos

    def component(t: Any, a: Any, b: Any, c: Any) -> Any:
        return -(exp(a) * sin(b + c) + exp(c) * cos(a + b)) * exp(-t)

    def p(t: Any, x: Any, y: Any, z: Any) -> Any:
        mixed = (
            sin(x + y) * cos(z + x) * exp(y + z)
            + sin(y + z) * cos(x + y) * exp(z + x)
            + sin(z + x) * cos(y + z) * exp(x + y)
        )
        return -(exp(2 * x) + exp(2 * y) + exp(2 * z) + 2 * mixed) / 2 * exp(-2 * t)

    return {
        "u": lambda t, x, y, z: component(t, x, y, z),
        "v": lambda t, x, y, z: component(t, y, z, x),
        "w": lambda t, x, y, z: component(t, z, x, y),
        "p": p,
    }
