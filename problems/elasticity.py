"""A plate with a hole that is pulled; lengths in radii of the hole, stresses in those of the pull."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Boundary, Box, Interior, Problem, Reference, Value
from pinnml.problem.domains import Ball

LENGTH = 4.0
"""The sides of the quarter."""


def plate_with_hole(poisson: float = 0.3) -> Problem:
    """Return a quarter of a plate in plane stress, E = 1, pulled by σ_xx = 1 far away from a hole of radius 1.

    σ_xx,x + σ_xy,y = 0 and σ_xy,x + σ_yy,y = 0 with σ_xx = C(u_x + νv_y), σ_yy = C(v_y + νu_x), σ_xy = C(1−ν)/2 (u_y +
    v_x), C = 1/(1 − ν²). No shear and no motion across both axes of symmetry, no traction at the hole, and on the outer
    sides the displacement of the infinite plate. At (0, 1) the stress is three times the pull.
    Source: Kirsch, Z. VDI 42, 1898.
    """
    stiffness = 1 / (1 - poisson**2)

    def balance(
        u_xx: Tensor, u_yy: Tensor, u_xy: Tensor, v_xx: Tensor, v_yy: Tensor, v_xy: Tensor, poisson: float
    ) -> tuple[Tensor, Tensor]:
        along = u_xx + (1 - poisson) / 2 * u_yy + (1 + poisson) / 2 * v_xy
        across = v_yy + (1 - poisson) / 2 * v_xx + (1 + poisson) / 2 * u_xy
        return stiffness * along, stiffness * across

    def traction(
        u_x: Tensor, u_y: Tensor, v_x: Tensor, v_y: Tensor, n_x: Tensor, n_y: Tensor, poisson: float
    ) -> tuple[Tensor, Tensor]:
        xx, yy, xy = u_x + poisson * v_y, v_y + poisson * u_x, (1 - poisson) / 2 * (u_y + v_x)
        return stiffness * (xx * n_x + xy * n_y), stiffness * (xy * n_x + yy * n_y)

    def shear(u_y: Tensor, v_x: Tensor) -> Tensor:
        return u_y + v_x

    given = kirsch(torch, poisson)
    return Problem(
        domain=Box(x=(0, LENGTH), y=(0, LENGTH)) - Ball(1.0, x=0, y=0).named(rim="hole"),
        fields=["u", "v"],
        parameters={"poisson": poisson},
        conditions={
            "balance": Interior(balance),
            "hole": Boundary(traction, on="hole"),
            "axis x": Value(v=0.0, on="y=0"),
            "axis y": Value(u=0.0, on="x=0"),
            "shear": Boundary(shear, on=["x=0", "y=0"]),
            "sides": Value(u=given["u"], v=given["v"], on=["x=4", "y=4"]),
        },
        reference=Reference(kirsch(np, poisson), {"x": 81, "y": 81}, "exact (Kirsch 1898)", 1e-15),
        name="plate-with-hole",
        description="elasticity of a pulled plate with a hole, plane stress, ν = 0.3, a quarter of it",
    )


def kirsch(library: ModuleType, poisson: float) -> dict[str, Any]:
    """Return u and v of the infinite plate as functions of x and y, of NumPy or of torch."""
    kappa, share = (3 - poisson) / (1 + poisson), (1 + poisson) / 4

    def parts(x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
        """Return x/r², y/r², and cos 3θ and sin 3θ times (1/r − 1/r³)."""
        square = (x * x + y * y).clip(0.25)  # within the hole, where nothing is asked for, no division by zero
        outside = (1 - 1 / square) / square**2
        return x / square, y / square, (x**3 - 3 * x * y**2) * outside, (3 * x**2 * y - y**3) * outside

    def u(x: Any, y: Any) -> Any:
        near, _, third, _ = parts(x, y)
        return share * ((kappa + 1) * x + 2 * ((1 + kappa) * near + third))

    def v(x: Any, y: Any) -> Any:
        _, near, _, third = parts(x, y)
        return share * ((kappa - 3) * y + 2 * ((1 - kappa) * near + third))

    return {"u": u, "v": v}
