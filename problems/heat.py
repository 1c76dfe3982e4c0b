"""The heat equation on an interval, with soft data everywhere; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch

from pinnml.problem import Box, Interior, Problem, Reference, Value


def heat(kappa: float = 0.05) -> Problem:
    """Return u_t = κ u_xx on t ∈ (0, 1), x ∈ (0, 1), u(0, x) = sin πx + ½ sin 3πx, u = 0 at both ends.

    u = e^{−κπ²t} sin πx + ½ e^{−9κπ²t} sin 3πx, by separation of variables. All data are penalties.
    """

    def exact(t: np.ndarray, x: np.ndarray) -> np.ndarray:
        slow = np.exp(-kappa * np.pi**2 * t) * np.sin(np.pi * x)
        fast = np.exp(-9 * kappa * np.pi**2 * t) * np.sin(3 * np.pi * x)
        return np.asarray(slow + 0.5 * fast)

    def start(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(math.pi * x) + 0.5 * torch.sin(3 * math.pi * x)

    return Problem(
        domain=Box(t=(0, 1), x=(0, 1)),
        fields=["u"],
        parameters={"kappa": kappa},
        conditions={
            "pde": Interior(lambda u_t, u_xx, kappa: u_t - kappa * u_xx),
            "start": Value(u=start, on="t=0"),
            "walls": Value(u=0.0, on=["x=0", "x=1"]),
        },
        reference=Reference({"u": exact}, {"t": 101, "x": 101}, "exact: separation of variables", 1e-15),
        name="heat",
        description="u_t = κ u_xx, u(0,x) = sin πx + ½ sin 3πx, u = 0 at both ends, as penalties",
    )
