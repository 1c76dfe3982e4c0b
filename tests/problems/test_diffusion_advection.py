"""The reference of diffusion–advection: by refinement, and against a solver that shares nothing with it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from pinnml.problems.diffusion_advection import DIFFUSION, exit_time, survival
from scipy.linalg import solve_sylvester

from pinnml import problems

Array = np.ndarray


def relative(found: Array, true: Array) -> float:
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


def square(axis: Array) -> tuple[Array, Array]:
    mesh = np.meshgrid(axis, axis, indexing="ij")
    return mesh[0].ravel(), mesh[1].ravel()


def chebyshev(count: int) -> tuple[Array, Array]:
    """Return count + 1 Chebyshev points of (0, 1) and the matrix of d/dx there, from its barycentric weights."""
    nodes = np.sin(np.pi * np.arange(count + 1) / (2 * count)) ** 2
    weights = (-1.0) ** np.arange(count + 1)
    weights[[0, -1]] /= 2
    gaps = nodes[:, None] - nodes + np.eye(count + 1)
    first = weights / weights[:, None] / gaps
    np.fill_diagonal(first, 0.0)
    np.fill_diagonal(first, -first.sum(axis=1))
    return nodes, first


@cache
def by_collocation(count: int) -> tuple[Array, Array, Array]:
    """Return points and u by Chebyshev collocation: AU + UAᵀ = 1 with A = −μ d²/dx² + d/dx between the walls."""
    nodes, first = chebyshev(count)
    inner = (-DIFFUSION * first @ first + first)[1:-1, 1:-1]
    u = np.zeros((count + 1, count + 1))
    u[1:-1, 1:-1] = solve_sylvester(inner, inner.T, np.ones_like(inner))
    return *square(nodes), u.ravel()


def stated() -> float:
    reference = problems.get("diffusion-advection").reference
    assert reference is not None
    return reference.accuracy


def test_more_times_change_nothing_and_fewer_do() -> None:
    x, y = square(np.linspace(0, 1, 101))
    fine = exit_time(x, y, 1 / 200)
    assert relative(exit_time(x, y), fine) < stated()
    assert relative(exit_time(x, y, 1 / 8), fine) > 1e-6


def test_chebyshev_collocation_converges_to_it() -> None:
    """Algebraically, about N^-5, since u has corner singularities: from 1.3e-8 to 3.9e-10 with N doubled."""
    errors = []
    for count in (64, 128):
        x, y, u = by_collocation(count)
        errors.append(relative(u, exit_time(x, y)))
    assert errors[1] < 1e-9
    assert 20 < errors[0] / errors[1] < 60


def test_values_on_the_walls_and_symmetry() -> None:
    side, rng = np.linspace(0, 1, 41), np.random.default_rng(0)
    for wall in (0.0, 1.0):
        assert np.abs(exit_time(np.full(41, wall), side)).max() < 1e-15
    x, y = rng.uniform(0, 1, (2, 50))
    assert np.abs(exit_time(x, y) - exit_time(y, x)).max() < 1e-15


def eigenmodes(t: float, x: Array) -> Array:
    """Return S(t, x) by separation of variables, which cancels badly unless t is large."""
    rate, k = 1 / (2 * DIFFUSION), np.arange(1, 40)[:, None] * np.pi
    start = 2 * k * (1 - np.cos(k) * np.exp(-rate)) / (rate**2 + k**2)
    decay = rate * x - (rate / 2 + DIFFUSION * k**2) * t
    return (start * np.sin(k * x) * np.exp(decay)).sum(axis=0)


def test_survival_starts_at_one_and_decays_by_its_eigenmodes() -> None:
    x = np.array([0.02, 0.3, 0.5, 0.97])
    assert np.abs(survival(np.array([1e-9, 1e-8]), x) - 1).max() < 1e-15
    assert np.abs(survival(np.array([1.0]), x)[:, 0] - eigenmodes(1.0, x))[:3].max() < 1e-11
    assert survival(np.array([4.0]), x).max() < 1e-25  # nothing is lost where the integral ends


def test_many_points_are_handled_in_chunks_without_a_seam() -> None:
    x, y = np.random.default_rng(1).uniform(0, 1, (2, 5000))
    alone = np.concatenate([exit_time(x[i : i + 777], y[i : i + 777]) for i in range(0, 5000, 777)])
    assert exit_time(x, y) == pytest.approx(alone, rel=0, abs=2e-15)


def test_the_collocation_of_this_test_differentiates() -> None:
    nodes, first = chebyshev(24)
    assert np.abs(first @ np.sin(3 * nodes) - 3 * np.cos(3 * nodes)).max() < 1e-11
