"""Limits are honoured exactly, inside line searches too, and everything is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch
from classical_functions import CLASSICS, Differentiated, rosenbrock
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, AbstractObjective, Counts, Evaluation, Iterate
from pinnml.optim import (
    LBFGS,
    AbstractSolver,
    Adam,
    AnyOf,
    Evaluations,
    GradientNorm,
    Iterations,
    Loss,
    Progress,
    Result,
    Seconds,
    Status,
    Stop,
    StrongWolfe,
    Work,
    minimise,
)

SEARCHING = LBFGS(10, search=StrongWolfe(c2=0.01))
"""A solver with three evaluations an iteration, so that most limits fall inside a search."""

SOLVERS = {"lbfgs": LBFGS(), "searching": SEARCHING, "adam": Adam(0.01)}

START = torch.tensor([-1.2, 1.0], dtype=torch.float64)


def traced(solver: AbstractSolver, stop: Stop, **options: Any) -> tuple[Result, Differentiated, list[Progress]]:
    """Minimise Rosenbrock's function; return the result, the objective with its count, and what the callback saw."""
    objective = Differentiated(rosenbrock)
    seen: list[Progress] = []
    result = minimise(objective, START, solver, stop, callback=seen.append, **options)
    return result, objective, seen


def check_record(result: Result, objective: Differentiated, seen: list[Progress]) -> None:
    """What holds for every run: callbacks for iterations 0, 1, …, and counts that are the objective's own."""
    assert [progress.iteration for progress in seen] == list(range(result.nit + 1))
    assert torch.equal(seen[0].iterate.theta, START)
    assert result.iterate is seen[-1].iterate
    assert result.counts.gradients == result.nfev == result.ngev == objective.evaluations
    assert result.counts == Counts(gradients=objective.evaluations, work=float(objective.evaluations))
    assert seen[0].counts == Counts(gradients=1, work=1.0)
    assert all(a.counts.evaluations < b.counts.evaluations for a, b in pairwise(seen))
    assert all(a.seconds <= b.seconds for a, b in pairwise(seen))


def check_ended(result: Result, message: str) -> None:
    """Hold the end of a run by a budget to be a success where, and only where, a step was taken."""
    assert result.success == (result.nit > 0)
    if result.success:
        assert (result.status, result.message) == (Status.STOPPED, message)
    else:
        assert (result.status, result.message) == (Status.NO_STEP, f"{message} No step has been taken.")


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("kind", "word"), [(Evaluations, "evaluations"), (Work, "work units")])
def test_evaluations_are_never_exceeded(solver: str, kind: Callable[[int], Stop], word: str) -> None:
    """Every limit is used up exactly; the start alone is evaluated in any case."""
    iterations = []
    for limit in range(32):
        result, objective, seen = traced(SOLVERS[solver], kind(limit))
        check_record(result, objective, seen)
        assert objective.evaluations == max(1, limit)
        check_ended(result, f"The limit of {limit} {word} was reached.")
        iterations.append(result.nit)
    assert iterations == sorted(iterations)
    # a limit inside a search leaves the iterate of the step before
    assert (len(set(iterations)) < 15) == (solver == "searching")


def test_work_is_not_exceeded_by_a_whole_unit() -> None:
    assert [traced(Adam(0.01), Work(limit))[1].evaluations for limit in (0.5, 7.0, 7.2)] == [1, 7, 8]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("limit", [0, 1, 7, 20])
def test_iterations(solver: str, limit: int) -> None:
    result, objective, seen = traced(SOLVERS[solver], Iterations(limit))
    check_record(result, objective, seen)
    assert result.nit == limit
    check_ended(result, f"The limit of {limit} iterations was reached.")


@dataclass
class Clock:
    """A clock that the objective drives."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("limit", [0.0, 0.5, 1.0, 6.5, 7.0, 20.0])
def test_no_evaluation_begins_after_the_time_limit(solver: str, limit: float) -> None:
    """Every evaluation takes one second: those that begin before the limit are done, and no other."""
    clock = Clock()

    def second(number: int, iterate: Iterate) -> Iterate:
        clock.now += 1.0
        return iterate

    objective = Differentiated(rosenbrock, second)
    seen: list[Progress] = []
    result = minimise(objective, START, SOLVERS[solver], Seconds(limit), callback=seen.append, clock=clock)
    check_record(result, objective, seen)
    assert objective.evaluations == max(1, -int(-limit // 1))
    assert result.seconds == objective.evaluations
    assert [progress.seconds for progress in seen] == [progress.counts.evaluations for progress in seen]
    check_ended(result, f"The time limit of {limit:g} s was reached.")


@pytest.mark.parametrize("solver", SOLVERS)
def test_loss_and_gradient_norm_stop_at_the_first_iterate(solver: str) -> None:
    _, _, long = traced(SOLVERS[solver], Iterations(25))
    for number in (0, 4, 17):
        for stop, measure, word in (
            (Loss, lambda p: float(p.iterate.f), "The loss fell to"),
            (GradientNorm, lambda p: float(p.iterate.grad.norm()), "The gradient's norm fell to"),
        ):
            limit = measure(long[number])
            first = next(p.iteration for p in long if measure(p) <= limit)
            result, objective, seen = traced(SOLVERS[solver], stop(limit))
            check_record(result, objective, seen)
            assert result.nit == first
            assert result.iterate.theta.equal(long[first].iterate.theta)
            assert result.message == f"{word} {limit:g}."


def test_the_first_of_several_limits_stops() -> None:
    limits = {"evaluations": Evaluations(9), "iterations": Iterations(3), "loss": Loss(1e-9), "time": Seconds(1e9)}
    stop = limits["evaluations"] | limits["iterations"] | limits["loss"] | limits["time"]
    result, objective, _ = traced(LBFGS(), stop)
    assert (result.nit, "3 iterations" in result.message) == (3, True)
    result, objective, _ = traced(SEARCHING, stop)
    assert (objective.evaluations, "9 evaluations" in result.message) == (9, True)
    result, _, _ = traced(LBFGS(), Iterations(100) | (Loss(1e-9) | Evaluations(500)))
    assert "loss fell" in result.message
    assert float(result.iterate.f) <= 1e-9
    assert isinstance(stop, AnyOf)


@pytest.mark.parametrize("kind", [Seconds, Work, Evaluations, Iterations, Loss, GradientNorm])
@pytest.mark.parametrize("limit", [-1, float("nan"), "3", None, True])
def test_wrong_limits_are_refused(kind: Callable[[Any], Stop], limit: Any) -> None:
    with pytest.raises(ValueError, match=f"where: {kind.__name__}; give a number"):
        kind(limit)


def test_start_known_already_is_not_evaluated_again() -> None:
    objective = Differentiated(rosenbrock)
    start = objective.at(START)
    result = minimise(objective, start, LBFGS(), Evaluations(5))
    assert objective.evaluations == 6
    assert result.counts.gradients == 5


class Half(Differentiated):
    """On half of the points, say."""

    def cost(self, kind: Evaluation) -> float:
        return 0.5 * super().cost(kind)


@pytest.mark.parametrize(("kind", "cost"), [(Differentiated, 1.0), (Half, 0.5)])
def test_what_is_not_known_of_the_start_is_evaluated_and_counted(kind: type[Differentiated], cost: float) -> None:
    """A θ alone, or an iterate without its gradient; a budget of nothing does not prevent it."""
    known = Differentiated(rosenbrock).at(START)
    for start in (START, Iterate(START, known.f)):
        objective = kind(rosenbrock)
        result = minimise(objective, start, LBFGS(), Evaluations(0))
        assert objective.evaluations == 1
        assert result.counts == Counts(gradients=1, work=cost)
        assert torch.equal(result.iterate.grad, known.grad)


def test_start_is_left_alone() -> None:
    """The tensor handed over may be changed afterwards, and may need a gradient."""
    start = START.clone().requires_grad_()
    result = minimise(Differentiated(rosenbrock), start, LBFGS(), Evaluations(1))
    with torch.no_grad():
        start.zero_()
    assert torch.equal(result.iterate.theta, START)
    assert not result.iterate.theta.requires_grad


@pytest.mark.parametrize("solver", SOLVERS)
def test_zero_gradient(solver: str) -> None:
    """A start at a minimum: L-BFGS ends at once and says so, Adam may go on and stays there."""
    objective = Differentiated(rosenbrock)
    start = torch.ones(2, dtype=torch.float64)
    result = minimise(objective, start, SOLVERS[solver], Evaluations(4))
    assert torch.equal(result.iterate.theta, start)
    assert result.success
    if solver != "adam":
        assert result.status is Status.CONVERGED
        assert objective.evaluations == 1


class Interrupted(Differentiated):
    """Rosenbrock's function, interrupted at the evaluation given."""

    def __init__(self, at: int) -> None:
        super().__init__(rosenbrock)
        self._when = at

    def at(self, theta: Tensor) -> Iterate:
        if self.evaluations + 1 == self._when:
            self._when = 0
            raise KeyboardInterrupt
        return super().at(theta)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("at", [2, 3, 9, 13])
def test_interrupt_keeps_the_last_iterate(solver: str, at: int) -> None:
    """The result is that of the last step done, and going on from it repeats the run that was not interrupted."""
    seen: list[Progress] = []
    objective = Interrupted(at)
    result = minimise(objective, START, SOLVERS[solver], Iterations(12), callback=seen.append)
    assert (result.status, result.success) == (Status.INTERRUPTED, False)
    assert result.iterate is seen[-1].iterate
    assert result.nit == seen[-1].iteration
    rest = minimise(objective, result.progress, SOLVERS[solver], Iterations(12))
    whole, _, _ = traced(SOLVERS[solver], Iterations(12))
    assert torch.equal(rest.iterate.theta, whole.iterate.theta)


def test_interrupt_in_a_callback_ends_the_run_too() -> None:
    def callback(progress: Progress) -> None:
        if progress.iteration == 3:
            raise KeyboardInterrupt

    result = minimise(Differentiated(rosenbrock), START, LBFGS(), Iterations(12), callback=callback)
    whole, _, _ = traced(LBFGS(), Iterations(3))
    assert result.status is Status.INTERRUPTED
    assert torch.equal(result.iterate.theta, whole.iterate.theta)


def test_other_errors_are_not_swallowed() -> None:
    def broken(number: int, iterate: Iterate) -> Iterate:
        if number == 3:
            raise RuntimeError("out of memory")
        return iterate

    with pytest.raises(RuntimeError, match="out of memory"):
        minimise(Differentiated(rosenbrock, broken), START, LBFGS(), Iterations(12))


class Squares(AbstractLeastSquares):
    """r(θ) = θ² − 1 with a diagonal Jacobian."""

    def residual(self, theta: Tensor) -> Tensor:
        return theta**2 - 1

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return 2 * theta * direction

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return 2 * theta * cotangent

    def jacobian(self, theta: Tensor) -> Tensor:
        return torch.diag(2 * theta)


class Everything(AbstractSolver):
    """Asks a least-squares objective for everything once a step, and moves by a gradient step."""

    def init(self, objective: AbstractObjective, iterate: Iterate) -> None:
        return None

    def step(self, objective: AbstractObjective, iterate: Iterate, state: None) -> tuple[Iterate, None, Status]:
        assert isinstance(objective, AbstractLeastSquares)
        residual = objective.residual(iterate.theta)
        objective.jvp(iterate.theta, iterate.theta)
        objective.jacobian(iterate.theta)
        gradient = objective.vjp(iterate.theta, residual)
        return objective.at(iterate.theta - 0.1 * gradient), None, Status.RUNNING


def test_every_kind_of_evaluation_is_counted() -> None:
    """Each costs its share of a work unit, and the limit of evaluations holds for all kinds together."""
    start = torch.tensor([2.0, 3.0, 0.5], dtype=torch.float64)
    result = minimise(Squares(), start, Everything(), Iterations(2))
    expected = Counts(gradients=3, residuals=2, products=4, jacobians=2, work=3 + 2 / 3 + 4 + 2)
    assert (result.counts.gradients, result.counts.residuals, result.counts.products) == (3, 2, 4)
    assert (result.counts.jacobians, result.nfev, result.ngev) == (2, 11, 3)
    assert abs(result.counts.work - expected.work) < 1e-12
    for limit in range(1, 12):
        result = minimise(Squares(), start, Everything(), Evaluations(limit))
        assert (result.nfev, result.nit) == (limit, (limit - 1) // 5)


def test_a_classic_needs_no_stop_of_its_own() -> None:
    """A run with a limit far away ends by itself, and its message is the status' sentence."""
    classic = CLASSICS["booth"]
    result = minimise(classic.objective(), classic.theta(), LBFGS(), Evaluations(10**9))
    assert result.status is Status.CONVERGED
    assert result.message == Status.CONVERGED.value == "The gradient is zero."
