"""A slow flow round a cylinder; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from pinnml.problem import Data, Interior, Problem, Reference, Value
from pinnml.problem.domains import Shell

Array = np.ndarray


def cylinder(radius: float = 4.0) -> Problem:
    """Return ∇p = Δu, div u = 0 between a cylinder of radius 1 at rest and one of `radius` that moves with (1, 0).

    Stokes' equations, in which a flow round a cylinder needs an outer wall (Stokes' paradox). With the stream function
    ψ = (Ar³ + Br log r + Cr + D/r) sin θ, u = ψ_y, v = −ψ_x and p = 8Ax − 2Bx/r²; the four numbers follow from u and v
    on both walls, which are given by penalties, and p(radius, 0) is given. Source: Langlois, Deville, Slow viscous
    flow, 2014, §6.2.
    """
    a, b, c, d = coefficients(radius)

    def residual(
        u_x: Tensor, v_y: Tensor, p_x: Tensor, p_y: Tensor, laplacian_u: Tensor, laplacian_v: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        return p_x - laplacian_u, p_y - laplacian_v, u_x + v_y

    # ψ = y g(s) with s = x² + y², finite in the middle of the cylinder, too, where nothing flows
    def square(x: Array, y: Array) -> Array:
        return np.maximum(x**2 + y**2, 1e-2)

    def g(s: Array) -> Array:
        return np.asarray(a * s + b / 2 * np.log(s) + c + d / s)

    def slope(s: Array) -> Array:
        return np.asarray(a + b / (2 * s) - d / s**2)

    def u(x: Array, y: Array) -> Array:
        s = square(x, y)
        return np.asarray(g(s) + 2 * y**2 * slope(s))

    def v(x: Array, y: Array) -> Array:
        return np.asarray(-2 * x * y * slope(square(x, y)))

    def p(x: Array, y: Array) -> Array:
        return np.asarray(8 * a * x - 2 * b * x / square(x, y))

    ahead = float(p(np.array(radius), np.array(0.0)))
    return Problem(
        domain=Shell(1.0, radius, x=0.0, y=0.0),
        fields=["u", "v", "p"],
        conditions={
            "flow": Interior(residual),
            "cylinder": Value(u=0.0, v=0.0, on="inner"),
            "outside": Value(u=1.0, v=0.0, on="outer"),
            "pressure": Data({"x": [radius], "y": [0.0]}, p=[ahead], sigma=0),
        },
        reference=Reference({"u": u, "v": v, "p": p}, {"x": 61, "y": 61}, "exact: a stream function", 1e-14),
        name="cylinder",
        description=f"Stokes flow round a cylinder of radius 1 in one of radius {radius:g} that moves, soft walls",
        vectors=[("u", "v")],
    )


def coefficients(radius: float) -> tuple[float, float, float, float]:
    """Return A, B, C, D: rψ' and ψ are zero on r = 1, and those of a uniform flow, y, on r = `radius`."""
    logarithm = math.log(radius)
    rows: list[list[float]] = [
        [1, 0, 1, 1],
        [3, 1, 1, -1],
        [radius**3, radius * logarithm, radius, 1 / radius],
        [3 * radius**2, logarithm + 1, 1, -1 / radius**2],
    ]
    a, b, c, d = np.linalg.solve(np.array(rows), np.array([0.0, 0.0, radius, 1.0])).tolist()
    return a, b, c, d
