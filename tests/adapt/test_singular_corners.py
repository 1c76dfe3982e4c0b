"""Neurons that read what is singular at corners: where they are taken, and what they are worth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from test_bandwidths import RULE, begin
from torch import Tensor

import pinnml as pm
from pinnml.adapt.bandwidths import suited
from pinnml.adapt.singular import singular

WALLS = ["x=0", "x=1", "y=0", "y=1"]

pytestmark = pytest.mark.usefixtures("on_one_thread")


@pytest.fixture(autouse=True)
def unconfirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the estimate at a run's end, which takes longer than the run."""
    monkeypatch.setattr("pinnml.adapt.renewal.confirmed", lambda *given: None)


def series(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the solution of Δu = −1, u = 0 on the sides of the unit square; what is cut off is below 1e-8."""
    found = x * (1 - x) / 2
    for k in math.pi * np.arange(1, 1001, 2):
        share = (np.exp(k * (y - 1)) + np.exp(-k * y)) / (1 + math.exp(-k))
        found = found - 4 / k**3 * np.sin(k * x) * share
    return np.asarray(found)


def bump(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the residual of an equation whose source is zero in the corners."""
    return u_xx + u_yy + torch.sin(math.pi * x) * torch.sin(math.pi * y)


def square(hard: Any = (), source: Any = None) -> pm.Problem:
    equation = pm.Interior(source or (lambda u_xx, u_yy: u_xx + u_yy + 1))
    conditions = {"pde": equation, "walls": pm.Value(u=0.0, on=WALLS)}
    reference = pm.Reference({"u": series}, {"x": 21, "y": 21}, "series", 1e-8)
    return pm.Problem(pm.Box(x=(0, 1), y=(0, 1)), ["u"], conditions=conditions, hard=set(hard), reference=reference)


def test_where_values_are_held_the_source_at_the_corner_tells() -> None:
    assert singular(*begin(square({"walls"}))) == (0, 1, 2, 3)
    assert singular(*begin(square({"walls"}, bump))) == ()
    one = lambda u_xx, u_yy, x, y: u_xx + u_yy + x * y  # noqa: E731
    assert singular(*begin(square({"walls"}, one))) == (3,)


def test_where_they_are_soft_a_try_tells() -> None:
    objective, theta = begin(square())
    assert singular(objective, theta) == suited(objective, theta, RULE).singular == (0, 1, 2, 3)
    objective, theta = begin(square((), bump))
    assert singular(objective, theta) == (0, 1, 2, 3) and suited(objective, theta, RULE).singular == ()


def solved(problem: pm.Problem, seed: int = 0) -> pm.Solution:
    """Solve with 500 neurons."""
    settings: dict[str, Any] = {"stop": pm.Iterations(3), "seed": seed, "device": "cpu", "progress": False}
    return pm.solve(problem, **settings)


@pytest.mark.parametrize(("hard", "plain"), [((), 3e-5), (("walls",), 1.5e-5)])
def test_corners_do_not_stand_in_the_way_of_digits(
    hard: tuple[str, ...], plain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without neurons at the corners more than `plain` is left of the soft and the hard problem."""
    found = solved(square(hard)).error()
    assert found is not None and found.relative_l2 < plain / 5
    monkeypatch.setattr("pinnml.adapt.bandwidths.singular", lambda objective, theta: ())
    without = solved(square(hard)).error()
    assert without is not None and without.relative_l2 > plain


def test_a_reentrant_corner_does_neither() -> None:
    """Of an L with Δu = −1, ∫u is 0.2140758 (known to seven digits from adaptive finite elements)."""
    domain = pm.domains.Polygon(x=[0, 0, -1, -1, 1, 1], y=[0, -1, -1, 1, 1, 0])
    conditions = {"pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy + 1), "walls": pm.Value(u=0.0, on=domain.parts)}
    problem = pm.Problem(domain, ["u"], conditions=conditions)
    solution = solved(problem)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = 0.0
    for x0, y0 in ((-1, -1), (-1, 0), (0, 0)):
        x, y = np.meshgrid(x0 + (nodes + 1) / 2, y0 + (nodes + 1) / 2, indexing="ij")
        total += float((np.outer(weights, weights) / 4 * solution("u", x=x.ravel(), y=y.ravel()).reshape(60, 60)).sum())
    assert total == pytest.approx(0.2140758, abs=2e-5)
