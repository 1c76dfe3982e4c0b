"""The Gray–Scott equations on a torus; every quantity is dimensionless."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import torch

from pinnml.problem import Box, Periodic, Problem, Value

from .pinnacle.chaotic import DECAY, FEED, reaction
from .pinnacle.gridded import Gridded
from .pinnacle.periodic import autocatalysis

Array = np.ndarray

DIFFUSION = (2e-3, 1e-3)


def gray_scott() -> Problem:
    """Return u_t = 0.002Δu − uv² + F(1 − u), v_t = 0.001Δv + uv² − (F + k)v with period 2 along x and y, t ∈ (0, 20).

    F = 0.04, k = 0.06, u(0) = 1 − s and v(0) = s/2 with s = exp(−10 sin²(πx/2) − 10 sin²(πy/2)): a spot that spreads.
    Start and periods hold by construction. The reference is by 64² Fourier modes and ETDRK4. Source: Gray, Scott, Chem.
    Eng. Sci. 38, 1983; Pearson, Science 261, 1993.
    """

    grid = {"t": (0.0, 20.0, 21), "x": (-1.0, 1.0, 49), "y": (-1.0, 1.0, 49)}
    return Problem(
        domain=Box(t=(0, 20), x=(-1, 1), y=(-1, 1)),
        fields=["u", "v"],
        conditions={
            **reaction(DIFFUSION),
            "start": Value(u=lambda x, y: 1 - spot(torch, x, y), v=lambda x, y: spot(torch, x, y) / 2, on="t=0"),
            "ring in x": Periodic(u=1, v=1, along="x"),
            "ring in y": Periodic(u=1, v=1, along="y"),
        },
        hard={"start", "ring in x", "ring in y"},
        reference=Gridded("gray-scott", ("u", "v"), grid, spreading).reference("Fourier modes and ETDRK4", 1e-7),
        vectors=(),  # concentrations
        name="gray-scott",
        description="Gray–Scott reaction and diffusion on a torus, a spot that spreads, t < 20",
    )


def spot(library: ModuleType, x: Any, y: Any) -> Any:
    """Return s, 1 at the origin, of NumPy or of torch."""
    return library.exp(-10 * (library.sin(math.pi / 2 * x) ** 2 + library.sin(math.pi / 2 * y) ** 2))


def spreading(t: Array, x: Array, y: Array, modes: int = 64, step: float = 0.25) -> tuple[Array, Array]:
    """Return u and v on a grid, shape (t, x, y) each."""
    place = -1 + np.arange(modes) * 2 / modes
    start = spot(np, place[:, None], place)
    return autocatalysis(t, x, y, np.stack([1 - start, start / 2]), DIFFUSION, (FEED, DECAY), step)
