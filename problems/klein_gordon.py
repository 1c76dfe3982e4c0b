"""The Klein–Gordon equation with a quadratic term and a manufactured solution; every quantity is dimensionless."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Derivative, Interior, Lifting, Problem, Reference, Value

Array = np.ndarray


def klein_gordon() -> Problem:
    """Return u_tt − u_xx + u² = −x cos t + x² cos² t on t ∈ (0, 12), x ∈ (−1, 1); u = x cos t.

    u(0, x) = x, u_t(0, x) = 0 and u(t, ±1) = ±cos t hold by construction, through u = g + ℓN with
    g = x + x³ (cos t − 1) and ℓ = (1 − x²) t²/(1 + t²).
    What extends the data most naturally, x cos t, is the solution itself: the network would only have to learn
    zero. This g meets the same data and is off by x (1 − x²)(1 − cos t), up to 0.77, inside. ℓ is quadratic in t
    at the start, so that it leaves u_t alone there, and bounded, so that N stays of order 1 until t = 12.
    Source: Kopaničáková, Kothari, Karniadakis, Krause (2024).
    """

    def residual(u: Tensor, u_tt: Tensor, u_xx: Tensor, t: Tensor, x: Tensor) -> Tensor:
        solution = x * torch.cos(t)
        return u_tt - u_xx + u**2 + solution - solution**2

    def data(t: Tensor, x: Tensor) -> Tensor:
        return x * torch.cos(t)

    def extension(t: Tensor, x: Tensor) -> Tensor:
        return x + x**3 * (torch.cos(t) - 1)

    def distance(t: Tensor, x: Tensor) -> Tensor:
        return (1 - x**2) * t**2 / (1 + t**2)

    def exact(t: Array, x: Array) -> Array:
        return x * np.cos(t)

    return Problem(
        domain=Box(t=(0, 12), x=(-1, 1)),
        fields=["u"],
        conditions={
            "pde": Interior(residual),
            "start": Value(u=data, on="t=0"),
            "velocity": Derivative(u_t=0.0, on="t=0"),
            "walls": Value(u=data, on=["x=-1", "x=1"]),
        },
        hard={"start", "velocity", "walls"},
        lifting=Lifting(u=(extension, distance)),
        reference=Reference({"u": exact}, {"t": 241, "x": 101}, "exact: x cos t", 1e-15),
        name="klein-gordon",
        description="u_tt - u_xx + u² = f, u(0,x) = x, u_t(0,x) = 0, u = x cos(t) on the walls and inside, t < 12",
    )
