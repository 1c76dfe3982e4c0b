"""The viscous Burgers equation with a front that steepens at x = 0; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, DeclarationError, Interior, Problem, Reference, Value

Array = np.ndarray

CHUNK = 2048
"""Points handled at once, so that the integrand of 801 nodes takes about 13 MB."""


def burgers(nu: float = 0.01 / math.pi) -> Problem:
    """Return u_t + u u_x = ν u_xx on t ∈ (0, 1), x ∈ (−1, 1) with u(0, x) = −sin πx and u(t, ±1) = 0.

    Raises `DeclarationError` for a viscosity that is not positive. Source: Basdevant et al. (1986).
    """
    if not nu > 0:
        raise DeclarationError(f"The viscosity is {nu!r}", "burgers(nu)", "give a number > 0")

    def residual(u: Tensor, u_t: Tensor, u_x: Tensor, u_xx: Tensor, nu: float) -> Tensor:
        return u_t + u * u_x - nu * u_xx

    def start(x: Tensor) -> Tensor:
        return -torch.sin(math.pi * x)

    return Problem(
        domain=Box(t=(0, 1), x=(-1, 1)),
        fields=["u"],
        parameters={"nu": nu},
        conditions={
            "pde": Interior(residual),
            "start": Value(u=start, on="t=0"),
            "walls": Value(u=0.0, on=["x=-1", "x=1"]),
        },
        hard={"start", "walls"},
        reference=Reference(
            {"u": lambda t, x: cole_hopf(t, x, nu)},
            {"t": 101, "x": 201},
            "Cole-Hopf integral by the trapezoidal rule (Hopf 1950, Cole 1951; Basdevant et al. 1986)",
            1e-14,
        ),
        name="burgers",
        description=f"u_t + u u_x = ν u_xx, ν = {nu:.6g}, u(0,x) = -sin(πx), u(t,±1) = 0",
    )


def cole_hopf(t: Array, x: Array, nu: float, nodes: int = 801) -> Array:
    """Return the solution of Burgers' equation for u(0, x) = −sin πx at points t, x of shape (n,).

    With y = x − 2√(νt) z and E = −z² − cos(πy)/(2πν),
    u = −∫ sin(πy) exp(E) dz / ∫ exp(E) dz   (Hopf 1950, Cole 1951; Basdevant et al. 1986),
    by the trapezoidal rule, which converges geometrically for such integrands, over |z| ≤ 12, or further
    where a small ν puts the maximum of E, which lies within |z| ≤ √(t/ν)/2, near that end. E is shifted by
    its maximum against overflow. `nodes` are those on |z| ≤ 12; a wider interval gets more, equally spaced.
    """
    t, x = np.broadcast_arrays(np.asarray(t, dtype=np.float64), np.asarray(x, dtype=np.float64))
    reach = max(12.0, 3.0 + math.sqrt(float(t.max(initial=0.0)) / nu) / 2)
    z = np.linspace(-reach, reach, 1 + math.ceil((nodes - 1) * reach / 12))
    u = np.empty(t.shape)
    for start in range(0, len(t), CHUNK):
        part = slice(start, start + CHUNK)
        y = x[part, None] - 2 * np.sqrt(nu * t[part, None]) * z
        exponent = -(z**2) - np.cos(np.pi * y) / (2 * np.pi * nu)
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        u[part] = -(np.sin(np.pi * y) * weight).sum(axis=1) / weight.sum(axis=1)
    return np.where(t == 0, -np.sin(np.pi * x), u)
