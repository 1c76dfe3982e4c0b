"""Solvers one after another: phases end at their stops, and nothing is lost between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from classical_functions import Differentiated, rosenbrock
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import Iterate
from pinnml.optim import (
    LBFGS,
    AbstractSolver,
    Adam,
    Evaluations,
    GradientNorm,
    Iterations,
    Loss,
    Progress,
    Seconds,
    Sequential,
    Status,
    Stop,
    StrongWolfe,
    Work,
    minimise,
)

START = torch.tensor([-1.2, 1.0], dtype=torch.float64)

SEARCHING = LBFGS(10, search=StrongWolfe(c2=0.01))


def thetas(solver: AbstractSolver, stop: Stop, start: Tensor | Iterate = START, **options: Any) -> list[Tensor]:
    """The iterates of a run, its start first."""
    found: list[Tensor] = []
    minimise(
        Differentiated(rosenbrock), start, solver, stop, callback=lambda p: found.append(p.iterate.theta), **options
    )
    return found


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_phases_are_runs_put_together() -> None:
    """Three phases give the iterates of three runs, each begun where the one before ended, to the bit."""
    first = thetas(Adam(0.1), Iterations(5))
    second = thetas(LBFGS(), GradientNorm(2.0), first[-1])
    third = thetas(LBFGS(3), Iterations(6), second[-1])
    phases = Sequential((Adam(0.1), Iterations(5)), (LBFGS(), GradientNorm(2.0)), LBFGS(3))
    found = thetas(phases, Iterations(len(first) + len(second) + len(third) - 3))
    assert len(second) > 3
    assert same(found, first + second[1:] + third[1:])


def test_no_evaluation_is_spent_between_phases() -> None:
    objective = Differentiated(rosenbrock)
    result = minimise(objective, START, Sequential((Adam(0.1), Iterations(3)), Adam(0.2)), Iterations(8))
    assert objective.evaluations == result.counts.gradients == 9


@pytest.mark.parametrize("kind", [Evaluations, Work])
def test_a_phase_never_exceeds_its_budget(kind: Callable[[float], Stop]) -> None:
    """A limit inside a line search drops that step; the next phase begins at the iterate before, right away."""
    for limit in range(1, 20):
        alone = Differentiated(rosenbrock)
        searching = minimise(alone, START, SEARCHING, Evaluations(limit + 1))
        objective = Differentiated(rosenbrock)
        phases = Sequential((SEARCHING, kind(limit)), Adam(0.125))
        minimise(objective, START, phases, Evaluations(limit + 2))
        assert same(objective.visited[: limit + 1], alone.visited)
        moved = objective.visited[limit + 1] - searching.iterate.theta
        assert float((moved.abs() - 0.125).abs().max()) < 1e-8  # Adam's first step is the rate in every entry


def test_a_phase_keeps_its_time() -> None:
    """Every evaluation takes a second of the phase's own clock."""
    now = 50.0

    def second(number: int, iterate: Iterate) -> Iterate:
        nonlocal now
        now += 1.0
        return iterate

    for limit, steps in ((2.5, 3), (3.0, 3), (0.0, 0)):
        objective = Differentiated(rosenbrock, second)
        phases = Sequential((Adam(0.1), Seconds(limit)), Adam(0.5), clock=lambda: now)
        seen: list[Progress] = []
        minimise(objective, START, phases, Iterations(6), callback=seen.append)
        found = [progress.iterate.theta for progress in seen]
        alone = thetas(Adam(0.1), Iterations(steps))
        assert same(found[: steps + 1], alone)
        assert same(found[steps:], thetas(Adam(0.5), Iterations(6 - steps), alone[-1]))


@pytest.mark.parametrize("stop", [Iterations(0), Evaluations(0), Loss(1e9), GradientNorm(1e9)])
def test_a_phase_without_anything_to_do_is_left_out(stop: Stop) -> None:
    found = thetas(Sequential((Adam(0.1), stop), (SEARCHING, stop), LBFGS()), Iterations(4))
    assert same(found, thetas(LBFGS(), Iterations(4)))


def test_the_last_phase_ends_the_run() -> None:
    """With a stop of its own the run is finished, without one the last solver's reason is the run's."""
    objective = Differentiated(rosenbrock)
    result = minimise(objective, START, Sequential((Adam(0.1), Iterations(3)), (LBFGS(), Loss(1e-6))), Iterations(500))
    assert (result.status, result.success) == (Status.FINISHED, True)
    assert float(result.iterate.f) <= 1e-6
    assert result.nit < 100
    for limit in (4, 7):
        result = minimise(objective, START, Sequential((Adam(0.1), Evaluations(limit))), Iterations(500))
        assert (result.status, result.nit, result.nfev) == (Status.FINISHED, limit, limit + 1)
    result = minimise(objective, START, Sequential((SEARCHING, Evaluations(8))), Iterations(500))
    assert (result.status, result.nfev) == (Status.FINISHED, 9)
    result = minimise(objective, START, Sequential((LBFGS(), Iterations(0))), Iterations(500))
    assert (result.status, result.nfev) == (Status.FINISHED, 1)
    result = minimise(objective, START, Sequential((Adam(0.1), Iterations(3)), LBFGS()), Iterations(500))
    assert result.status is Status.CONVERGED


def test_a_phase_that_ends_by_itself_hands_over() -> None:
    """Adam meets a NaN, twice at the same θ: its step is undone and L-BFGS goes on from there."""

    def twice(number: int, iterate: Iterate) -> Iterate:
        return Iterate(iterate.theta, iterate.f * float("nan"), iterate.grad) if number in (4, 5) else iterate

    found: list[Progress] = []
    phases = Sequential((Adam(0.1), Iterations(50)), LBFGS())
    result = minimise(Differentiated(rosenbrock, twice), START, phases, Iterations(500), callback=found.append)
    assert result.status is Status.CONVERGED
    assert torch.equal(found[3].iterate.theta, found[2].iterate.theta)
    assert same([p.iterate.theta for p in found[3:6]], thetas(LBFGS(), Iterations(2), found[2].iterate.theta))


def test_the_runs_budget_holds_inside_phases() -> None:
    for limit in range(1, 15):
        objective = Differentiated(rosenbrock)
        phases = Sequential((SEARCHING, Evaluations(6)), (SEARCHING, Evaluations(100)), LBFGS())
        result = minimise(objective, START, phases, Evaluations(limit))
        assert (objective.evaluations, result.success) == (limit, result.nit > 0)
        assert result.message.startswith(f"The limit of {limit} evaluations was reached.")


def test_phases_may_be_nested() -> None:
    inner = Sequential((Adam(0.1), Iterations(2)), (Adam(0.2), Iterations(2)))
    flat = Sequential((Adam(0.1), Iterations(2)), (Adam(0.2), Iterations(2)), Adam(0.3))
    assert same(thetas(Sequential((inner, Iterations(99)), Adam(0.3)), Iterations(7)), thetas(flat, Iterations(7)))


def test_wrong_phases_are_refused() -> None:
    with pytest.raises(ValueError, match="no phase; where: Sequential; give"):
        Sequential()
    with pytest.raises(ValueError, match="has no stop; where: Sequential; give"):
        Sequential(Adam(), LBFGS())
    assert repr(Sequential((Adam(), Iterations(5)), LBFGS(7))).startswith("Switching(solvers=(Adam(rate=0.001")


@pytest.mark.parametrize("phase", ["adam", 3, None, (), (Adam(),), (Iterations(3), Adam()), (Adam(), 5), Adam()])
def test_what_is_no_phase_is_refused(phase: Any) -> None:
    with pytest.raises(DeclarationError, match="where: Sequential"):
        Sequential(phase, LBFGS())
