"""The heat equation: varying conductivity, two scales, a plate with holes, a long time, five dimensions."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Boundary, Box, Interior, Problem, Reference, Value
from pinnml.problem.domains import Ball

from .coefficients import conductivity
from .cut_cells import WARM, plate
from .elements import varying
from .gridded import Gridded
from .periodic import heat_for_long
from .poisson import holed

WALLS = ["x=0", "x=1", "y=0", "y=1"]


def heat2d_vc() -> Problem:
    """Return Heat2d-VC: u_t = aΔu + 200 sin πx sin 5πy sin πt on (0, 1)², t ∈ (0, 5), u = 0 at the start and the walls.

    The benchmark's a is the exponential of a Gaussian field, in a file, and jumps from pixel to pixel; this one is
    smooth with the same spectrum, see `conductivity`, and the equation is divided by it. Finer elements change the
    reference by 3e-7.
    """

    def residual(u_t: Tensor, u_xx: Tensor, u_yy: Tensor, t: Tensor, x: Tensor, y: Tensor) -> Tensor:
        wave = torch.sin(math.pi * x) * torch.sin(5 * math.pi * y) * torch.sin(math.pi * t)
        return (u_t - 200 * wave) / conductivity(x, y, torch) - u_xx - u_yy

    reference = Gridded("pinnacle-heat2d-vc", ("u",), {"t": (0, 5, 51), "x": (0, 1, 41), "y": (0, 1, 41)}, varying)
    return Problem(
        domain=Box(t=(0, 5), x=(0, 1), y=(0, 1)),
        fields=["u"],
        conditions={
            "pde": Interior(residual),
            "start": Value(u=0.0, on="t=0"),
            "walls": Value(u=0.0, on=WALLS),
        },
        hard={"start", "walls"},
        reference=reference.reference("spectral elements and eigenvectors", 1e-6),
        name="pinnacle/heat2d-vc",
        description="u_t = a(x,y)Δu + f, u = 0 at the start and on the walls",
    )


def heat2d_ms() -> Problem:
    """Return Heat2d-MS: u_t = u_xx/(500π)² + u_yy/π² on (0, 1)², t ∈ (0, 5), u = 0 on the walls.

    u(0) = sin 20πx sin πy; u = sin 20πx sin πy exp(−(1 + 0.04²)t). The walls are soft: divided by a distance from them,
    a wave has all lengths.
    """

    def start(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(20 * math.pi * x) * torch.sin(math.pi * y)

    def exact(t: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(20 * np.pi * x) * np.sin(np.pi * y) * np.exp(-1.0016 * t))

    return Problem(
        domain=Box(t=(0, 5), x=(0, 1), y=(0, 1)),
        fields=["u"],
        parameters={"fine": (500 * math.pi) ** -2, "coarse": math.pi**-2},
        conditions={
            "pde": Interior(lambda u_t, u_xx, u_yy, fine, coarse: u_t - fine * u_xx - coarse * u_yy),
            "start": Value(u=start, on="t=0"),
            "walls": Value(u=0.0, on=WALLS),
        },
        hard={"start"},
        reference=Reference({"u": exact}, {"t": 26, "x": 201, "y": 21}, "exact: separation of variables", 1e-15),
        name="pinnacle/heat2d-ms",
        description="u_t = u_xx/(500π)² + u_yy/π², u(0) = sin 20πx sin πy, u = 0 on the walls",
    )


def heat2d_cg() -> Problem:
    """Return Heat2d-CG: u_t = Δu on (−8, 8) × (−12, 12) without 17 discs, t ∈ (0, 3), u(0) = 0, u_n = g − u.

    g is 5 on the eleven large rims, 1 on the six small ones and 0.1 on the walls. The start is soft: near the rims u
    grows like √t, which t times a smooth function does not. The reference is by finite volumes; those of 0.05 and of
    0.0625 differ by 4e-4 at t = 0.25, and less later.
    """
    places = {(i * x, j * y, r): g for (x, y, r), g in WARM.items() for i in (1, -1) for j in (1, -1)}
    space, rims = holed(Box(x=(-8, 8), y=(-12, 12)), tuple(places))
    large = [rim for rim, g in zip(rims, places.values(), strict=True) if g == 5]
    small = [rim for rim in rims if rim not in large]
    grid = {"t": (0, 3, 13), "x": (-8, 8, 65), "y": (-12, 12, 97)}
    return Problem(
        domain=Box(t=(0, 3)) * space,
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_t, u_xx, u_yy: u_t - u_xx - u_yy),
            "start": Value(u=0.0, on="t=0"),
            "large": Boundary(lambda u, u_n: u_n + u - 5, on=large),
            "small": Boundary(lambda u, u_n: u_n + u - 1, on=small),
            "walls": Boundary(lambda u, u_n: u_n + u - 0.1, on=["x=-8", "x=8", "y=-12", "y=12"]),
        },
        reference=Gridded("pinnacle-heat2d-cg", ("u",), grid, plate).reference("finite volumes", 1e-3),
        name="pinnacle/heat2d-cg",
        description="u_t = Δu on a plate without 17 discs, heat is exchanged with them and the outside",
    )


def heat2d_lt() -> Problem:
    """Return Heat2d-LT: u_t = 0.001Δu + 5 sin(u²)(1 + 2 sin πt/4) sin 4πx sin 2πy on (0, 1)², t ∈ (0, 100).

    u(0) = sin 4πx sin 3πy, u = 0 on the walls. Finer modes change the reference by 3e-5; the benchmark's is good to
    4.5e-2.
    """

    def residual(u: Tensor, u_t: Tensor, u_xx: Tensor, u_yy: Tensor, t: Tensor, x: Tensor, y: Tensor) -> Tensor:
        wave = torch.sin(4 * math.pi * x) * torch.sin(2 * math.pi * y) * (1 + 2 * torch.sin(math.pi / 4 * t))
        return u_t - 0.001 * (u_xx + u_yy) - 5 * torch.sin(u**2) * wave

    def start(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(4 * math.pi * x) * torch.sin(3 * math.pi * y)

    reference = Gridded(
        "pinnacle-heat2d-lt", ("u",), {"t": (0, 100, 51), "x": (0, 1, 41), "y": (0, 1, 41)}, heat_for_long
    )
    return Problem(
        domain=Box(t=(0, 100), x=(0, 1), y=(0, 1)),
        fields=["u"],
        conditions={"pde": Interior(residual), "start": Value(u=start, on="t=0"), "walls": Value(u=0.0, on=WALLS)},
        hard={"start", "walls"},
        reference=reference.reference("sine modes and ETDRK4", 5e-5),
        name="pinnacle/heat2d-lt",
        description="u_t = 0.001Δu + 5 sin(u²) s(t,x,y) until t = 100",
    )


def heat_nd() -> Problem:
    """Return HNd: u_t = Δu/5 − |x|²/5 exp(|x|²/2 + t) on the unit ball of R⁵, t ∈ (0, 1); u = exp(|x|²/2 + t).

    u is given at the start, u_n on the rim.
    """
    names = [f"x{number}" for number in range(1, 6)]

    def residual(u_t: Tensor, laplacian_u: Tensor, position: Tensor, t: Tensor) -> Tensor:
        norm = position.square().sum(1)
        return u_t - (laplacian_u - norm * torch.exp(norm / 2 + t)) / 5

    def start(position: Tensor) -> Tensor:
        return torch.exp(position.square().sum(1) / 2)

    def exact(t: np.ndarray, **x: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(sum(along**2 for along in x.values()) / 2 + t))

    flux = Boundary(lambda u_n, t: u_n - torch.exp(0.5 + t), on="rim")
    return Problem(
        domain=Box(t=(0, 1)) * Ball(1.0, **dict.fromkeys(names, 0.0)),
        fields=["u"],
        conditions={"pde": Interior(residual), "start": Value(u=start, on="t=0"), "rim": flux},
        hard={"start"},
        reference=Reference({"u": exact}, {"t": 5} | dict.fromkeys(names, 7), "exact", 1e-15),
        name="pinnacle/hnd",
        description="u_t = Δu/5 + f on the unit ball of R⁵, u_n given",
    )
