"""Patterns and chaos: Gray–Scott and Kuramoto–Sivashinsky."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Periodic, Problem, Value

from .gridded import Gridded
from .periodic import gray_scott, kuramoto_sivashinsky

FEED, DECAY = 0.04, 0.06


def reaction(diffusion: tuple[float, float]) -> dict[str, Interior]:
    """Return both equations of Gray and Scott with F = 0.04, k = 0.06 and the diffusion of u and v."""

    def substrate(u: Tensor, v: Tensor, u_t: Tensor, laplacian_u: Tensor) -> Tensor:
        return u_t - diffusion[0] * laplacian_u + u * v**2 - FEED * (1 - u)

    def catalyst(u: Tensor, v: Tensor, v_t: Tensor, laplacian_v: Tensor) -> Tensor:
        return v_t - diffusion[1] * laplacian_v - u * v**2 + (FEED + DECAY) * v

    return {"substrate": Interior(substrate), "catalyst": Interior(catalyst)}


def grayscott() -> Problem:
    """Return GS: u_t = 1e-5 Δu + 0.04(1 − u) − uv², v_t = 5e-6 Δv − 0.1v + uv² on (−1, 1)², t ∈ (0, 200).

    u(0) = 1 − exp(−80((x + 0.05)² + (y + 0.02)²)), v(0) = exp(−80((x − 0.05)² + (y − 0.02)²)). The benchmark has no
    condition on the walls; here both fields have the period 2. 384 and 512 modes differ by 1e-5 in u, 4e-4 in v.
    """

    def hump(x: Tensor, y: Tensor, side: int = 1) -> Tensor:
        return torch.exp(-80 * ((x - side * 0.05) ** 2 + (y - side * 0.02) ** 2))

    grid = {"t": (0, 200, 21), "x": (-1, 1, 65), "y": (-1, 1, 65)}
    return Problem(
        domain=Box(t=(0, 200), x=(-1, 1), y=(-1, 1)),
        fields=["u", "v"],
        conditions={
            **reaction((1e-5, 5e-6)),
            "start": Value(u=lambda x, y: 1 - hump(x, y, -1), v=hump, on="t=0"),
            "period in x": Periodic(u=1, v=1, along="x"),
            "period in y": Periodic(u=1, v=1, along="y"),
        },
        hard={"start", "period in x", "period in y"},
        reference=Gridded("pinnacle-gs", ("u", "v"), grid, gray_scott).reference("Fourier modes and ETDRK4", 1e-4),
        vectors=(),  # concentrations
        name="pinnacle/gs",
        description="Gray–Scott with ε = 1e-5 and 5e-6, of period 2, until t = 200",
    )


def kuramoto() -> Problem:
    """Return KS: u_t + 100/16 uu_x + 100/16² u_xx + 100/16⁴ u_xxxx = 0, t ∈ (0, 1), u(0) = cos x (1 + sin x).

    The benchmark has no condition at x = 0 and 2π; here u has that period. Steps of half the size change the reference
    by 1e-7, although a disturbance grows by up to e²⁵.
    """

    def residual(u: Tensor, u_t: Tensor, u_x: Tensor, u_xx: Tensor, u_xxxx: Tensor) -> Tensor:
        return u_t + 100 / 16 * u * u_x + 100 / 16**2 * u_xx + 100 / 16**4 * u_xxxx

    grid = {"t": (0.0, 1.0, 101), "x": (0.0, 2 * math.pi, 257)}
    return Problem(
        domain=Box(t=(0, 1), x=(0, 2 * math.pi)),
        fields=["u"],
        conditions={
            "pde": Interior(residual),
            "start": Value(u=lambda x: torch.cos(x) * (1 + torch.sin(x)), on="t=0"),
            "period": Periodic(u=3, along="x"),
        },
        hard={"start", "period"},
        reference=Gridded("pinnacle-ks", ("u",), grid, kuramoto_sivashinsky).reference("Fourier modes, ETDRK4", 1e-6),
        name="pinnacle/ks",
        description="Kuramoto–Sivashinsky, u(0) = cos x (1 + sin x), of period 2π",
    )
