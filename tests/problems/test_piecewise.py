"""Piecewise Chebyshev tables: exact on polynomials, convergent, and computed once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pinnml.problems.piecewise import CHUNK, PiecewisePolynomial, Tabulated, nodes, tabulate

Array = np.ndarray

T_EDGES = np.array([0.0, 0.1, 1.0])
X_EDGES = np.array([-1.0, -0.2, 0.7, 1.0])


def table(function: Callable[[Array, Array], Array], p: int, q: int) -> PiecewisePolynomial:
    return PiecewisePolynomial(**tabulate(lambda t, x: function(t[:, None], x), T_EDGES, X_EDGES, p, q))


def sample(count: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, count), rng.uniform(-1, 1, count)


def test_polynomials_are_reproduced_at_any_point_edge_and_node() -> None:
    found = table(lambda t, x: t**2 * x**3 - x + 1, 3, 4)
    t, x = sample(CHUNK + 5)
    t[:3], x[:3] = [0.0, 0.1, 1.0], [-1.0, 0.7, 1.0]
    x[3:15] = nodes(X_EDGES, 4).ravel()
    assert np.abs(found(t, x) - (t**2 * x**3 - x + 1)).max() < 1e-14


def test_polynomials_of_higher_degree_are_not() -> None:
    found = table(lambda t, x: t**2 * x**4, 3, 4)
    t, x = sample(100)
    assert np.abs(found(t, x) - t**2 * x**4).max() > 1e-4


def test_error_falls_geometrically_with_the_nodes() -> None:
    t, x = sample(500)
    errors = [np.abs(table(lambda t, x: np.exp(t - 3 * x), n, n)(t, x) - np.exp(t - 3 * x)).max() for n in (4, 7, 10)]
    assert errors[0] < 1
    assert errors[1] < errors[0] / 100
    assert errors[2] < errors[1] / 100


def test_edges_are_nodes_exactly() -> None:
    edges = np.array([0.0, 0.1, 0.3, 1.0])
    points = nodes(edges, 7)
    assert np.array_equal(points[:, 0], edges[:-1])
    assert np.array_equal(points[:, -1], edges[1:])
    assert np.all(np.diff(points, axis=1) > 0)


def test_table_is_computed_at_the_first_call_and_then_read() -> None:
    calls = []

    def compute() -> dict[str, Array]:
        calls.append(1)
        return tabulate(lambda t, x: t[:, None] + x, T_EDGES, X_EDGES, 2, 2)

    first, second = Tabulated("test-sum", compute), Tabulated("test-sum", compute)
    assert calls == []
    t, x = sample(10)
    assert np.abs(first(t, x) - (t + x)).max() < 1e-15
    assert np.array_equal(first(t, x), second(t, x))
    assert len(calls) == 1
