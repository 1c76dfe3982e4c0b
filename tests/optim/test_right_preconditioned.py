"""SPQN's outer iteration: L-BFGS without a preconditioner, pairs of the global step only, an end when both fail."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from classical_functions import CLASSICS, Differentiated, rosenbrock

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import (
    LBFGS,
    AbstractSolver,
    Iterations,
    Progress,
    RightPreconditioned,
    SecantMemory,
    Status,
    minimise,
)

START = torch.tensor([-1.2, 1.0] * 5, dtype=torch.float64)


@dataclass(frozen=True)
class Identity(AbstractSolver):
    """Does nothing, and says so."""

    status: Status = Status.SEARCH_FAILED

    def init(self, objective: AbstractObjective, iterate: Iterate) -> int:
        return 0

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: int) -> int:
        return -1

    def step(self, objective: AbstractObjective, iterate: Iterate, state: int) -> tuple[Iterate, int, Status]:
        return iterate, state + 1, self.status


@dataclass(frozen=True)
class Gradient(Identity):
    """A short gradient step."""

    rate: float = 1e-4

    def step(self, objective: AbstractObjective, iterate: Iterate, state: int) -> tuple[Iterate, int, Status]:
        return objective.at(iterate.theta - self.rate * iterate.grad), state + 1, self.status


def note_theta(thetas: list[torch.Tensor], progress: Progress) -> None:
    thetas.append(progress.iterate.theta)


@pytest.mark.parametrize("memory", [1, 3, 10])
def test_without_a_preconditioner_it_is_lbfgs(memory: int) -> None:
    seen: list[list[torch.Tensor]] = []
    for solver in (LBFGS(memory), RightPreconditioned(Identity(), memory)):
        thetas: list[torch.Tensor] = []
        result = minimise(
            Differentiated(rosenbrock),
            START,
            solver,
            Iterations(400),
            callback=partial(note_theta, thetas),
        )
        seen.append(thetas)
        assert result.status in (Status.AT_ROUNDING, Status.CONVERGED)
    assert max(float((a - b).abs().max()) for a, b in zip(*seen, strict=True)) < 1e-12


def test_pairs_span_the_global_step_only() -> None:
    """From the iterate after the preconditioner to the one after the search."""
    objective, preconditioner = Differentiated(rosenbrock), Gradient(Status.RUNNING)
    solver = RightPreconditioned(preconditioner, memory=3)
    iterate, pairs = objective.at(START), []
    state = solver.init(objective, iterate)
    for _ in range(6):
        half, _, _ = preconditioner.step(objective, iterate, 0)
        iterate, state, _ = solver.step(objective, iterate, state)
        pairs.append((iterate.theta - half.theta, iterate.grad - half.grad))
    expected = SecantMemory.empty(START)
    for pair in pairs:
        expected = expected.pushed(*pair, 3)
    assert torch.equal(state.memory.s, expected.s) and torch.equal(state.memory.y, expected.y)
    assert state.inner == 6


def test_an_exact_preconditioner_leaves_nothing_to_do() -> None:
    """On a quadratic that the preconditioner solves, one iteration ends at the minimum, where the gradient is zero."""
    objective = Differentiated(lambda x: (x**2).sum())
    solver = RightPreconditioned(Gradient(Status.RUNNING, rate=0.5))
    result = minimise(objective, START, solver, Iterations(10))
    assert (result.status, result.nit) == (Status.CONVERGED, 1)
    assert float(result.iterate.f) == 0.0


class Broken(Differentiated):
    """All that is evaluated from some call on is not finite."""

    def __init__(self, after: int) -> None:
        super().__init__(
            rosenbrock, lambda number, it: it if number <= after else Iterate(it.theta, it.f * math.nan, it.grad)
        )


@pytest.mark.parametrize(("inner", "ended"), [(Status.RUNNING, Status.RUNNING), (Status.SEARCH_FAILED,) * 2])
def test_the_run_ends_when_both_fail(inner: Status, ended: Status) -> None:
    """The preconditioner's iterate is kept, whatever it said of itself."""
    objective = Broken(2)
    start = objective.at(START)
    solver = RightPreconditioned(Gradient(inner))
    following, state, status = solver.step(objective, start, solver.init(objective, start))
    assert status is ended
    assert torch.equal(following.theta, START - 1e-4 * start.grad)
    assert len(state.memory) == 0


def test_a_failed_preconditioner_does_not_end_the_run() -> None:
    objective = Differentiated(rosenbrock)
    result = minimise(objective, START, RightPreconditioned(Identity()), Iterations(3))
    assert result.status is Status.STOPPED and float(result.iterate.f) < float(objective.at(START).f)


def test_momentum_is_the_average_of_directions() -> None:
    """v ← (1 − μ)v + μp, from v = 0 with the first pair on."""
    objective, mu = CLASSICS["broyden-tridiagonal"].objective(), 0.9
    solver = RightPreconditioned(Identity(Status.RUNNING), momentum=mu)
    iterate = objective.at(START)
    state, velocity, kept = solver.init(objective, iterate), torch.zeros_like(START), []
    for number in range(8):
        plain = -state.memory.inverse_times(iterate.grad)
        velocity = (1 - mu) * velocity + mu * plain
        kept.append(float(iterate.grad.dot(velocity)) < 0)
        velocity = velocity if kept[-1] else plain
        velocity = velocity if number else 0 * velocity
        iterate, state, _ = solver.step(objective, iterate, state)
        torch.testing.assert_close(state.velocity, velocity, rtol=1e-14, atol=0)
    assert sum(kept) > 5


def test_momentum_that_rises_is_left_out() -> None:
    """The direction without it is taken, and the average begins anew from there."""
    objective = Differentiated(rosenbrock)
    solver = RightPreconditioned(Identity(Status.RUNNING), momentum=0.5)
    before = minimise(objective, START, solver, Iterations(3))
    state: Any = dataclasses.replace(before.state, velocity=1e6 * before.iterate.grad)
    plain = -state.memory.inverse_times(before.iterate.grad)
    following, state, status = solver.step(objective, before.iterate, state)
    assert status is Status.RUNNING and float(following.f) < float(before.iterate.f)
    assert torch.equal(state.velocity, plain)


def test_renewed_drops_pairs_and_tells_the_preconditioner() -> None:
    objective = Differentiated(rosenbrock)
    solver = RightPreconditioned(Identity(Status.RUNNING), momentum=0.9)
    result = minimise(objective, START, solver, Iterations(4))
    state = solver.renewed(objective, result.iterate, result.state)
    assert (len(result.state.memory), len(state.memory), state.inner) == (3, 0, -1)
    assert not bool(state.velocity.any())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", ["wood", "broyden-tridiagonal", "rosenbrock-20"])
def test_nested_solvers_reach_the_minimum(name: str, momentum: float) -> None:
    """L-BFGS preconditioned by L-BFGS."""
    classic = CLASSICS[name]
    solver = RightPreconditioned(LBFGS(5), momentum=momentum)
    result = minimise(classic.objective(), classic.theta(), solver, Iterations(150))
    assert result.success and float(result.iterate.f) < 1e-20


@pytest.mark.parametrize(("field", "value"), [("memory", 0), ("memory", 2.5), ("momentum", -0.1), ("momentum", 1.5)])
def test_wrong_settings_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match="where: RightPreconditioned; give"):
        RightPreconditioned(Identity(), **{field: value})  # type: ignore[arg-type]
