"""Stationary diffusion–advection with layers along the outflow; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from pinnml.problem import Box, Interior, Problem, Reference, Value

Array = np.ndarray

DIFFUSION = 1e-2

CHUNK = 4096
"""Points handled at once, so that their values at about 330 times take about 11 MB a coordinate."""


def diffusion_advection() -> Problem:
    """Return −μΔu + u_x + u_y = 1 on (0, 1)², μ = 0.01, with u = 0 on the boundary.

    u rises like min(x, y) and falls to zero in layers of width μ along x = 1 and y = 1; at the corners Δu = −1/μ
    contradicts the boundary values, so that u has singularities like r² log r there.
    Source: Kopaničáková, Kothari, Karniadakis, Krause (2024).
    """

    def residual(u_x: Tensor, u_y: Tensor, u_xx: Tensor, u_yy: Tensor, mu: float) -> Tensor:
        return -mu * (u_xx + u_yy) + u_x + u_y - 1

    return Problem(
        domain=Box(x=(0, 1), y=(0, 1)),
        fields=["u"],
        parameters={"mu": DIFFUSION},
        conditions={"pde": Interior(residual), "walls": Value(u=0.0, on=["x=0", "x=1", "y=0", "y=1"])},
        hard={"walls"},
        reference=Reference(
            {"u": exit_time},
            {"x": 201, "y": 201},
            "mean exit time of a drifting Brownian motion: survival by the method of images, trapezoidal rule in time",
            1e-14,
        ),
        name="diffusion-advection",
        description="-0.01 Δu + u_x + u_y = 1 on (0,1)², u = 0 on the boundary",
    )


def exit_time(x: Array, y: Array, step: float = 1 / 64) -> Array:
    """Return u at points x, y of shape (n,) from one-dimensional solutions: u(x, y) = ∫₀^∞ S(t, x) S(t, y) dt.

    S_t = μS_xx − S_x with S(0, ·) = 1 and S(t, 0) = S(t, 1) = 0, so that v = S(t, x) S(t, y) has
    v_t = μΔv − v_x − v_y; integrated over time, with v(0) = 1 and v(∞) = 0, this is the equation of u. In other
    words, u is the mean time until a Brownian motion with drift −b leaves the square.
    With t = exp(s − exp(−s)) the trapezoidal rule of width `step` in s converges geometrically (Takahasi, Mori 1974).
    """
    x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    s = step * np.arange(math.floor(-3.6 / step), math.ceil(1.5 / step) + 1)
    t = np.exp(s - np.exp(-s))
    weight = step * t * (1 + np.exp(-s))
    u = np.empty(x.shape)
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        # points of a grid share their coordinates
        along_x, at_x = np.unique(x[part], return_inverse=True)
        along_y, at_y = np.unique(y[part], return_inverse=True)
        u[part] = np.einsum("nt,nt,t->n", survival(t, along_x)[at_x], survival(t, along_y)[at_y], weight)
    return u


def survival(t: Array, x: Array) -> Array:
    """Return S(t, x) for S_t = μS_xx − S_x, S(0, ·) = 1, S(t, 0) = S(t, 1) = 0; t > 0 (m,) and x (n,) give (n, m).

    By the method of images, with σ² = 2μt and the normal distribution Φ,
    S = Φ((x−t)/σ) − Φ((x−1−t)/σ) − T(x, 0) + T(2−x, 1−x) − e^{−(1−x)/μ} [Φ((x+t−1)/σ) − Φ((x+t−2)/σ)],
    T(d, q) = e^{(d−q)/μ} Φ(−(d+t)/σ). The images left out are smaller than e^{−1/μ} < 1e-43.
    """
    from scipy.special import erfcx, ndtr

    x = x[:, None]
    sigma = np.sqrt(2 * DIFFUSION * t)

    def image(distance: Array, behind: Array | float) -> Array:
        """T(d, q) with its two exponentials in one, none of which alone need be a floating-point number."""
        exponent = (distance - t) ** 2 / (4 * t) + behind
        scaled: Array = erfcx((distance + t) / (math.sqrt(2) * sigma)) * np.exp(-exponent / DIFFUSION) / 2
        return scaled

    free = ndtr((x - t) / sigma) - ndtr((x - 1 - t) / sigma)
    outflow = np.exp(-(1 - x) / DIFFUSION) * (ndtr((x + t - 1) / sigma) - ndtr((x + t - 2) / sigma))
    kept: Array = free - image(x, 0.0) + image(2 - x, 1 - x) - outflow
    return kept
