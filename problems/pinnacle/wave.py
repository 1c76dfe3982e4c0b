"""The wave equation: a string, a plate of varying speed, and a long time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Boundary, Box, Derivative, Interior, Problem, Reference, Value

from .coefficients import hump, speed
from .elements import waves
from .gridded import Gridded


def wave1d_c() -> Problem:
    """Return Wave1d-C: u_tt = 4u_xx on (0, 1)², u(0, x) = sin πx + ½ sin 4πx, u_t(0, x) = 0, u = 0 at both ends."""

    def exact(t: Any, x: Any, library: Any = np) -> Any:
        long = library.sin(math.pi * x) * library.cos(2 * math.pi * t)
        return long + 0.5 * library.sin(4 * math.pi * x) * library.cos(8 * math.pi * t)

    return Problem(
        domain=Box(t=(0, 1), x=(0, 1)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_tt, u_xx: u_tt - 4 * u_xx),
            "start": Value(u=lambda x: exact(0 * x, x, torch), on="t=0"),
            "velocity": Derivative(u_t=0.0, on="t=0"),
            "ends": Value(u=0.0, on=["x=0", "x=1"]),
        },
        hard={"start", "velocity", "ends"},
        reference=Reference({"u": exact}, {"t": 161, "x": 101}, "exact: separation of variables", 1e-15),
        name="pinnacle/wave1d-c",
        description="u_tt = 4u_xx, u(0,x) = sin πx + ½ sin 4πx, u_t(0,x) = 0, u = 0 at both ends",
    )


def wave2d_cg() -> Problem:
    """Return Wave2d-CG: u_tt = cΔu on (−1, 1)², t ∈ (0, 5), from a hump at rest, u_n = 0 on the walls.

    The benchmark's c is 1 or 12 by the sign of a random field, in a file; here the steps are smooth, see `speed`. Its
    start, exp(−((x + ½)² + y²)/0.18), has a slope at the wall x = −1 where u_n = 0; this one, `hump`, has not.
    """
    reference = Gridded("pinnacle-wave2d-cg", ("u",), {"t": (0, 5, 51), "x": (-1, 1, 41), "y": (-1, 1, 41)}, waves)
    return Problem(
        domain=Box(t=(0, 5), x=(-1, 1), y=(-1, 1)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_tt, u_xx, u_yy, x, y: u_xx + u_yy - u_tt / speed(x, y, torch)),
            "start": Value(u=lambda x, y: hump(x, y, torch), on="t=0"),
            "velocity": Derivative(u_t=0.0, on="t=0"),
            "walls": Boundary(lambda u_n: u_n, on=["x=-1", "x=1", "y=-1", "y=1"]),
        },
        hard={"start", "velocity"},
        reference=reference.reference("spectral elements, leapfrog of order four", 2e-4),
        name="pinnacle/wave2d-cg",
        description="u_tt = c(x,y)Δu from a hump at rest, u_n = 0 on the walls",
    )


def wave2d_ms() -> Problem:
    """Return Wave2d-MS: u_tt = u_xx + 2u_yy on (0, 1)², t ∈ (0, 100); values at the start and the walls.

    The benchmark's "exact" sin πx sinh πy cos πt + sinh 3πx sin 2πy cos πt has a residual of −2π² times itself. With
    1 and 3, 1 and 2 exchanged it is a solution: u = (sin 3πx sinh 2πy + sinh πx sin πy) cos πt.
    The velocity at the start, which the benchmark leaves out, is zero. The start is soft: divided by t², a wave has all
    lengths.
    """

    def exact(t: Any, x: Any, y: Any, library: Any = np) -> Any:
        fine = library.sin(3 * math.pi * x) * library.sinh(2 * math.pi * y)
        return (fine + library.sinh(math.pi * x) * library.sin(math.pi * y)) * library.cos(math.pi * t)

    def given(t: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.as_tensor(exact(t, x, y, torch))

    return Problem(
        domain=Box(t=(0, 100), x=(0, 1), y=(0, 1)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_tt, u_xx, u_yy: u_tt - u_xx - 2 * u_yy),
            "start": Value(u=given, on="t=0"),
            "velocity": Derivative(u_t=0.0, on="t=0"),
            "walls": Value(u=given, on=["x=0", "x=1", "y=0", "y=1"]),
        },
        hard={"walls"},
        reference=Reference({"u": exact}, {"t": 201, "x": 31, "y": 21}, "exact", 1e-14),
        name="pinnacle/wave2d-ms",
        description="u_tt = u_xx + 2u_yy until t = 100, values at the start and on the walls",
    )
