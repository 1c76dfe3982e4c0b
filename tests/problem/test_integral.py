"""Integrals over domains and parts of their boundary: quadrature, declaration, and runs that need them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import pinnml as pm
from pinnml.problem import AbstractDomain
from pinnml.problem.integral import quadrature

BALL, SHELL, POLYGON = pm.domains.Ball, pm.domains.Shell, pm.domains.Polygon
BOX = pm.Box(x=(0, 2), y=(-1, 2))

SIZES: list[tuple[AbstractDomain, str | None, float, float]] = [
    (pm.Box(x=(1, 4)), None, 3.0, 1e-13),
    (pm.Box(x=(1, 4)), "x=4", 1.0, 1e-13),
    (BOX, None, 6.0, 1e-13),
    (BOX, "x=2", 3.0, 1e-13),
    (BALL(2.0, x=1.0, y=0.0), None, 4 * math.pi, 1e-12),
    (BALL(2.0, x=1.0, y=0.0), "rim", 4 * math.pi, 1e-12),
    (BALL(2.0, x=1.0, y=0.0, z=3.0), "rim", 16 * math.pi, 1e-12),
    (SHELL(1.0, 2.0, x=0.0, y=0.0, z=0.0), None, 28 / 3 * math.pi, 1e-11),
    (POLYGON(x=[0.0, 2.0, 0.0], y=[0.0, 0.0, 1.0]), "edge 1", math.sqrt(5), 1e-13),
    (pm.Box(t=(0, 3)) * BALL(1.0, x=0.0, y=0.0), "rim", 6 * math.pi, 1e-12),
    (BOX - BALL(0.5, x=1.0, y=0.0), None, 6 - math.pi / 4, 5e-3),
    (BOX - BALL(0.5, x=0.0, y=0.0), "rim", math.pi / 2, 5e-3),
]


@pytest.mark.parametrize(("domain", "part", "size", "tolerance"), SIZES)
def test_weights_sum_to_the_size(domain: AbstractDomain, part: str | None, size: float, tolerance: float) -> None:
    x, weights = quadrature(domain, part, 1000, "here")
    assert bool(domain.contains(x, part).all()) and bool((weights > 0).all())
    assert float(weights.sum()) == pytest.approx(size, rel=tolerance)


def test_smooth_functions_are_integrated_to_rounding() -> None:
    x, weights = quadrature(BOX, None, 400, "here")
    value = float((torch.exp(x[:, 0]) * torch.cos(x[:, 1]) * weights).sum())
    assert value == pytest.approx((math.e**2 - 1) * (math.sin(2) + math.sin(1)), rel=1e-13)
    rim, weights = quadrature(BALL(1.0, x=0.0, y=0.0), "rim", 50, "here")
    assert float((rim[:, 0] ** 2 * weights).sum()) == pytest.approx(math.pi, rel=1e-12)


def neumann(*more: pm.Integral, domain: AbstractDomain = BOX) -> pm.Problem:
    """A problem whose solution, cos(πx), is known up to a constant without more conditions."""
    conditions: dict[str, Any] = {
        "pde": pm.Interior(lambda u_xx, u_yy, x: u_xx + u_yy + math.pi**2 * torch.cos(math.pi * x)),
        "walls": pm.Boundary(lambda u_n: u_n, on=domain.parts),
    }
    return pm.Problem(domain, ["u"], conditions=conditions | {f"integral {i}": one for i, one in enumerate(more)})


def test_the_residual_is_the_integral_less_its_value() -> None:
    """Of every result for itself, with normals where it is over parts."""
    problem = neumann(
        pm.Integral(lambda u, x: (u * x, u**2), equals=3.0, points=100),
        pm.Integral(lambda u_n, n_x, u_x: u_n - u_x * n_x, over=["x=0", "y=2"], points=10),
    )
    inner, flux = (problem.terms[f"integral {i}"] for i in range(2))
    region = inner.region
    x = region.sample(torch.rand, problem.domain, inside=1, boundary=1)
    assert region.count(x) == 1 and len(x) == 100
    (u,) = inner.derivatives
    found = inner.residual(x, {u: x[:, 1]}, region.data)
    torch.testing.assert_close(found, torch.tensor([[3.0 - 3.0], [6.0 - 3.0]], dtype=torch.float64))
    x = flux.region.sample(torch.rand, problem.domain, inside=1, boundary=1)
    values = {symbol: x[:, 0] + 2.0 * symbol.index[1] for symbol in flux.derivatives}
    expected = torch.tensor([[(0.5 * 4 + 2 * 2)]], dtype=torch.float64)  # ∫ u_y over y = 2, x from 0 to 2
    torch.testing.assert_close(flux.residual(x, values, flux.region.data), expected)


def test_a_mean_of_zero_makes_a_solution_the_only_one(on_one_thread: None) -> None:
    solution = pm.solve(neumann(pm.Integral(lambda u: u)), accuracy=1e-6, seconds=30, seed=0, device="cpu")
    x = torch.linspace(0, 2, 41).double().numpy()
    assert abs(solution(x=x, y=0 * x) - torch.cos(math.pi * torch.from_numpy(x)).numpy()).max() < 1e-4


@pytest.mark.parametrize(
    "solver",
    [pm.LBFGS(), pm.levels.TwoLevel(coarse=(pm.levels.WeakSpan(5), pm.levels.FewerPoints(0.5)))],
)
def test_solvers_take_it_as_any_condition(solver: pm.optim.AbstractSolver, tmp_path: Any, on_one_thread: None) -> None:
    problem = neumann(pm.Integral(lambda u: u, points=30))
    network = pm.ResNet(width=4, blocks=2)
    run = {"points": pm.Sobol(20), "seed": 0, "device": "cpu"}
    solution = pm.solve(problem, network, solver, stop=pm.Iterations(2), **run)  # type: ignore[arg-type]
    assert solution.result.iterate.f < solution.history[0].loss
    solution.save(tmp_path / "run")
    assert torch.equal(pm.load(tmp_path / "run", problem).theta, solution.theta)
    in_chunks = pm.solve(problem, network, solver, stop=pm.Iterations(2), chunk=7, **run)  # type: ignore[arg-type]
    torch.testing.assert_close(in_chunks.theta, solution.theta, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("integral", "message"),
    [
        (lambda: pm.Integral(lambda u: u, over="x=7"), "'x=7' is no face"),
        (lambda: pm.Integral(lambda u: u, over=[]), "No part of the boundary is named"),
        (lambda: pm.Integral(lambda u: u, equals=math.inf), "The integral equals inf"),
        (lambda: pm.Integral(lambda u: u, points=0), "The quadrature has 0 points"),
        (lambda: pm.Integral(lambda x: x), "The residual names no field"),
        (lambda: pm.Integral(lambda u_n: u_n), "Unknown name 'u_n'"),
        (lambda: pm.Integral(lambda u: u, weight=-1.0), "The weight -1.0 is not positive"),
    ],
)
def test_integrals_that_are_none_are_refused(integral: Any, message: str) -> None:
    with pytest.raises(pm.DeclarationError, match=message):
        neumann(integral())


def test_parts_of_unknown_size_are_refused() -> None:
    with pytest.raises(pm.DeclarationError, match="Points of 'rim' are thinned out"):
        neumann(pm.Integral(lambda u: u, over="rim"), domain=pm.domains.Ellipsoid(x=(0.0, 2.0), y=(0.0, 1.0)))
