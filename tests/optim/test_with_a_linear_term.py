"""Gauss–Newton methods on least squares with a linear term, which moves the minimum and may take f below zero."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from dense_least_squares import SIZE, Dense, Linear, Plain, vector
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Range, Tied, tilted
from pinnml.optim import (
    QR,
    AbstractSolver,
    Cholesky,
    GaussNewtonFactors,
    GradientNorm,
    Iterations,
    LevenbergMarquardt,
    NewtonKrylov,
    Status,
    improve,
    minimise,
)

SLOPE, ORIGIN = 3 * vector(SIZE, 5), vector(SIZE, 6)

SOLVERS: dict[str, AbstractSolver] = {
    "cholesky": LevenbergMarquardt(),
    "cholesky, plain": LevenbergMarquardt(geodesic=False),
    "qr": LevenbergMarquardt(factorisation=QR()),
    "qr, plain": LevenbergMarquardt(factorisation=QR(), geodesic=False),
    "krylov": NewtonKrylov(),
    "krylov, factors": NewtonKrylov(GaussNewtonFactors(), forcing=1e-3),
    "krylov, plain": NewtonKrylov(geodesic=False),
}


def minimum(problem: Linear) -> Tensor:
    """Where AᵀAθ − Aᵀb + slope = 0."""
    return torch.linalg.solve(problem.A.T @ problem.A, problem.A.T @ problem.b - SLOPE)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_minimum_is_that_of_the_function_with_its_term(name: str) -> None:
    problem, theta = Linear(), vector(SIZE, 1)
    result = minimise(tilted(problem, SLOPE, ORIGIN), theta, SOLVERS[name], GradientNorm(1e-9) | Iterations(60))
    assert result.success, result.message
    # steps are judged by f alone, -6 here: its rounding hides (2ε|f|/μ)^½ = 5e-8, with μ the least curvature
    torch.testing.assert_close(result.iterate.theta, minimum(problem), rtol=0, atol=1e-7)
    assert float((minimum(problem) - torch.linalg.lstsq(problem.A, problem.b).solution).norm()) > 0.1


@pytest.mark.parametrize("factorisation", [Cholesky(), QR()], ids=["cholesky", "qr"])
@pytest.mark.parametrize("geodesic", [True, False])
def test_one_undamped_step_is_enough(factorisation: Cholesky | QR, geodesic: bool) -> None:
    problem = Linear()
    solver = LevenbergMarquardt(geodesic=geodesic, factorisation=factorisation, damping=0.0)
    result = minimise(tilted(problem, SLOPE, ORIGIN), vector(SIZE, 1), solver, Iterations(1))
    torch.testing.assert_close(result.iterate.theta, minimum(problem), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("constant", [0.0, 1e3])
def test_at_the_minimum_the_run_ends_well_wherever_zero_lies(name: str, constant: float) -> None:
    """Rounding is measured by |f|: no value of f is special, and none has to be above zero."""
    losses: list[float] = []
    problem = tilted(Linear(), SLOPE, ORIGIN, constant)
    stop = Iterations(200)
    result = minimise(
        problem, vector(SIZE, 1), SOLVERS[name], stop, callback=lambda p: losses.append(float(p.iterate.f))
    )
    assert result.status in (Status.AT_ROUNDING, Status.CONVERGED), result.message
    assert all(after <= before for before, after in pairwise(losses))
    assert (losses[-1] < 0) == (constant == 0)


@pytest.mark.parametrize("factorisation", [Cholesky(), QR()], ids=["cholesky", "qr"])
def test_both_ways_to_solve_take_the_same_steps(factorisation: Cholesky | QR) -> None:
    """d = −(JᵀJ + λD)⁻¹(Jᵀr + slope), on a residual that is not linear."""
    problem, theta = Dense(), 0.3 * vector(SIZE, 2)
    model = tilted(problem, 0.1 * SLOPE, ORIGIN)
    solver = LevenbergMarquardt(geodesic=False, factorisation=factorisation, damping=10.0)
    found = improve(solver, model, Iterate(theta, model.value(theta)), None, 1)
    J, r = problem.jacobian(theta), problem.residual(theta)
    gram = J.T @ J
    step = -torch.linalg.solve(gram + 10.0 * gram.diagonal().diag(), J.T @ r + 0.1 * SLOPE)
    assert found.success
    torch.testing.assert_close(found.iterate.theta, theta + step, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_block_of_a_function_with_its_term_is_minimised(name: str) -> None:
    """In the span of tied parameters, from a start of its own."""
    problem, theta = Linear(), vector(SIZE, 1)
    tied, zero = Tied((((0, 2), (4, 6)), ((2, 4),)), SIZE), torch.zeros(4, dtype=torch.float64)
    P = torch.stack([tied.adjoint(unit) for unit in torch.eye(4, dtype=torch.float64)], 1)
    block = tilted(problem, SLOPE, ORIGIN).restricted(tied, theta, zero)
    result = minimise(block, zero, SOLVERS[name], GradientNorm(1e-9) | Iterations(60))
    JP = problem.A @ P
    expected = torch.linalg.solve(JP.T @ JP, -P.T @ (problem.A.T @ problem.residual(theta) + SLOPE))
    torch.testing.assert_close(result.iterate.theta, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("objective", [tilted(Plain(), SLOPE, ORIGIN), Plain()], ids=["with a term", "plain"])
@pytest.mark.parametrize("name", SOLVERS)
def test_without_least_squares_it_is_refused(name: str, objective: AbstractObjective) -> None:
    with pytest.raises(TypeError, match="needs a sum of squares"):
        minimise(objective.restricted(Range(0, 3, SIZE), ORIGIN), vector(3, 1), SOLVERS[name], Iterations(1))
