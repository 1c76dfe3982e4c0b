"""The flow under a lid beside published values, and its accuracy by refinement."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from pinnml.problems.cavity import solved, stream_function

from pinnml import problems

Array = np.ndarray

GRID = np.linspace(0, 1, 65)

Y = np.array([0.0625, 0.1016, 0.1719, 0.2813, 0.4531, 0.5, 0.6172, 0.7344, 0.8516, 0.9531])
U = np.array([-0.04192, -0.06434, -0.10150, -0.15662, -0.21090, -0.20581, -0.13641, 0.00332, 0.23151, 0.68717])
"""u at x = ½, Re = 100 (Ghia, Ghia, Shin 1982, table I)."""

X = np.array([0.0625, 0.0938, 0.1563, 0.2266, 0.2344, 0.5, 0.8047, 0.8594, 0.9063, 0.9453])
V = np.array([0.09233, 0.12317, 0.16077, 0.17507, 0.17527, 0.05454, -0.24533, -0.22445, -0.16914, -0.10313])
"""v at y = ½, Re = 100 (the same, table II)."""


@cache
def psi(count: int) -> Array:
    return stream_function(GRID, GRID, count)


@cache
def middle_lines(count: int) -> tuple[Array, Array, Array]:
    """Points of a line, u along x = ½ and v along y = ½."""
    flow, w, p = solved(count)
    line, half = np.linspace(0, 1, 401), np.array([0.5])
    u, v = flow.values(w, p, half, line, 1.0)[0][0], flow.values(w, p, line, half, 1.0)[1][:, 0]
    return line, u, v


@pytest.mark.slow
def test_a_finer_grid_changes_the_stream_function_by_less_than_its_accuracy() -> None:
    reference = problems.get("lid-driven-cavity").reference
    assert reference is not None
    changes = [np.linalg.norm(psi(count) - psi(80)) / np.linalg.norm(psi(80)) for count in (32, 64)]
    assert changes[1] < reference.accuracy / 2 < changes[0]


@pytest.mark.slow
def test_velocities_are_those_of_ghia() -> None:
    """To a hundredth, as far as their 129² points go."""
    line, u, v = middle_lines(64)
    assert np.abs(np.interp(Y, line, u) - U).max() < 0.01
    assert np.abs(np.interp(X, line, v) - V).max() < 0.012


@pytest.mark.slow
def test_extremes_are_those_of_a_spectral_method() -> None:
    """Botella, Peyret, Comput. Fluids 27, 1998, table 7: −0.2140424, 0.1795728 and −0.2538030."""
    _, u, v = middle_lines(64)
    assert [u.min(), v.max(), v.min()] == pytest.approx([-0.2140424, 0.1795728, -0.2538030], rel=1e-2)


def test_the_vortex_is_as_strong_as_ghia_says() -> None:
    assert psi(32).min() == pytest.approx(-0.103423, rel=6e-3)


def test_the_conditions_are_enough_and_agree() -> None:
    assert problems.get("lid-driven-cavity").check() == []
