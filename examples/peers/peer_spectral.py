"""What a numerical analyst would do: spectral collocation in space, exponential time differencing, in plain NumPy.

Burgers is periodic in x: Fourier modes. Allen–Cahn is not: Chebyshev points. Both march in the coordinates in which
∂²/∂x² is diagonal. Poisson is one Sylvester equation at Chebyshev points. The resolution doubles until two solutions
agree or the time is over; seconds count all the coarser ones before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import scipy
from equations import DIFFUSION, NU
from job import AbstractPeer, Clock, Job, Trace, Trained
from scipy.linalg import solve_sylvester

Array = np.ndarray
AGREEMENT = 1e-13
COST = 8
"""What a doubled resolution takes at most, in times of the last one."""


class Peer(AbstractPeer):
    """The classical solver of each problem."""

    versions = f"numpy {np.__version__}, scipy {scipy.__version__}"

    def __init__(self, job: Job, method: str = "") -> None:
        super().__init__(job, method)
        self.unknowns = 0

    def train(self, seconds: float) -> Trained:
        """Double the resolution until solutions agree or another one would not end in time."""
        clock, trace, before, began = Clock(), Trace(), np.full(len(self.job.grid), np.inf), 0.0
        solve, modes = SOLVERS[self.job.problem]
        axes = [np.unique(column) for column in self.job.grid.T]
        while True:
            with np.errstate(all="ignore"):  # where the step is too long it may blow up
                u, self.unknowns = solve(axes[0], axes[1], modes)
                change = np.linalg.norm(u.ravel() - before) / np.linalg.norm(u)
            trace.note(clock.seconds, lambda u=u: u.ravel(), last=True)  # type: ignore[misc]
            taken, began = clock.seconds - began, clock.seconds
            if change < AGREEMENT or clock.seconds + COST * taken > seconds:
                return Trained(math.nan, math.nan, clock.seconds, trace)
            before, modes = u.ravel(), 2 * modes

    def predict(self, state: Array) -> Array:
        """Return the state, which is u on the grid."""
        return state


def burgers(t: Array, x: Array, modes: int) -> tuple[Array, int]:
    """Return u (len t, len x) by Fourier modes, two thirds of which are kept, and their number."""
    nodes = -1 + 2 * np.arange(modes) / modes
    wave = math.pi * np.arange(modes // 2 + 1)
    kept = np.arange(modes // 2 + 1) < modes / 3

    def nonlinear(v: Array) -> Array:
        return -0.5j * wave * kept * np.fft.rfft(np.fft.irfft(v, modes) ** 2)

    start = np.fft.rfft(-np.sin(math.pi * nodes))
    states = march(-NU * wave**2, nonlinear, start, t, steps=max(1, modes // 64))
    phases = np.exp(1j * wave * (x[:, None] + 1)) * np.where(wave > 0, 2, 1) / modes
    return np.array([(phases @ state).real for state in states]), modes


def allen_cahn(t: Array, x: Array, modes: int) -> tuple[Array, int]:
    """Return u (len t, len x) by v = u + 1 at the inner Chebyshev points, and their number."""
    nodes, first = chebyshev(modes)
    eigenvalues, vectors = np.linalg.eig((first @ first)[1:-1, 1:-1])
    inverse, inner = np.linalg.inv(vectors), nodes[1:-1]

    def nonlinear(v: Array) -> Array:
        u = vectors @ v - 1
        return inverse @ (5 * u * (1 - u * u))

    start = inverse @ (inner**2 * np.cos(math.pi * inner) + 1)
    states = march(DIFFUSION * eigenvalues, nonlinear, start, t, steps=max(1, modes // 32))
    to_grid = interpolation(nodes, x)[:, 1:-1] @ vectors
    return np.array([(to_grid @ state).real - 1 for state in states]), modes - 1


def poisson(x: Array, y: Array, modes: int) -> tuple[Array, int]:
    """Return u (len x, len y) from D²U + U(D²)ᵀ = −f at the inner Chebyshev points, and their number."""
    nodes, first = chebyshev(modes)
    second, wave = (first @ first)[1:-1, 1:-1], np.sin(math.pi * nodes[1:-1])
    inner = solve_sylvester(second, second.T, -2 * math.pi**2 * np.outer(wave, wave))
    return interpolation(nodes, x)[:, 1:-1] @ inner @ interpolation(nodes, y)[:, 1:-1].T, inner.size


SOLVERS: dict[str, tuple[Callable[[Array, Array, int], tuple[Array, int]], int]] = {
    "burgers": (burgers, 128),
    "allen-cahn": (allen_cahn, 32),
    "poisson": (poisson, 8),
}
"""A problem's solver and its first number of modes or intervals."""


def march(eigenvalues: Array, nonlinear: Callable[[Array], Array], v: Array, t: Array, steps: int) -> Iterator[Array]:
    """Yield v at every t for v' = Λv + n(v), by `steps` steps of ETDRK4 between them (Cox, Matthews 2002).

    Coefficients are means over circles around hΛ (Kassam, Trefethen 2005), since their formulas cancel near 0.
    """
    h = (t[1] - t[0]) / steps
    circle = h * eigenvalues[:, None] + np.exp(1j * math.pi * (np.arange(32) + 0.5) / 16)
    e = np.exp(circle)
    full, half = np.exp(h * eigenvalues), np.exp(h * eigenvalues / 2)
    formulas = (
        (np.exp(circle / 2) - 1) / circle,
        (-4 - circle + e * (4 - 3 * circle + circle**2)) / circle**3,
        (2 + circle + e * (circle - 2)) / circle**3,
        (-4 - 3 * circle - circle**2 + e * (4 - circle)) / circle**3,
    )
    to_half, first, middle, last = (h * formula.mean(axis=1).real for formula in formulas)
    yield v
    for _ in t[1:]:
        for _ in range(steps):
            start = nonlinear(v)
            a = half * v + to_half * start
            at_a = nonlinear(a)
            at_b = nonlinear(half * v + to_half * at_a)
            end = nonlinear(half * a + to_half * (2 * at_b - start))
            v = full * v + first * start + 2 * middle * (at_a + at_b) + last * end
        yield v


def chebyshev(modes: int) -> tuple[Array, Array]:
    """Return cos(πj/N), j = 0 … N, and the matrix of d/dx there: differences by sines, diagonal by row sums."""
    j = np.arange(modes + 1)
    nodes = np.sin(math.pi * (modes - 2 * j) / (2 * modes))
    difference = 2 * np.sin(math.pi * (j[:, None] + j) / (2 * modes)) * np.sin(math.pi * (j - j[:, None]) / (2 * modes))
    np.fill_diagonal(difference, 1.0)
    scale = (-1.0) ** j * np.where(j % modes == 0, 2, 1)
    matrix = scale[:, None] / scale / difference
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return nodes, matrix


def interpolation(nodes: Array, x: Array) -> Array:
    """Return the matrix from the Chebyshev points to x by the barycentric formula."""
    modes = len(nodes) - 1
    weights = (-1.0) ** np.arange(modes + 1) / np.where(np.arange(modes + 1) % modes == 0, 2, 1)
    away = x[:, None] - nodes
    hit = away == 0
    terms = weights / np.where(hit, 1, away)
    terms = np.where(hit.any(axis=1, keepdims=True), hit, terms)
    return np.asarray(terms / terms.sum(axis=1, keepdims=True))
