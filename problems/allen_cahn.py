"""The Allen–Cahn equation u_t = D u_xx + 5(u − u³) in three settings; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Periodic, Problem, Reference, Value

from .piecewise import Tabulated, tabulate
from .reaction_diffusion import clamped, periodic

Array = np.ndarray

CLAMPED_DIFFUSION = 1e-3
PERIODIC_DIFFUSION = 1e-4


def reaction_diffusion(u: Tensor, u_t: Tensor, u_xx: Tensor, D: float) -> Tensor:
    """Return u_t − D u_xx − 5(u − u³)."""
    return u_t - D * u_xx - 5 * (u - u**3)


def allen_cahn() -> Problem:
    """Return u_t = 0.001 u_xx + 5(u − u³) on t ∈ (0, 1), x ∈ (−1, 1), u(0, x) = x² cos πx, u(t, ±1) = −1."""

    def start(x: Tensor) -> Tensor:
        return x**2 * torch.cos(math.pi * x)

    return Problem(
        domain=Box(t=(0, 1), x=(-1, 1)),
        fields=["u"],
        parameters={"D": CLAMPED_DIFFUSION},
        conditions={
            "pde": Interior(reaction_diffusion),
            "start": Value(u=start, on="t=0"),
            "walls": Value(u=-1.0, on=["x=-1", "x=1"]),
        },
        hard={"start", "walls"},
        reference=Reference(
            {"u": clamped_reference()},
            {"t": 101, "x": 401},
            "Chebyshev collocation with 640 intervals, ETDRK4 (Cox, Matthews 2002; Kassam, Trefethen 2005)",
            5e-12,
        ),
        name="allen-cahn",
        description="u_t = 0.001 u_xx + 5(u - u³), u(0,x) = x² cos(πx), u(t,±1) = -1",
    )


def allen_cahn_periodic(*, kinked: bool = False) -> Problem:
    """Return u_t = 1e-4 u_xx + 5(u − u³) on t ∈ (0, 1) with u of period 2 in x ∈ (−1, 1).

    u(0, x) = x² (cos 3πx + 1), whose periodic extension has continuous derivatives up to the second (value
    and slope are 0 at x = ±1, u_xx is 9π²) while the third jumps by 108π²: smooth enough for the equation to
    hold up to t = 0. With `kinked` the usual u(0, x) = x² cos πx, continuous with a slope that jumps by 4 at
    x = ±1: the equation and the equality of slopes then hold for t > 0 only.
    The start is hard through u = u(0, x) + t N, periodicity (u and u_x) is a penalty.
    """
    harmonic, shift = (1, 0.0) if kinked else (3, 1.0)

    def start(x: Tensor) -> Tensor:
        return x**2 * (torch.cos(harmonic * math.pi * x) + shift)

    formula = "x² cos(πx)" if kinked else "x² cos(3πx) + x²"
    return Problem(
        domain=Box(t=(0, 1), x=(-1, 1)),
        fields=["u"],
        parameters={"D": PERIODIC_DIFFUSION},
        conditions={
            "pde": Interior(reaction_diffusion),
            "start": Value(u=start, on="t=0"),
            "ring": Periodic(u=1, along="x"),
        },
        hard={"start"},
        reference=Reference(
            {"u": periodic_reference(kinked=kinked)},
            {"t": 101, "x": 401},
            "8192 Fourier modes, ETDRK4 (Cox, Matthews 2002; Kassam, Trefethen 2005)",
            2e-12,
        ),
        name="allen-cahn-kinked" if kinked else "allen-cahn-periodic",
        description=f"u_t = 0.0001 u_xx + 5(u - u³), u(0,x) = {formula}, periodic in x",
    )


def allen_cahn_kinked() -> Problem:
    """Return `allen_cahn_periodic(kinked=True)`."""
    return allen_cahn_periodic(kinked=True)


class EvenSolution:
    """u(t, x) from a table on x ∈ [0, 1] and the exact data at t = 0."""

    def __init__(self, table: Tabulated, harmonic: int, shift: float) -> None:
        self.table = table
        self.harmonic = harmonic
        self.shift = shift

    def __call__(self, t: Array, x: Array) -> Array:
        """Evaluate at points t, x of shape (n,)."""
        start = x**2 * (np.cos(self.harmonic * np.pi * x) + self.shift)
        return np.where(t == 0, start, self.table(t, np.abs(x)))


def clamped_reference(modes: int = 640, step: float = 5e-4) -> EvenSolution:
    """Return the solution of `allen_cahn` by `modes` Chebyshev intervals and time steps of at most `step`."""

    def compute() -> dict[str, Array]:
        def solve(times: Array, x: Array) -> Array:
            return clamped(times, x, diffusion=CLAMPED_DIFFUSION, modes=modes, step=step)

        return tabulate(solve, _time_edges(), _space_edges(40), 12, 16)

    return EvenSolution(Tabulated(f"allen-cahn-{modes}-{step:g}", compute), 1, 0.0)


def periodic_reference(*, kinked: bool, modes: int = 8192, step: float = 5e-4) -> EvenSolution:
    """Return the solution of `allen_cahn_periodic` by `modes` Fourier modes and time steps of at most `step`.

    With `kinked` and 0 < t < 0.001 the truncated series is off by up to 1e-4 close to x = ±1, where the modes
    left out have not decayed yet; later values do not feel them.
    """
    harmonic, shift = (1, 0.0) if kinked else (3, 1.0)

    def compute() -> dict[str, Array]:
        def solve(times: Array, x: Array) -> Array:
            return periodic(
                times, x, diffusion=PERIODIC_DIFFUSION, harmonic=harmonic, shift=shift, modes=modes, step=step
            )

        return tabulate(solve, _time_edges(), _space_edges(128), 12, 16)

    name = "allen-cahn-kinked" if kinked else "allen-cahn-periodic"
    return EvenSolution(Tabulated(f"{name}-{modes}-{step:g}", compute), harmonic, shift)


def _time_edges() -> Array:
    """Return edges on [0, 1], 1/16 apart, the first interval halved towards t = 0 down to 2⁻¹⁴."""
    graded = 2.0 ** -np.arange(14, 4, -1.0)
    return np.concatenate([[0.0], graded, np.arange(1, 17) / 16])


def _space_edges(intervals: int) -> Array:
    """Return edges on [0, 1], equally spaced, the last interval halved towards x = 1 down to about 2⁻¹²."""
    even = np.arange(intervals) / intervals
    graded = 1 - 2.0 ** -np.arange(1, round(12 - math.log2(intervals)) + 1) / intervals
    return np.concatenate([even, graded, [1.0]])
