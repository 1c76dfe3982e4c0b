"""Linear preconditioners against dense formulas, and L-BFGS with them as its initial matrix."""

from __future__ import annotations

import math

import pytest
import torch
from dense_least_squares import SIZE, Dense, Linear, Plain, parts, vector
from torch import Tensor

from pinnml.levels import TwoLevelFactors
from pinnml.optim import (
    LBFGS,
    AbstractPreconditioner,
    GaussNewtonFactors,
    GradientNorm,
    Iterations,
    JacobiFactors,
    SecantMemory,
    Status,
    damped_factor,
    minimise,
)
from pinnml.schwarz import ByIndices, ByLayer, SchwarzFactors

EXACT = 1e-12

DAMPING = 1e-2

BLOCKS = ((0, 1), (1, 2, 3), (4, 5, 0))


class Layered(Dense):
    """Three layers of two parameters each."""

    structure = parts(2, 2, 2)


PRECONDITIONERS: dict[str, AbstractPreconditioner] = {
    "jacobi": JacobiFactors(),
    "whole": GaussNewtonFactors(),
    "layers": SchwarzFactors(),
    "overlapping layers": SchwarzFactors(ByLayer(layers=1, overlap=1)),
    "overlapping indices": SchwarzFactors(ByIndices(BLOCKS)),
    "two levels": TwoLevelFactors(groups=(2,)),
    "three levels": TwoLevelFactors(groups=(2, 3)),
}


def damped(gram: Tensor) -> Tensor:
    return gram + DAMPING * torch.diag(gram.diagonal())


def schwarz(gram: Tensor, blocks: list[list[int]]) -> Tensor:
    """Σ W E_s F_s⁻¹ R_s W with matrices."""
    counts = torch.zeros(SIZE, dtype=torch.float64)
    total = torch.zeros_like(gram)
    for block in blocks:
        R = torch.eye(SIZE, dtype=torch.float64)[block]
        counts += R.sum(0)
        total += R.T @ torch.linalg.inv(damped(R @ gram @ R.T)) @ R
    W = torch.diag(counts**-0.5)
    return W @ total @ W


def coarse(gram: Tensor, group: int) -> Tensor:
    pieces = [torch.eye(2, dtype=torch.float64)] * 3
    P = torch.zeros(SIZE, 2 * math.ceil(3 / group), dtype=torch.float64)
    for layer, piece in enumerate(pieces):
        column = 2 * (layer // group)
        P[2 * layer : 2 * layer + 2, column : column + 2] = piece
    return P @ torch.linalg.inv(damped(P.T @ gram @ P)) @ P.T


def expected(name: str, gram: Tensor) -> Tensor:
    layers = [[0, 1], [2, 3], [4, 5]]
    return {
        "jacobi": lambda: torch.diag(1 / ((1 + DAMPING) * gram.diagonal())),
        "whole": lambda: torch.linalg.inv(damped(gram)),
        "layers": lambda: schwarz(gram, layers),
        "overlapping layers": lambda: schwarz(gram, [[0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [2, 3, 4, 5]]),
        "overlapping indices": lambda: schwarz(gram, [list(block) for block in BLOCKS]),
        "two levels": lambda: schwarz(gram, layers) + coarse(gram, 2),
        "three levels": lambda: schwarz(gram, layers) + coarse(gram, 2) + coarse(gram, 3),
    }[name]()


@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_factors_are_those_of_the_dense_formula(name: str) -> None:
    problem, theta = Layered(), 0.3 * vector(SIZE, 1)
    J = problem.jacobian(theta)
    inverse = PRECONDITIONERS[name].factors(problem, theta, DAMPING)
    M = torch.stack([inverse(unit) for unit in torch.eye(SIZE, dtype=torch.float64)], 1)
    torch.testing.assert_close(M, expected(name, J.T @ J), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(M, M.T, rtol=EXACT, atol=EXACT)
    assert float(torch.linalg.eigvalsh(M).min()) > 0
    torch.testing.assert_close(inverse.diagonal, (J.T @ J).diagonal(), rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_an_objective_without_residuals_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="needs a sum of squares"):
        PRECONDITIONERS[name].factors(Plain(), vector(3, 0), DAMPING)


def test_parameters_that_are_not_felt_do_no_harm() -> None:
    problem, theta = Layered(), 0.3 * vector(SIZE, 1)
    problem.A[:, 3] = 0
    for name, preconditioner in PRECONDITIONERS.items():
        inverse = preconditioner.factors(problem, theta, 1e-6)
        found = inverse(problem.vjp(theta, vector(len(problem.b), 2)))
        # a coarse level moves it with those that it is tied to
        assert float(found[3].abs()) == 0.0 or "levels" in name
        assert float(found.abs().max()) < 10


def test_a_factor_that_rounding_spoils_is_damped_more() -> None:
    v = vector(SIZE, 3)
    factor = damped_factor(torch.outer(v, v), 0.0)
    torch.testing.assert_close(factor @ factor.T, torch.outer(v, v), rtol=1e-6, atol=1e-6)
    assert float(factor.diagonal().min()) > 0
    identity = torch.eye(SIZE, dtype=torch.float64)
    assert torch.equal(damped_factor(torch.full_like(identity, float("nan")), 1e-6), identity)
    assert bool(torch.isfinite(damped_factor(torch.zeros_like(identity), 1e-6)).all())


def test_a_factor_that_a_faulty_machine_spoils_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since M⁻¹ has many factors, an error in one would cost most steps, and damping that stays."""
    gram = torch.eye(SIZE, dtype=torch.float64) + 0.5
    right, factorise, spoilt = damped_factor(gram, 1e-6), torch.linalg.cholesky_ex, [math.nan, math.inf]

    def faulty(matrix: Tensor) -> tuple[Tensor, Tensor]:
        factor, failed = factorise(matrix)
        if spoilt:
            factor[2, 1] = spoilt.pop()
        return factor, failed

    monkeypatch.setattr(torch.linalg, "cholesky_ex", faulty)
    assert torch.equal(damped_factor(gram, 1e-6), right) and not spoilt


def test_a_linear_problem_takes_one_or_two_iterations() -> None:
    """With H₀ = (JᵀJ)⁻¹ L-BFGS is Newton's method; from a multiple of the identity it needs many more."""
    problem, theta = Linear(), vector(SIZE, 1)
    goal = GradientNorm(1e-9 * float(problem.at(theta).grad.norm())) | Iterations(50)
    quick = minimise(problem, theta, LBFGS(initial=GaussNewtonFactors(), damping=1e-10), goal)
    slow = minimise(problem, theta, LBFGS(), goal)
    assert quick.nit <= 2 and slow.nit > 6
    torch.testing.assert_close(quick.iterate.theta, torch.linalg.lstsq(problem.A, problem.b[:, None]).solution[:, 0])


def test_the_recursion_is_the_dense_update_of_the_initial_matrix() -> None:
    """H from γM⁻¹ and the pairs by the product form of BFGS, γ = s·y/y·M⁻¹y of the newest pair."""
    problem, theta = Layered(), 0.3 * vector(SIZE, 1)
    inverse = SchwarzFactors().factors(problem, theta, DAMPING)
    gram = problem.jacobian(theta).T @ problem.jacobian(theta)
    memory, one = SecantMemory.empty(theta), torch.eye(SIZE, dtype=torch.float64)
    pairs = [(s, gram @ s) for s in (vector(SIZE, seed) for seed in (5, 6, 7))]
    s, y = pairs[-1]
    h = torch.stack([inverse(unit) for unit in one], 1)
    assert torch.equal(memory.inverse_times(y, inverse), inverse(y))
    h = s.dot(y) / y.dot(h @ y) * h
    for s, y in pairs:
        memory = memory.pushed(s, y, 5)
        left = one - torch.outer(s, y) / s.dot(y)
        h = left @ h @ left.T + torch.outer(s, s) / s.dot(y)
    v = vector(SIZE, 8)
    torch.testing.assert_close(memory.inverse_times(v, inverse), h @ v, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_the_initial_matrix_is_made_when_it_is_due(name: str) -> None:
    """At the first step, every `rebuild` steps after it, and when the objective has changed; pairs outlive it."""
    problem = Layered()
    solver = LBFGS(5, initial=PRECONDITIONERS[name], rebuild=3, damping=DAMPING)
    iterate = problem.at(0.3 * vector(SIZE, 1))
    state, made = solver.init(problem, iterate), []
    for _ in range(7):
        before = state.inverse
        iterate, state, status = solver.step(problem, iterate, state)
        assert status is Status.RUNNING
        made.append(state.inverse is not before)
    assert made == [True, False, False, True, False, False, True]
    assert len(state.memory) == 5
    renewed = solver.renewed(problem, iterate, state)
    assert renewed.inverse is None and len(renewed.memory) == 0
    assert solver.step(problem, iterate, renewed)[1].inverse is not None


def test_a_matrix_that_failed_is_made_anew_or_left() -> None:
    """One made earlier is made again for the next step; one that fails where it was made gives way to −∇f."""
    problem = Layered()
    solver = LBFGS(5, initial=GaussNewtonFactors(), rebuild=10, damping=DAMPING)
    iterate = problem.at(0.3 * vector(SIZE, 1))
    state = solver.init(problem, iterate)
    iterate, state, _ = solver.step(problem, iterate, state)
    working, problem.b = problem.b, problem.b * float("nan")
    same, late, status = solver.step(problem, iterate, state)
    assert same is iterate and status is Status.RUNNING and (late.inverse, late.due) == (None, 0)
    problem.b = working
    afresh = solver._prepared(problem, iterate, late)
    problem.b = problem.b * float("nan")
    _, left, status = solver.step(problem, iterate, afresh)
    assert status is Status.RUNNING and (left.inverse, left.due) == (None, 9)
    _, _, status = solver.step(problem, iterate, left)
    assert status is Status.SEARCH_FAILED


@pytest.mark.parametrize(("field", "value"), [("rebuild", 0), ("rebuild", 1.5), ("damping", -1.0)])
def test_wrong_settings_of_the_initial_matrix_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is .*; where: LBFGS; give"):
        LBFGS(**{field: value})  # type: ignore[arg-type]
