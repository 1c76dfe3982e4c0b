"""The wave equation on a string; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch

from pinnml.problem import Box, Derivative, Interior, Problem, Reference, Value


def wave(c: float = 2.0) -> Problem:
    """Return u_tt = c² u_xx on t ∈ (0, 1), x ∈ (0, 1), u(0, x) = sin πx + ½ sin 4πx, u_t(0, x) = 0, u = 0 at the ends.

    u = sin πx cos cπt + ½ sin 4πx cos 4cπt, by separation of variables. Values hold by construction; the velocity at
    the start is a penalty.
    """

    def exact(t: np.ndarray, x: np.ndarray) -> np.ndarray:
        long = np.sin(np.pi * x) * np.cos(c * np.pi * t)
        return np.asarray(long + 0.5 * np.sin(4 * np.pi * x) * np.cos(4 * c * np.pi * t))

    def start(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(math.pi * x) + 0.5 * torch.sin(4 * math.pi * x)

    return Problem(
        domain=Box(t=(0, 1), x=(0, 1)),
        fields=["u"],
        parameters={"c": c},
        conditions={
            "pde": Interior(lambda u_tt, u_xx, c: u_tt - c**2 * u_xx),
            "start": Value(u=start, on="t=0"),
            "velocity": Derivative(u_t=0.0, on="t=0"),
            "walls": Value(u=0.0, on=["x=0", "x=1"]),
        },
        hard={"start", "walls"},
        reference=Reference({"u": exact}, {"t": 161, "x": 101}, "exact: separation of variables", 1e-15),
        name="wave",
        description="u_tt = c² u_xx, u(0,x) = sin πx + ½ sin 4πx, u_t(0,x) = 0, u = 0 at both ends",
    )
