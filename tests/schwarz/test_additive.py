"""Additive Schwarz against the dense formula, for one block, and when every local solve fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from dense_least_squares import SIZE, Dense, Linear, Plain, vector
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import LBFGS, AbstractSolver, Iterations, LevenbergMarquardt, Status, minimise
from pinnml.schwarz import (
    AdditiveSchwarz,
    Averaged,
    ByIndices,
    LineSearchedSum,
    Local,
    Owned,
    SubspaceMinimisation,
    Synchronised,
)

EXACT = Local(LevenbergMarquardt(geodesic=False, damping=0.0))
APART = ((0, 1), (2, 3, 4), (5,))
OVERLAPPING = ((0, 1, 2), (2, 3, 4), (4, 5, 0))
COMBINATIONS = {
    "sum": LineSearchedSum(),
    "synchronised": Synchronised(),
    "subspace": SubspaceMinimisation(EXACT),
    "averaged": Averaged(),
    "owned": Owned(Synchronised()),
}


@dataclass(frozen=True)
class Stuck(AbstractSolver):
    """A solver that goes uphill, which no inner solve accepts."""

    def init(self, objective: AbstractObjective, iterate: Iterate) -> None:
        return None

    def step(self, objective: AbstractObjective, iterate: Iterate, state: None) -> tuple[Iterate, None, Status]:
        return objective.at(iterate.theta + iterate.grad), None, Status.RUNNING


def local_solutions(problem: Linear, theta: Tensor, blocks: tuple[tuple[int, ...], ...]) -> Tensor:
    """Return E_sδ_s with δ_s = −(R_sGR_sᵀ)⁻¹R_s∇f as rows, shape (s, p)."""
    rows = torch.zeros(len(blocks), SIZE, dtype=theta.dtype)
    gram, gradient = problem.A.T @ problem.A, problem.A.T @ (problem.A @ theta - problem.b)
    for row, block in zip(rows, blocks, strict=True):
        index = torch.tensor(block)
        row[index] = -torch.linalg.solve(gram[index][:, index], gradient[index])
    return rows


def one_sweep(problem: AbstractObjective, theta: Tensor, solver: AdditiveSchwarz) -> Tensor:
    result = minimise(problem, theta, solver, Iterations(1))
    assert result.state.failures == 0
    return result.iterate.theta


def test_a_sweep_with_exact_solves_is_the_damped_block_jacobi_step() -> None:
    """θ + ωΣE_sδ_s with ω = 1/s lowers every quadratic, so that the search takes its first trial, 1."""
    problem, theta = Linear(), vector(SIZE, 1)
    third = LineSearchedSum(weights=(1 / 3, 1 / 3, 1 / 3))
    found = one_sweep(problem, theta, AdditiveSchwarz(ByIndices(APART), EXACT, third))
    expected = theta + local_solutions(problem, theta, APART).sum(0) / 3
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("rule", "kept"), [(Averaged, (0.5, 1, 0.5, 1, 0.5, 1)), (Owned, (1, 1, 1, 1, 1, 1))])
def test_overlap_is_averaged_or_left_to_one_block(rule: Any, kept: tuple[float, ...]) -> None:
    problem, theta = Linear(), vector(SIZE, 1)
    third = LineSearchedSum(weights=(1 / 3, 1 / 3, 1 / 3))
    found = one_sweep(problem, theta, AdditiveSchwarz(ByIndices(OVERLAPPING), EXACT, rule(third)))
    rows = local_solutions(problem, theta, OVERLAPPING)
    if rule is Owned:
        # the first block that holds an entry owns it
        rows = torch.stack([rows[owner, entry] for entry, owner in enumerate((0, 0, 0, 1, 1, 2))])
        expected = theta + rows / 3
    else:
        expected = theta + rows.sum(0) * torch.tensor(kept, dtype=theta.dtype) / 3
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_one_block_is_its_local_method(combination: Any) -> None:
    """On a quadratic, where the exact step is what every search accepts."""
    problem, theta = Linear(), vector(SIZE, 2)
    whole = AdditiveSchwarz(ByIndices((range(SIZE),)), EXACT, combination)
    plain = minimise(problem, theta, EXACT.solver, Iterations(1))
    torch.testing.assert_close(one_sweep(problem, theta, whole), plain.iterate.theta, rtol=0, atol=1e-14)


@pytest.mark.parametrize("blocks", [APART, OVERLAPPING])
@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_sweeps_converge_to_the_minimum(combination: Any, blocks: tuple[tuple[int, ...], ...]) -> None:
    problem, theta = Linear(), vector(SIZE, 3)
    solver = AdditiveSchwarz(ByIndices(blocks), combination=combination)
    result = minimise(problem, theta, solver, Iterations(100))
    minimum = problem.at(torch.linalg.lstsq(problem.A, problem.b).solution).f
    assert float(result.iterate.f) == pytest.approx(float(minimum), rel=1e-9)


@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_where_every_block_fails_the_run_ends_where_it_was(combination: Any) -> None:
    problem, theta = Linear(), vector(SIZE, 1)
    result = minimise(problem, theta, AdditiveSchwarz(ByIndices(APART), Local(Stuck()), combination), Iterations(5))
    assert result.status is Status.SEARCH_FAILED
    assert result.state.failures == 3
    assert torch.equal(result.iterate.theta, theta)


def test_a_plain_objective_is_swept_with_a_gradient_method() -> None:
    solver = AdditiveSchwarz(ByIndices(((0, 1), (2, 3))), Local(LBFGS(memory=3), 3), SubspaceMinimisation())
    result = minimise(Plain(), vector(4, 2), solver, Iterations(20))
    assert float(result.iterate.f) == pytest.approx(-4, abs=1e-10)


def test_a_run_repeats_to_the_bit_and_goes_on_from_its_state() -> None:
    problem, theta = Dense(), 0.3 * vector(SIZE, 3)
    solver = AdditiveSchwarz(ByIndices(OVERLAPPING), combination=Averaged())
    whole = minimise(problem, theta, solver, Iterations(6))
    half = minimise(problem, theta, solver, Iterations(3))
    rest = minimise(problem, half.progress, solver, Iterations(6))
    assert torch.equal(rest.iterate.theta, whole.iterate.theta)
