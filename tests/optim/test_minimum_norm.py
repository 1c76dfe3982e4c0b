"""Steps of least norm for few residuals: the same as those of the normal equations, and right where these are not."""

from __future__ import annotations

import pytest
import torch
from dense_least_squares import SIZE, Dense, vector
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, TestedLeastSquares, tilted
from pinnml.optim import Cholesky, Damping, GaussNewton, Iterations, MinimumNorm, minimise

ROWS = 3


def few() -> AbstractLeastSquares:
    """Three residuals of six unknowns."""
    return TestedLeastSquares(Dense(), vector(ROWS * 9, 5).view(ROWS, 9), SIZE)


SCALE = torch.linspace(0.5, 2, SIZE).double()


@pytest.mark.parametrize("slope", [None, vector(SIZE, 4)], ids=["plain", "with a slope"])
@pytest.mark.parametrize("damping", [1.0, 1e-3])
def test_the_step_is_that_of_the_normal_equations(damping: float, slope: Tensor | None) -> None:
    theta = vector(SIZE, 1)
    problem = few() if slope is None else tilted(few(), slope, 0 * slope)
    start = problem.at(theta)
    systems = [linear.at(problem, start, damping, None) for linear in (MinimumNorm(), Cholesky())]  # type: ignore[arg-type]
    found, expected = (system.factor(damping, SCALE) for system in systems)
    assert found is not None and expected is not None
    for name in ("step", "curved", "damped"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-11)
    b = vector(SIZE, 7)
    torch.testing.assert_close(found.solve(b), expected.solve(b), rtol=1e-9, atol=1e-9)
    for name in ("f", "grad", "diagonal"):
        torch.testing.assert_close(getattr(systems[0], name), getattr(systems[1], name), rtol=1e-12, atol=1e-12)


def test_with_little_damping_it_is_the_pseudoinverse() -> None:
    problem, theta = few(), vector(SIZE, 1)
    factor = MinimumNorm().at(problem, problem.at(theta), 1e-14, None).factor(1e-14, torch.ones(SIZE).double())
    assert factor is not None
    expected = -torch.linalg.pinv(problem.jacobian(theta)) @ problem.residual(theta)
    torch.testing.assert_close(factor.step, expected, rtol=1e-10, atol=1e-12)


def test_a_method_of_these_steps_solves_the_equations() -> None:
    problem = few()
    solver = GaussNewton(MinimumNorm(), Damping(), None)
    result = minimise(problem, vector(SIZE, 1), solver, Iterations(60))
    assert float(result.iterate.f) < 1e-20
    assert MinimumNorm().storage(problem.structure, SIZE, ROWS) == 2 * ROWS * SIZE + 2 * ROWS**2
