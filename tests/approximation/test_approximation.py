"""u_θ without a run: the same function, residuals and errors as a solution's, for any θ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_problems import TINY, heat, tiny

import pinnml as pm
from pinnml.approximation import Approximation, DisplacedField


def bound(problem: pm.Problem) -> Approximation:
    domain = problem.domain
    network = TINY.bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(torch.Generator().manual_seed(1), torch.float64, torch.device("cpu"))
    return Approximation(problem, network, theta)


def test_it_is_what_a_solution_is() -> None:
    solution = tiny(heat(), 3)
    alone = Approximation(solution.problem, solution.network, solution.theta, solution.estimate)
    t, x = np.random.default_rng(0).random((2, 20))
    assert np.array_equal(alone("u_x", t=t, x=x), solution("u_x", t=t, x=x))
    assert np.array_equal(alone.residual("pde", t=t, x=x), solution.residual("pde", t=t, x=x))
    assert alone.error() == solution.error() and list(alone.axes()) == ["t", "x"]
    found, expected = alone.on_grid(), solution.on_grid()
    assert list(found) == list(expected) == ["u", "residual", "u_estimated_error", "u_error"]
    assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_an_error_with_displacements_is_drawn_and_comes_back_from_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinnml.approximation.linearised.LOST", -1.0)  # as if splines did not resolve u
    solution = tiny(heat(), 20, out=tmp_path / "run")
    estimate, grid = solution.estimate, solution.on_grid()
    assert estimate is not None and isinstance(estimate.error, DisplacedField)
    assert (tmp_path / "run" / "estimated-error.png").exists()
    there = grid["u_estimated_error"]
    assert np.linalg.norm(there) / np.linalg.norm(grid["u"]) == pytest.approx(estimate.relative_l2["u"], rel=0.2)
    assert np.linalg.norm(there - grid["u_error"]) < 0.1 * np.linalg.norm(grid["u_error"])
    again = pm.Solution.load(tmp_path / "run", heat())
    assert np.array_equal(again.on_grid()["u_estimated_error"], there)


def test_it_needs_no_run() -> None:
    alone = bound(heat())
    assert alone(t=0.0, x=[1.0, 2.0]) == pytest.approx(np.sin([1.0, 2.0]), abs=1e-15)  # held by construction
    h, t, x = 1e-4, 0.4, 1.5
    u_t = (alone(t=t + h, x=x) - alone(t=t - h, x=x)) / (2 * h)
    u_xx = (alone(t=t, x=x + h) - 2 * alone(t=t, x=x) + alone(t=t, x=x - h)) / h**2
    assert alone.residual(t=t, x=x) == pytest.approx(u_t - 0.5 * u_xx, abs=1e-6)


def test_without_a_reference_there_is_no_error() -> None:
    alone = bound(heat(reference=None))
    assert alone.error() is None and alone.scorer is None and "u_error" not in alone.on_grid()


def test_places_outside_and_unknown_names_are_refused() -> None:
    alone = bound(heat())
    with pytest.raises(pm.DeclarationError, match=r"Unknown coordinate 'y'.*valid names: t, x"):
        alone(t=0.5, y=1.0)
    with pytest.raises(pm.DeclarationError, match="No value for x"):
        alone(t=0.5)
    with pytest.raises(pm.DeclarationError, match="outside"):
        alone(t=0.5, x=9.0)
