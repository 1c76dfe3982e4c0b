"""Spectral solutions of u_t = D u_xx + 5(u − u³) on (−1, 1) for even data; every quantity is dimensionless.

Both take increasing times (m,), the first being 0, and points x (n,) in [0, 1], and return u of shape (m, n).
"""

from __future__ import annotations

import math

import numpy as np

from .etdrk4 import march

Array = np.ndarray


def clamped(times: Array, x: Array, *, diffusion: float, modes: int, step: float) -> Array:
    """Return u for u(0, x) = x² cos πx and u(t, ±1) = −1 by Chebyshev collocation and ETDRK4.

    `modes` is the even number N of Chebyshev intervals on [−1, 1]. The matrix of ∂²/∂x² on even functions
    that vanish at ±1 has real eigenvalues and well-conditioned eigenvectors (condition number about 4), in
    whose coordinates v = u + 1 is marched. The data's second derivative does not fit the equation at the
    corners, u_t(0, ±1) = (π² − 2) D instead of 0; the crowded nodes resolve the weak singularity.
    """
    grid, second = even_chebyshev(modes)
    eigenvalues, vectors = (part.real for part in np.linalg.eig(second[1:, 1:]))  # newer NumPys say complex
    inverse = np.linalg.inv(vectors)
    inner = grid[1:]

    def nonlinear(v: Array) -> Array:
        u = vectors @ v - 1
        return inverse @ (5 * u * (1 - u * u))

    start = inverse @ (inner**2 * np.cos(math.pi * inner) + 1)
    states = march(diffusion * eigenvalues, nonlinear, start, times, step)
    values = np.concatenate([np.zeros((len(times), 1)), states @ vectors.T], axis=1)
    return values @ _even_interpolation(grid, modes, x).T - 1


def even_chebyshev(modes: int) -> tuple[Array, Array]:
    """Return the Chebyshev points cos(πj/N), j = 0 … N/2, and the matrix of ∂²/∂x² there on even functions.

    Differences x_i − x_j through sines and diagonals by negative row sums against rounding
    (Trefethen 2000, chapter 6; Weideman, Reddy 2000).
    """
    angles = math.pi * np.arange(modes + 1) / modes
    points = np.sin(math.pi * (modes - 2 * np.arange(modes + 1)) / (2 * modes))
    difference = 2 * np.sin((angles[:, None] + angles) / 2) * np.sin((angles - angles[:, None]) / 2)
    np.fill_diagonal(difference, 1.0)
    scale = (-1.0) ** np.arange(modes + 1)
    scale[[0, -1]] *= 2
    first = scale[:, None] / scale / difference
    np.fill_diagonal(first, 0.0)
    np.fill_diagonal(first, -first.sum(axis=1))
    second = 2 * first * (np.diag(first)[:, None] - 1 / difference)
    np.fill_diagonal(second, 0.0)
    np.fill_diagonal(second, -second.sum(axis=1))
    half = modes // 2
    folded = second[: half + 1, : half + 1].copy()
    folded[:, :half] += second[: half + 1, :half:-1]
    return points[: half + 1], folded


def _even_interpolation(grid: Array, modes: int, x: Array) -> Array:
    """Return the matrix (n, N/2 + 1) that takes an even function from the Chebyshev points to x (n,)."""
    weights = (-1.0) ** np.arange(modes // 2 + 1)
    weights[0] /= 2
    near, far = x[:, None] - grid, x[:, None] + grid
    hit = near == 0
    mirror = np.where(grid > 0, 1.0, 0.0)  # the middle node is its own mirror image
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = weights / near + mirror * weights / far
    terms = np.where(hit.any(axis=1, keepdims=True), hit, terms)
    return terms / terms.sum(axis=1, keepdims=True)


def periodic(
    times: Array, x: Array, *, diffusion: float, harmonic: int, shift: float, modes: int, step: float
) -> Array:
    """Return u of period 2 for u(0, x) = x² (cos mπx + s), m = `harmonic`, s = `shift`, by ETDRK4.

    `modes` is the number of Fourier modes, that is, cosines up to modes/2. The data enter by their exact
    cosine coefficients, truncated rather than aliased, since the modes left out of kinked data would decay at
    once (Cox, Matthews 2002; Kassam, Trefethen 2005).
    """
    from scipy.fft import dct

    half = modes // 2
    k = np.arange(half + 1)

    def nonlinear(v: Array) -> Array:
        doubled = v / 2
        doubled[[0, -1]] *= 2
        u = dct(doubled, type=1)
        out: Array = dct(5 * u * (1 - u * u), type=1) / half
        out[[0, -1]] /= 2
        return out

    start = _moment(k + harmonic) + _moment(k - harmonic) + 2 * shift * _moment(k)
    start[0] /= 2
    states = march(-diffusion * (math.pi * k) ** 2, nonlinear, start, times, step)
    return states @ np.cos(math.pi * k[:, None] * x)


def _moment(m: Array) -> Array:
    """Return ∫₀¹ x² cos(mπx) dx = 2 (−1)^m / (mπ)², or 1/3 for m = 0, for whole numbers m (n,)."""
    safe = np.where(m == 0, 1, m)
    return np.where(m == 0, 1 / 3, 2 * (-1.0) ** np.abs(m) / (math.pi * safe) ** 2)
