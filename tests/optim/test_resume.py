"""A run that is cut in pieces takes the steps of one that is not, to the bit."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from classical_functions import Differentiated, rosenbrock
from torch import Tensor

from pinnml.optim import (
    BFGS,
    LBFGS,
    AbstractSolver,
    Adam,
    Armijo,
    Evaluations,
    GradientNorm,
    Iterations,
    Result,
    RightPreconditioned,
    SelfScaledBroyden,
    Sequential,
    StrongWolfe,
    minimise,
)

START = torch.tensor([-1.2, 1.0, 0.5, -0.3], dtype=torch.float64)

STEPS = 24

SEARCHING = LBFGS(3, search=StrongWolfe(c2=0.01))

SOLVERS: dict[str, AbstractSolver] = {
    "lbfgs": LBFGS(4),
    "armijo": LBFGS(4, search=Armijo()),
    "adam": Adam(0.05),
    "bfgs": BFGS(),
    "broyden": SelfScaledBroyden(),
    "right": RightPreconditioned(LBFGS(2), momentum=0.9),
    "iterations": Sequential((Adam(0.05), Iterations(9)), (LBFGS(3), Iterations(7)), Adam(0.01)),
    "evaluations": Sequential((SEARCHING, Evaluations(11)), (Adam(0.01), Evaluations(6)), SEARCHING),
    "gradient": Sequential((Adam(0.05), GradientNorm(60.0)), LBFGS(3)),
    "nested": Sequential((Sequential((Adam(0.05), Iterations(4)), SEARCHING), Iterations(9)), Adam(0.01)),
}


def run(solver: AbstractSolver, until: int, earlier: Result | None = None) -> tuple[Result, list[Tensor]]:
    found: list[Tensor] = []
    result = minimise(
        Differentiated(rosenbrock),
        START if earlier is None else earlier.progress,
        solver,
        Iterations(until),
        callback=lambda p: found.append(p.iterate.theta),
    )
    return result, found


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("cut", [0, 1, 4, 7, 9, 10, 13, 16, 23])
def test_resumed_run_repeats_an_uninterrupted_one(name: str, cut: int) -> None:
    solver = SOLVERS[name]
    whole, expected = run(solver, STEPS)
    first, before = run(solver, cut)
    second, after = run(solver, STEPS, first)
    assert all(torch.equal(a, b) for a, b in zip(before + after[1:], expected, strict=True))
    assert torch.equal(second.iterate.grad, whole.iterate.grad)
    assert (second.nit, second.counts) == (STEPS, whole.counts)
    assert second.seconds > first.seconds


@pytest.mark.parametrize("name", SOLVERS)
def test_runs_repeat_themselves(name: str) -> None:
    assert torch.equal(run(SOLVERS[name], STEPS)[0].iterate.theta, run(SOLVERS[name], STEPS)[0].iterate.theta)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_state_is_a_frozen_record_that_later_steps_leave_alone(name: str) -> None:
    """A checkpoint holds tensors and numbers only, and a state handed out can be gone on from twice."""
    result, _ = run(SOLVERS[name], 8)
    kept = copy.deepcopy(result.state)
    first, _ = run(SOLVERS[name], 16, result)
    again, _ = run(SOLVERS[name], 16, dataclasses.replace(result, state=kept))
    assert torch.equal(first.iterate.theta, again.iterate.theta)
    check_frozen(result.state)


def check_frozen(state: Any) -> None:
    if dataclasses.is_dataclass(state):
        assert state.__dataclass_params__.frozen  # type: ignore[union-attr]
        for part in dataclasses.fields(state):
            check_frozen(getattr(state, part.name))
    elif isinstance(state, tuple):
        for one in state:
            check_frozen(one)
    else:
        assert state is None or isinstance(state, Tensor | int | float)


@pytest.mark.parametrize("limit", range(1, 24))
def test_a_budget_that_ends_inside_a_search_does_not_end_the_phase(limit: int) -> None:
    """The step that was dropped is taken by the resumed run, in the same phase."""
    solver = Sequential((SEARCHING, Iterations(9)), Adam(0.01))
    whole, _ = run(solver, STEPS)
    first = minimise(Differentiated(rosenbrock), START, solver, Evaluations(limit))
    assert first.nfev == limit
    second, _ = run(solver, STEPS, first)
    assert torch.equal(second.iterate.theta, whole.iterate.theta)
