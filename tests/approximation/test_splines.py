"""Splines on a box, their least squares, and cells where they are needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from perturbed import Formula, bound, column, soft_heat
from scipy.sparse import csr_array

import pinnml as pm
from pinnml.approximation.graded import graded
from pinnml.approximation.normal import HEAVIER, Bordered, NormalEquations
from pinnml.approximation.splines import SplineField, SplineSpace
from pinnml.approximation.trial_functions import DisplacedField, Displacements, FieldSplines, error_values
from pinnml.problem import FieldDerivative

EDGES = np.array([0.0, 0.1, 0.5, 0.6, 1.0]), np.array([-1.0, 0.0, 3.0])


def test_nodes_integrate_the_mean_of_polynomials() -> None:
    (x, by_x), (y, by_y) = SplineSpace(EDGES, 3).nodes(2)
    assert len(x) == 8 and by_x.sum() == pytest.approx(1) and by_x @ x**3 == pytest.approx(0.25)
    assert by_y @ y**3 == pytest.approx((3**4 - 1) / 4 / 4)


def test_cubic_splines_hold_cubic_polynomials_with_their_derivatives() -> None:
    space = SplineSpace(EDGES, 3)
    assert space.counts == (7, 5) and space.size == 35
    points = np.random.default_rng(0).uniform([0, -1], [1, 3], (200, 2))
    full = np.zeros((200, 35))
    np.put_along_axis(full, space.columns(points), space.derivatives(points, (0, 0)), 1)
    c = np.linalg.lstsq(full, points[:, 0] ** 3 * points[:, 1] ** 2 - points[:, 1] ** 3, rcond=None)[0]
    ends = np.array([[0.0, -1.0], [1.0, 3.0], [0.5, 0.0]])
    for index, value in {
        (0, 0): ends[:, 0] ** 3 * ends[:, 1] ** 2 - ends[:, 1] ** 3,
        (1, 0): 3 * ends[:, 0] ** 2 * ends[:, 1] ** 2,
        (2, 1): 12 * ends[:, 0] * ends[:, 1],
        (0, 2): 2 * ends[:, 0] ** 3 - 6 * ends[:, 1],
    }.items():
        assert (space.derivatives(ends, index) * c[space.columns(ends)]).sum(1) == pytest.approx(value, abs=1e-8)
    field = SplineField(tuple(map(torch.from_numpy, EDGES)), 3, torch.from_numpy(np.stack([c, 2 * c])))
    values = ends[:, 0] ** 3 * ends[:, 1] ** 2 - ends[:, 1] ** 3
    assert field(torch.from_numpy(ends)).numpy() == pytest.approx(np.stack([values, 2 * values]), abs=1e-8)


def test_normal_equations_are_solved_where_the_ends_are_tied() -> None:
    """A ring, whose own order has the whole width."""
    generator, count = np.random.default_rng(1), 40
    dense = np.zeros((3 * count, count))
    for row in range(3 * count):
        dense[row, [row % count, (row + 1) % count]] = generator.normal(size=2) * 10.0 ** (row % 5)
    right, system = generator.normal(size=3 * count), NormalEquations(csr_array(dense), csr_array((0, 3 * count)))
    assert system.solve(right) == pytest.approx(np.linalg.lstsq(dense, right, rcond=None)[0], rel=1e-9)
    normal = dense.T @ dense
    scale = 1 / np.sqrt(np.diag(normal))
    assert system.smallest() == pytest.approx(np.linalg.eigvalsh(scale[:, None] * normal * scale)[0], rel=0.1)
    assert system._factor.shape[0] <= 4


def tall(columns: int) -> np.ndarray:
    return np.random.default_rng(columns).normal(size=(200, columns))


def test_sums_of_rows_are_met_and_more_columns_beside_them() -> None:
    """As dense least squares do, whatever the columns have in common with the matrix."""
    dense, right, sums = tall(30), tall(1)[:, 0], np.kron(np.eye(4), np.full((1, 50), 50**-0.5))
    system = NormalEquations(csr_array(dense), csr_array(sums))

    def least(columns: np.ndarray) -> np.ndarray:
        rows = np.concatenate([columns, HEAVIER * sums @ columns])
        return np.asarray(np.linalg.lstsq(rows, np.concatenate([right, HEAVIER * sums @ right]), rcond=None)[0])

    assert system.solve(right) == pytest.approx(least(dense), rel=1e-6)
    assert np.abs(sums @ (right - dense @ system.solve(right))).max() < 1e-4
    alone = np.linalg.lstsq(dense, right, rcond=None)[0]
    assert system.plain(right) == pytest.approx(right - dense @ alone, abs=1e-9)
    beside = np.concatenate([tall(5), 1e3 * dense[:, :2]], 1)  # the last two are the matrix's own
    found = Bordered(system, beside.copy()).solve(right)
    assert dense @ found[:30] + beside @ found[30:] == pytest.approx(
        np.concatenate([dense, tall(5)], 1) @ least(np.concatenate([dense, tall(5)], 1)), abs=1e-4
    )


def test_displacements_are_products_with_slopes() -> None:
    """∂^α(ξ ∂_x u) for ξ = t x² and u = sin(x) e^t, against formulae."""
    problem, x = soft_heat(), np.random.default_rng(3).uniform(0.1, 0.9, size=(20, 2))
    network, theta = bound(
        problem, Formula(lambda x: column(x[:, 1].sin() * x[:, 0].exp()), lambda x: 0 * x[:, :1], 0.0)
    )
    edges = tuple(
        np.linspace(low, high, 4) for low, high in zip(problem.domain.lower, problem.domain.upper, strict=True)
    )
    space = SplineSpace(edges, 3)
    nodes = np.random.default_rng(4).uniform(size=(400, 2)) * problem.domain.upper
    matrix = np.zeros((400, space.size))
    np.put_along_axis(matrix, space.columns(nodes), space.derivatives(nodes, (0, 0)), 1)
    xi = np.linalg.lstsq(matrix, nodes[:, 0] * nodes[:, 1] ** 2, rcond=None)[0]
    moved = Displacements(space, 1, problem, network, theta)
    t, y = x.T
    expected = {
        (0, 0): t * y**2 * np.cos(y) * np.exp(t),
        (1, 0): (1 + t) * y**2 * np.cos(y) * np.exp(t),
        (0, 2): t * np.exp(t) * (2 * np.cos(y) - 4 * y * np.sin(y) - y**2 * np.cos(y)),
    }
    symbols = [FieldDerivative(0, index) for index in expected]
    assert moved.combined(xi, x, symbols) == pytest.approx(np.stack(list(expected.values())), abs=1e-9)
    field = DisplacedField(FieldSplines(space, 1).field(0 * xi), moved.field(xi), 1)
    points = torch.from_numpy(x)
    assert error_values(problem, network, theta, field, points).numpy()[0] == pytest.approx(expected[0, 0], abs=1e-9)


def step() -> tuple[pm.Problem, Formula]:
    problem = pm.Problem(
        domain=pm.Box(t=(0, 2), x=(-1, 1)), fields=["u"], conditions={"pde": pm.Interior(lambda u_t: u_t)}
    )
    return problem, Formula(lambda x: column(torch.tanh(100 * (x[:, 1] - 0.3)) + x[:, 0]), lambda x: x[:, :1], 0.0)


def test_a_front_gets_cells_and_its_axis_more_of_them() -> None:
    problem, module = step()
    t, x = graded(problem, *bound(problem, module)).edges(800)
    assert (t[0], t[-1], x[0], x[-1]) == (0, 2, -1, 1) and (np.diff(t) > 0).all() and (np.diff(x) > 0).all()
    assert 500 < (len(t) - 1) * (len(x) - 1) <= 850 and len(x) > 5 * len(t)
    near = (np.abs(x - 0.3) < 0.03).sum()
    assert near > len(x) / 4


def test_a_field_that_is_constant_gets_equal_cells() -> None:
    problem, _ = step()
    flat = Formula(lambda x: column(0 * x[:, 0] + 3), lambda x: x[:, :1], 0.0)
    t, x = graded(problem, *bound(problem, flat)).edges(800)
    assert np.allclose(np.diff(t), t[1] - t[0]) and np.allclose(np.diff(x), x[1] - x[0])
