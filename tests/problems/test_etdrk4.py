"""Exponential time differencing: coefficients and order on an equation with a known solution."""

from __future__ import annotations

import math

import numpy as np
from pinnml.problems.etdrk4 import coefficients, march

Array = np.ndarray


def phi(order: int, z: Array) -> Array:
    """Return φ_k(z) = Σ_j z^j / (j + k)!, whose series is exact to rounding for −3 ≤ z ≤ 0."""
    return sum((z**j / math.factorial(j + order) for j in range(40)), np.zeros_like(z))


def test_coefficients_are_the_phi_functions() -> None:
    step = 0.25
    z = np.array([0.0, -1e-9, -1e-4, -0.3, -0.999, -1.0, -1.5, -3.0])
    found = coefficients(z / step, step)
    one, two, three = (phi(order, z) for order in (1, 2, 3))
    expected = {
        "E": np.exp(z),
        "E2": np.exp(z / 2),
        "Q": step * phi(1, z / 2) / 2,
        "f1": step * (one - 3 * two + 4 * three),
        "f2": step * (two - 2 * three),
        "f3": step * (4 * three - two),
    }
    for name, value in expected.items():
        assert np.abs(getattr(found, name) - value).max() < 3e-15, name


def test_stiff_modes_leave_finite_coefficients() -> None:
    found = coefficients(np.array([-1e12]), 1.0)
    assert found.E[0] == 0
    assert np.isclose(found.Q[0], 1e-12, rtol=1e-9)


def test_linear_equation_is_solved_exactly() -> None:
    linear = np.array([-1e6, -3.0, 0.0])
    times = np.array([0.0, 0.1, 0.7])
    states = march(linear, np.zeros_like, np.ones(3), times, step=0.5)
    assert np.abs(states - np.exp(linear * times[:, None])).max() < 1e-14


def bernoulli(t: float) -> float:
    """Return the solution of v′ = −v + 5(v − v³), v(0) = 1/2."""
    growth = math.exp(8 * t)
    return math.sqrt(4 * growth / (5 * growth + 11))


def test_order_is_four() -> None:
    times = np.array([0.0, 0.5])
    errors = []
    for step in (0.05, 0.025, 0.0125):
        v = march(np.array([-1.0]), lambda v: 5 * (v - v**3), np.array([0.5]), times, step)[-1, 0]
        errors.append(abs(v - bernoulli(0.5)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all((orders > 3.7) & (orders < 4.5)), orders


def test_steps_are_never_longer_than_asked() -> None:
    calls = []

    def nonlinear(v: Array) -> Array:
        calls.append(v)
        return 0 * v

    march(np.array([-1.0]), nonlinear, np.ones(1), np.array([0.0, 0.1, 0.125]), step=0.03)
    assert len(calls) == 4 * (4 + 1)
