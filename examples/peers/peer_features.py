"""Random features: u = Σ c_k tanh(a_k · (x − x_k)) with a_k and x_k drawn and kept, c by least squares on points.

Equation and conditions are rows of one overdetermined system, the conditions heavier; a nonlinear equation is
linearised at the last solution (Newton). The number of features doubles until the time is over; whether steeper
features are better is judged by the residual at fresh points. NumPy and SciPy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from equations import Equation
from job import AbstractPeer, Clock, Job, Trace, Trained
from scipy.linalg import qr, solve_triangular

Array = np.ndarray
FIRST, POINTS_PER_FEATURE, FRESH = 100, 4, 2000
STEEPNESS: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
"""What is tried with the first features; with more of them, the best so far and twice that."""
WEIGHT = 100.0
"""What a condition's rows weigh beside the equation's."""
FLOOR, NEWTON, COST = 1e-14, 12, 5
"""The floor below small singular values, the most Newton steps, and what twice the features take beside the last."""


@dataclass(frozen=True)
class Basis:
    """Slopes (m, 2) and centres (m, 2) in coordinates scaled to (−1, 1), whose half-widths are `scale`."""

    slopes: Array
    centres: Array
    scale: Array
    middle: Array

    @classmethod
    def drawn(cls, equation: Equation, count: int, steepness: float, generator: np.random.Generator) -> Basis:
        """Draw features: normal slopes, and centres from the whole domain."""
        lower, upper = np.array(equation.lower), np.array(equation.upper)
        slopes = steepness * generator.standard_normal((count, 2))
        return cls(slopes, generator.uniform(-1, 1, (count, 2)), (upper - lower) / 2, (upper + lower) / 2)

    def jets(self, points: Array) -> list[Array]:
        """Return φ, φ_a, φ_b, φ_aa, φ_bb at points (n, 2), shape (n, m) each."""
        value = np.tanh((points - self.middle) / self.scale @ self.slopes.T - (self.slopes * self.centres).sum(axis=1))
        first = 1 - value**2
        second = -2 * value * first
        slopes = self.slopes / self.scale
        return [value, *(first * slopes[:, k] for k in (0, 1)), *(second * slopes[:, k] ** 2 for k in (0, 1))]


@dataclass(frozen=True)
class Expansion:
    """u = Σ c_k φ_k; without a basis u = 0."""

    basis: Basis | None
    coefficients: Array

    def jets(self, points: Array) -> list[Array]:
        """Return u, u_a, u_b, u_aa, u_bb at points (n, 2), shape (n,) each."""
        if self.basis is None:
            return [np.zeros(len(points))] * 5
        parts = [self.basis.jets(part) for part in np.array_split(points, 1 + len(points) // 5000)]
        return [np.concatenate([part[k] @ self.coefficients for part in parts]) for k in range(5)]


class Peer(AbstractPeer):
    """Random features of growing number."""

    versions = f"numpy {np.__version__}, scipy {scipy.__version__}"

    def __init__(self, job: Job, method: str = "") -> None:
        super().__init__(job, method)
        self.unknowns = 0
        self._generator = np.random.default_rng(job.seed)

    def train(self, seconds: float) -> Trained:
        """Double the features while there is time, at the last steepness and at twice that."""
        clock, trace, count, began = Clock(), Trace(), FIRST, 0.0
        candidates = STEEPNESS
        best, least, steepness = Expansion(None, np.zeros(0)), math.inf, STEEPNESS[0]
        while True:
            for candidate in candidates:
                found = self._solved(best, count, candidate)
                if (loss := self._loss(found)) < least:
                    best, least, steepness, self.unknowns = found, loss, candidate, count
                trace.note(clock.seconds, lambda kept=best: kept, last=True)  # type: ignore[misc]
            taken, began, count = clock.seconds - began, clock.seconds, 2 * count
            candidates = (steepness, 2 * steepness)
            if clock.seconds + COST * taken > seconds:
                return Trained(least, math.nan, clock.seconds, trace)

    def _solved(self, start: Expansion, count: int, steepness: float) -> Expansion:
        """Return the expansion that Newton's method reaches while its steps shrink."""
        equation, generator = self.job.equation, self._generator
        basis = Basis.drawn(equation, count, steepness, generator)
        points, sides = inner_points(equation, POINTS_PER_FEATURE * count, generator), side_points(equation, count)
        given, side_rows = equation.given(np, *sides.T), basis.jets(sides)[0]
        jets, heavy = basis.jets(points), WEIGHT * math.sqrt(len(points) / len(sides))
        found, before = start, math.inf
        for _ in range(NEWTON):
            present = found.jets(points)
            residual, parts = equation.linearised(points[:, 0], points[:, 1], present)
            rows = sum(part[:, None] * jet for part, jet in zip(parts, jets, strict=True) if part.any())
            target = sum(part * jet for part, jet in zip(parts, present, strict=True)) - residual
            matrix = np.concatenate([np.asarray(rows), heavy * side_rows])
            following = Expansion(basis, least_squares(matrix, np.concatenate([target, heavy * given])))
            size = max(float(np.linalg.norm(present[0])), 1e-12)
            step = float(np.linalg.norm(following.jets(points)[0] - present[0])) / size
            if step > before:
                break
            found, before = following, 0.5 * step
            if step < 1e-12 or equation.linear:
                break
        return found

    def _loss(self, found: Expansion) -> float:
        """Return ½ mean r² at fresh points, with the conditions."""
        equation = self.job.equation
        points = inner_points(equation, FRESH, np.random.default_rng(self.job.seed + 1))
        residual, sides = equation.residual(np, *points.T, *found.jets(points)), side_points(equation, 601)
        gap = found.jets(sides)[0] - equation.given(np, *sides.T)
        return float(0.5 * np.mean(residual**2) + 0.5 * WEIGHT**2 * np.mean(gap**2))

    def predict(self, state: Expansion) -> Array:
        """Return u on the grid, (m,)."""
        return state.jets(self.job.grid)[0]


def least_squares(matrix: Array, right: Array) -> Array:
    """Return c with the least |Ac − b|² + FLOOR² |c|², columns scaled to norm one, by one QR of A with b beside it."""
    count, norms = matrix.shape[1], np.linalg.norm(matrix, axis=0)
    above = np.column_stack([matrix / norms, right])
    factor = qr(np.concatenate([above, FLOOR * np.eye(count, count + 1)]), mode="r", overwrite_a=True)[0]
    return np.asarray(solve_triangular(factor[:count, :count], factor[:count, count]) / norms)


def inner_points(equation: Equation, count: int, generator: np.random.Generator) -> Array:
    """Draw points of the domain, (n, 2)."""
    return generator.uniform(equation.lower, equation.upper, (count, 2))


def side_points(equation: Equation, count: int) -> Array:
    """Return Chebyshev-spaced points on the sides where u is given, (n, 2)."""
    (a, b), (c, d) = equation.lower, equation.upper
    share = (1 - np.cos(np.linspace(0, math.pi, max(3, count // 3)))) / 2
    first, second = a + (c - a) * share, b + (d - b) * share
    sides = [(a + 0 * second, second), (first, b + 0 * first), (first, d + 0 * first)]
    if not equation.evolution:
        sides.append((c + 0 * second, second))
    return np.concatenate([np.stack(side, axis=1) for side in sides])
