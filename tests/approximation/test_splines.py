"""Splines on a box, their least squares, and cells where they are needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from perturbed import Formula, bound, column
from scipy.sparse import csr_array

import pinnml as pm
from pinnml.approximation.graded import graded
from pinnml.approximation.normal import NormalEquations
from pinnml.approximation.splines import SplineField, SplineSpace

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
    right, system = generator.normal(size=3 * count), NormalEquations(csr_array(dense))
    assert system.solve(right) == pytest.approx(np.linalg.lstsq(dense, right, rcond=None)[0], rel=1e-9)
    normal = dense.T @ dense
    scale = 1 / np.sqrt(np.diag(normal))
    assert system.smallest() == pytest.approx(np.linalg.eigvalsh(scale[:, None] * normal * scale)[0], rel=0.1)
    assert system._factor.shape[0] <= 4


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
