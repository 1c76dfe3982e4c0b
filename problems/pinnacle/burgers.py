"""Burgers' equation in one and two dimensions."""

from __future__ import annotations

import math

import torch
from pinnml.problems.burgers import cole_hopf
from torch import Tensor

from pinnml.problem import Box, Interior, Periodic, Problem, Reference, Value

from .gridded import Gridded
from .periodic import start_2d, vector_burgers

NU = 0.001


def burgers1d_c() -> Problem:
    """Return Burgers1d-C: u_t + u u_x = 0.01/π u_xx on t ∈ (0, 1), x ∈ (−1, 1), u(0, x) = −sin πx, u(t, ±1) = 0.

    The reference is the Cole–Hopf integral; the benchmark's file is good to 1e-4.
    """
    nu = 0.01 / math.pi
    exact = {"u": lambda t, x: cole_hopf(t, x, nu)}
    return Problem(
        domain=Box(t=(0, 1), x=(-1, 1)),
        fields=["u"],
        parameters={"nu": nu},
        conditions={
            "pde": Interior(lambda u, u_t, u_x, u_xx, nu: u_t + u * u_x - nu * u_xx),
            "start": Value(u=lambda x: -torch.sin(math.pi * x), on="t=0"),
            "walls": Value(u=0.0, on=["x=-1", "x=1"]),
        },
        hard={"start", "walls"},
        reference=Reference(exact, {"t": 101, "x": 201}, "Cole-Hopf integral by the trapezoidal rule", 1e-14),
        name="pinnacle/burgers1d-c",
        description="u_t + u u_x = 0.01/π u_xx, u(0,x) = −sin πx, u(t,±1) = 0",
    )


def burgers2d_c() -> Problem:
    """Return Burgers2d-C: u_t + (u·∇)u = 0.001 Δu for u = (u, v), of period 4 in x and y, t ∈ (0, 1).

    The benchmark's start is a file of random modes of amplitude 2 and period 1, whose fronts are narrower than the mesh
    of its reference by t = 0.1. This start, `start_2d`, has the two lowest modes of period 4 and steepens about
    fivefold until t = 1. Periodic here are slopes, too, which the benchmark leaves free.
    """

    def residual(u: Tensor, v: Tensor, u_t: Tensor, u_x: Tensor, u_y: Tensor, u_xx: Tensor, u_yy: Tensor) -> Tensor:
        return u_t + u * u_x + v * u_y - NU * (u_xx + u_yy)

    def crosswise(u: Tensor, v: Tensor, v_t: Tensor, v_x: Tensor, v_y: Tensor, v_xx: Tensor, v_yy: Tensor) -> Tensor:
        return v_t + u * v_x + v * v_y - NU * (v_xx + v_yy)

    reference = Gridded(
        "pinnacle-burgers2d-c", ("u", "v"), {"t": (0, 1, 21), "x": (0, 4, 65), "y": (0, 4, 65)}, vector_burgers
    )
    return Problem(
        domain=Box(t=(0, 1), x=(0, 4), y=(0, 4)),
        fields=["u", "v"],
        conditions={
            "along": Interior(residual),
            "across": Interior(crosswise),
            "start": Value(u=lambda x, y: start_2d(x, y, torch)[0], v=lambda x, y: start_2d(x, y, torch)[1], on="t=0"),
            "period in x": Periodic(u=1, v=1, along="x"),
            "period in y": Periodic(u=1, v=1, along="y"),
        },
        hard={"start", "period in x", "period in y"},
        reference=reference.reference("Fourier modes and ETDRK4", 1e-5),
        name="pinnacle/burgers2d-c",
        description="u_t + (u·∇)u = 0.001 Δu for two fields, of period 4, smooth start",
    )
