"""What the exact solutions of bundled problems are known for."""

from __future__ import annotations

import numpy as np
import pytest
from pinnml.problems.eikonal import eikonal
from pinnml.problems.elasticity import kirsch
from pinnml.problems.vortices import beltrami
from problem_conformance import derivative

from pinnml.problem import FieldDerivative, Problem


def slopes(problem: Problem, names: list[str], points: np.ndarray) -> list[np.ndarray]:
    found = []
    for name in names:
        symbol = problem.vocabulary.symbol(name, "here")
        assert isinstance(symbol, FieldDerivative)
        found.append(derivative(problem, symbol, points))
    return found


def test_the_stress_at_the_hole_is_three_times_the_pull() -> None:
    """Above the hole; beside it there is pressure of the pull's size, and far away the pull alone (Kirsch 1898)."""
    exact, nu, h = kirsch(np, 0.3), 0.3, 1e-5
    stresses = []
    for x, y in ((0.0, 1.0), (1.0, 0.0), (3e3, 4e3)):
        at = [np.array([x + dx, y + dy]) for dx, dy in ((h, 0), (-h, 0), (0, h), (0, -h))]
        u, v = ([float(exact[name](*point)) for point in at] for name in ("u", "v"))
        u_x, v_y = (u[0] - u[1]) / (2 * h), (v[2] - v[3]) / (2 * h)
        stresses.append([(u_x + nu * v_y) / (1 - nu**2), (v_y + nu * u_x) / (1 - nu**2)])
    assert np.array(stresses) == pytest.approx(np.array([[3, 0], [0, -1], [1, 0]]), abs=1e-4)


def test_vorticity_lies_along_the_velocity() -> None:
    """A Beltrami flow: u × curl u = 0."""
    problem = beltrami()
    low, high = np.array(problem.domain.lower), np.array(problem.domain.upper)
    points = low + np.random.default_rng(0).uniform(0.1, 0.9, (20, 4)) * (high - low)
    u, v, w = slopes(problem, ["u", "v", "w"], points)
    w_y, v_z, u_z, w_x, v_x, u_y = slopes(problem, ["w_y", "v_z", "u_z", "w_x", "v_x", "u_y"], points)
    found = np.cross(np.stack([u, v, w], 1), np.stack([w_y - v_z, u_z - w_x, v_x - u_y], 1))
    assert np.abs(found).max() < 1e-7


def test_without_viscosity_the_eikonal_is_a_distance() -> None:
    reference = eikonal(1e-4).reference
    assert reference is not None
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 50))
    assert reference({"x": x, "y": y})["u"] == pytest.approx(-np.maximum(x, y), abs=1e-4)
