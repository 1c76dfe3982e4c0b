"""Poisson's equation and its kin: with holes, with many areas, in five dimensions."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import AbstractDomain, Boundary, Box, Interior, Problem, Reference, Value
from pinnml.problem.domains import Ball, ComposableDomain

from .coefficients import blocks
from .cut_cells import BALLS, cavity, source
from .elements import by_blocks
from .gridded import Gridded
from .multipoles import HOLES, Harmonic, Screened


def holed(outside: Box, holes: tuple[tuple[float, ...], ...]) -> tuple[AbstractDomain, list[str]]:
    """Return a box without discs or balls of given centres and radii, and the names of their rims."""
    domain: ComposableDomain = outside
    for number, (*centre, radius) in enumerate(holes, 1):
        hole = Ball(radius, **dict(zip(outside.names, centre, strict=True)))
        domain = domain - hole.named(rim=f"rim {number}")
    return domain, [f"rim {number + 1}" for number in range(len(holes))]


def poisson2d_c() -> Problem:
    """Return Poisson2d-C: Δu = 0 on (−½, ½)² without four discs; u = 1 on the walls, 0 on the rims.

    The reference has a misfit of 1e-12 on the boundary; the benchmark's file is good to 1e-4.
    """
    places = tuple((x, y, 0.1) for x in (0.3, -0.3) for y in (0.3, -0.3))
    plate, rims = holed(Box(x=(-0.5, 0.5), y=(-0.5, 0.5)), places)
    return Problem(
        domain=plate,
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_xx, u_yy: u_xx + u_yy),
            "walls": Value(u=1.0, on=["x=-0.5", "x=0.5", "y=-0.5", "y=0.5"]),
            "rims": Value(u=0.0, on=rims),
        },
        hard={"walls", "rims"},
        reference=Reference({"u": Harmonic()}, {"x": 101, "y": 101}, "multipoles and their images", 1e-11),
        name="pinnacle/poisson2d-c",
        description="Δu = 0 on a square without four discs, u = 1 on the walls, u = 0 on the rims",
    )


def poisson2d_cg() -> Problem:
    """Return Poisson2d-CG: −Δu + 64u = f on (−1, 1)² without four discs of several sizes; u = 0.2 on walls, 1 on rims.

    f = 10(17 + x² + y²) sin πx sin 4πy. The benchmark's file is good to 1e-4.
    """

    def residual(u: Tensor, u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        wave = torch.sin(math.pi * x) * torch.sin(4 * math.pi * y)
        return 64 * u - u_xx - u_yy - 10 * (17 + x**2 + y**2) * wave

    plate, rims = holed(Box(x=(-1, 1), y=(-1, 1)), HOLES)
    return Problem(
        domain=plate,
        fields=["u"],
        conditions={
            "pde": Interior(residual),
            "walls": Value(u=0.2, on=["x=-1", "x=1", "y=-1", "y=1"]),
            "rims": Value(u=1.0, on=rims),
        },
        hard={"walls", "rims"},
        reference=Reference({"u": Screened()}, {"x": 101, "y": 101}, "multipoles, their images, and a series", 1e-7),
        name="pinnacle/poisson2d-cg",
        description="−Δu + 64u = f on a square without four discs, u = 0.2 on the walls, u = 1 on the rims",
    )


def poisson3d_cg() -> Problem:
    """Return Poisson3d-CG: −Δu + k²u = f on (0, 1)³ without four balls, k = 8 below z = ½ and 10 above, u_n = 0.

    The reference is by finite volumes whose values on 48, 64 and 80 cells a side differ by 3e-3 and 2e-3.
    """

    def residual(u: Tensor, u_xx: Tensor, u_yy: Tensor, u_zz: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        decay = torch.where(z < 0.5, 64.0, 100.0).to(u)
        return decay * u - u_xx - u_yy - u_zz - source(x, y, z, torch)

    block, rims = holed(Box(x=(0, 1), y=(0, 1), z=(0, 1)), BALLS)
    walls = [f"{name}={end}" for name in "xyz" for end in (0, 1)]
    reference = Gridded("pinnacle-poisson3d-cg", ("u",), {name: (0, 1, 33) for name in "xyz"}, cavity)
    return Problem(
        domain=block,
        fields=["u"],
        conditions={
            "pde": Interior(residual),
            "closed": Boundary(lambda u_n: u_n, on=[*walls, *rims]),
        },
        reference=reference.reference("finite volumes, conjugate gradients", 4e-3),
        name="pinnacle/poisson3d-cg",
        description="−Δu + k²u = f on a cube without four balls, k jumps at z = ½, u_n = 0",
    )


def poisson2d_ms() -> Problem:
    """Return Poisson2d-MS: aΔu + f = 0 on (−10, 10)² with a and f by 5 × 5 blocks, u_n + u = 0.

    a lies between 10⁻² and 10³, and the equation is divided by it: else the blocks where it is large would count alone.
    The benchmark's numbers are random, from files; these follow the rule of `block_values`. Of its four numbers a block
    for f, it multiplies two by zero.
    """

    def residual(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        a, f = blocks(x, y)
        return u_xx + u_yy + f / a

    reference = Gridded("pinnacle-poisson2d-ms", ("u",), {"x": (-10, 10, 101), "y": (-10, 10, 101)}, by_blocks)
    return Problem(
        domain=Box(x=(-10, 10), y=(-10, 10)),
        fields=["u"],
        conditions={
            "pde": Interior(residual),
            "walls": Boundary(lambda u, u_n: u_n + u, on=["x=-10", "x=10", "y=-10", "y=10"]),
        },
        reference=reference.reference("spectral elements, one a block", 1e-8),
        name="pinnacle/poisson2d-ms",
        description="aΔu + f = 0 with a and f by blocks, u_n + u = 0",
    )


def poisson_nd() -> Problem:
    """Return PNd: Δu + π²/4 Σ sin(πx_i/2) = 0 on (0, 1)⁵, u = Σ sin(πx_i/2)."""
    names = [f"x{number}" for number in range(1, 6)]

    def total(x1: Tensor, x2: Tensor, x3: Tensor, x4: Tensor, x5: Tensor) -> Tensor:
        return torch.sin(math.pi / 2 * torch.stack([x1, x2, x3, x4, x5])).sum(0)

    def residual(
        u_x1x1: Tensor, u_x2x2: Tensor, u_x3x3: Tensor, u_x4x4: Tensor, u_x5x5: Tensor,
        x1: Tensor, x2: Tensor, x3: Tensor, x4: Tensor, x5: Tensor,
    ) -> Tensor:  # fmt: skip
        return u_x1x1 + u_x2x2 + u_x3x3 + u_x4x4 + u_x5x5 + math.pi**2 / 4 * total(x1, x2, x3, x4, x5)

    def exact(**x: np.ndarray) -> np.ndarray:
        return np.asarray(sum(np.sin(math.pi / 2 * along) for along in x.values()))

    return Problem(
        domain=Box(**dict.fromkeys(names, (0, 1))),
        fields=["u"],
        conditions={
            "pde": Interior(residual),
            "walls": Value(u=total, on=[f"{x}={end}" for x in names for end in (0, 1)]),
        },
        reference=Reference({"u": exact}, dict.fromkeys(names, 7), "exact", 1e-15),
        name="pinnacle/pnd",
        description="Δu + f = 0 on (0,1)⁵, u = Σ sin(πx/2)",
    )
