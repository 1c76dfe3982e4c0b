"""Combinations of corrections: none is worse than its start, and each is what its formula says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from dense_least_squares import SIZE, Dense, Linear, Plain, vector
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinnml.objective import AbstractObjective, Entries, Iterate
from pinnml.optim import Armijo, LevenbergMarquardt, Status, StrongWolfe
from pinnml.schwarz import (
    AbstractCombination,
    Averaged,
    Correction,
    LineSearchedSum,
    Local,
    Owned,
    SubspaceMinimisation,
    Synchronised,
)

BLOCKS = ((0, 1, 2), (2, 3, 4), (4, 5))
OWN = ((1.0, 1.0, 1.0), (0.0, 1.0, 1.0), (0.0, 1.0))
COMBINATIONS = {
    "sum": LineSearchedSum(),
    "sum-armijo": LineSearchedSum(Armijo()),
    "synchronised": Synchronised(),
    "subspace": SubspaceMinimisation(),
    "averaged": Averaged(Synchronised()),
    "owned": Owned(SubspaceMinimisation()),
}
PROBLEMS: dict[str, Any] = {"linear": Linear, "tanh": Dense, "plain": Plain}


def corrections_of(problem: AbstractObjective, iterate: Iterate, steps: list[Tensor]) -> list[Correction]:
    """Return corrections with these steps, successful where they lower f, zero where not."""
    found = []
    for block, own, step in zip(BLOCKS, OWN, steps, strict=True):
        restriction = Entries(torch.tensor(block), SIZE)
        f = problem.value(iterate.theta + restriction.adjoint(step))
        success = bool(f < iterate.f)
        kept = step if success else torch.zeros_like(step)
        mask = torch.tensor(own, dtype=step.dtype)
        found.append(Correction(restriction, kept, f if success else iterate.f, success, mask))
    return found


def random_steps(iterate: Iterate, seed: int, length: float) -> list[Tensor]:
    """Return steps that mostly descend, of any length."""
    steps = []
    for number, block in enumerate(BLOCKS):
        noise = vector(len(block), 10 * seed + number)
        steps.append(length * (noise - 0.5 * iterate.grad[list(block)]))
    return steps


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(COMBINATIONS)),
    kind=st.sampled_from(sorted(PROBLEMS)),
    seed=st.integers(0, 10**4),
    length=st.floats(1e-12, 30.0),
)
def test_no_combination_is_worse_than_its_start(name: str, kind: str, seed: int, length: float) -> None:
    """It is lower wherever a correction was, and its value and gradient are those at its θ."""
    problem: AbstractObjective = PROBLEMS[kind]()
    iterate = problem.at(vector(SIZE, seed))
    corrections = corrections_of(problem, iterate, random_steps(iterate, seed, length))
    combined = COMBINATIONS[name](problem, iterate, corrections)
    assert combined.iterate.f <= iterate.f
    assert (combined.status is Status.RUNNING) == bool(combined.iterate.f < iterate.f)
    if combined.status is not Status.RUNNING:
        assert combined.iterate is iterate
    again = problem.at(combined.iterate.theta)
    assert torch.equal(again.f, combined.iterate.f)
    assert torch.equal(again.grad, combined.iterate.grad)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(sorted(PROBLEMS)), seed=st.integers(0, 10**4), length=st.floats(1e-3, 3.0))
def test_a_subspace_is_as_good_as_each_of_its_corrections(kind: str, seed: int, length: float) -> None:
    problem: AbstractObjective = PROBLEMS[kind]()
    iterate = problem.at(vector(SIZE, seed))
    corrections = corrections_of(problem, iterate, random_steps(iterate, seed, length))
    combined = SubspaceMinimisation()(problem, iterate, corrections)
    for correction in corrections:
        single = problem.at(iterate.theta + correction.extended)
        assert combined.iterate.f <= single.f


def linear() -> tuple[Linear, Iterate, list[Correction]]:
    problem = Linear()
    iterate = problem.at(vector(SIZE, 1))
    return problem, iterate, corrections_of(problem, iterate, [-0.05 * iterate.grad[list(block)] for block in BLOCKS])


def test_the_subspace_of_a_linear_problem_is_minimised_exactly() -> None:
    problem, iterate, corrections = linear()
    exact = SubspaceMinimisation(Local(LevenbergMarquardt(geodesic=False, damping=0.0)))
    D = torch.stack([correction.extended for correction in corrections], 1)
    beta = torch.linalg.lstsq(problem.A @ D, problem.b - problem.A @ iterate.theta).solution
    found = exact(problem, iterate, corrections).iterate
    torch.testing.assert_close(found.theta, iterate.theta + D @ beta, rtol=0, atol=1e-12)


def test_the_subspace_costs_one_product_a_direction_and_no_jacobian() -> None:
    problem, iterate, corrections = linear()
    problem.calls.clear()
    calls: list[str] = []
    problem.jvp = lambda theta, direction: (calls.append("jvp"), problem.A @ direction)[1]  # type: ignore
    problem.jacobian = lambda *rest: pytest.fail("a Jacobian was formed")  # type: ignore[method-assign]
    SubspaceMinimisation(Local(LevenbergMarquardt(geodesic=False)))(problem, iterate, corrections)
    assert len(calls) == len(BLOCKS)


def test_a_search_block_by_block_is_exact_on_the_direction_of_each() -> None:
    """With c₂ small, each search ends at the minimum along its direction, from the point before."""
    problem, iterate, corrections = linear()
    theta, gram = iterate.theta, problem.A.T @ problem.A
    for correction in corrections:
        d = correction.extended
        theta = theta - d.dot(problem.at(theta).grad) / d.dot(gram @ d) * d
    found = Synchronised(StrongWolfe(c1=1e-10, c2=1e-8))(problem, iterate, corrections).iterate
    torch.testing.assert_close(found.theta, theta, rtol=0, atol=1e-7)


def test_the_best_correction_is_taken_where_the_sum_does_not_descend() -> None:
    """Negative weights turn a sum of descents uphill."""
    problem, iterate, corrections = linear()
    uphill = LineSearchedSum(weights=(-1.0, -1.0, -1.0))
    best = min(corrections, key=lambda c: float(c.f) if c.f is not None else 0.0)
    combined = uphill(problem, iterate, corrections)
    assert combined.status is Status.RUNNING
    assert torch.equal(combined.iterate.theta, iterate.theta + best.extended)


@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_nothing_to_combine_is_a_failure(combination: AbstractCombination) -> None:
    problem, iterate, _ = linear()
    corrections = corrections_of(problem, iterate, [iterate.grad[list(block)] for block in BLOCKS])
    assert not any(correction.success for correction in corrections)
    combined = combination(problem, iterate, corrections)
    assert combined.iterate is iterate
    assert combined.status in (Status.SEARCH_FAILED, Status.AT_ROUNDING)


def test_a_wrong_number_of_weights_is_refused() -> None:
    problem, iterate, corrections = linear()
    with pytest.raises(ValueError, match="2 weights for 3 corrections"):
        LineSearchedSum(weights=(0.5, 0.5))(problem, iterate, corrections)
