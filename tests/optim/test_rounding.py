"""Near rounding, and where nothing helps, L-BFGS ends: soon, with the right reason, at the best iterate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from classical_functions import CLASSICS, Differentiated, rosenbrock
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import LBFGS, Armijo, Evaluations, Progress, Result, Search, Searched, Status, StrongWolfe, minimise
from pinnml.optim.lbfgs import PATIENCE, LBFGSState, Plateau
from pinnml.optim.line_search import Outcome

START = torch.tensor([-1.2, 1.0], dtype=torch.float64)

SEARCHES = {"wolfe": StrongWolfe(), "armijo": Armijo()}


def run(objective: Differentiated, start: Tensor, search: Search, budget: int) -> tuple[Result, list[Progress]]:
    seen: list[Progress] = []
    return minimise(objective, start, LBFGS(search=search), Evaluations(budget), callback=seen.append), seen


@pytest.mark.parametrize("offset", [1e4, 1e8, -1e8, 1e12])
@pytest.mark.parametrize("name", ["rosenbrock-2", "wood", "freudenstein-roth", "brown-dennis", "broyden-tridiagonal"])
def test_a_large_constant_does_not_spoil_the_minimum(name: str, offset: float) -> None:
    """f + 10⁸ has half its digits only, its gradient has all: the gradient is followed, and the run ends in time.

    By values alone θ would be found to 10⁻⁴ at most; the reason is convergence or rounding, never failure.
    """
    classic = CLASSICS[name]
    plain = minimise(classic.objective(), classic.theta(), LBFGS(), Evaluations(1000))
    objective = Differentiated(lambda x: classic.function(x) + offset)
    result, _ = run(objective, classic.theta(), StrongWolfe(), 1000)
    assert result.status in (Status.CONVERGED, Status.AT_ROUNDING), result.message
    assert objective.evaluations <= 200
    size = float(plain.iterate.theta.abs().max())
    distance = float((result.iterate.theta - plain.iterate.theta).abs().max())
    # from 10¹² on the whole function is rounding
    assert distance < 1e-6 * size or abs(offset) == 1e12


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("level", [1e-3, 1e-6, 1e-9])
def test_a_noisy_function_is_left_in_time(level: float, search: str) -> None:
    """Noise far above rounding in values and gradients: the run ends by itself, with a value near the noise."""
    chance = torch.Generator().manual_seed(0)

    def noisy(number: int, iterate: Iterate) -> Iterate:
        noise = level * torch.randn(3, dtype=torch.float64, generator=chance)
        return Iterate(iterate.theta, iterate.f + noise[0].abs(), iterate.grad + noise[1:])

    objective = Differentiated(lambda x: rosenbrock(x) + 1, noisy)
    result, seen = run(objective, START, SEARCHES[search], 3000)
    assert result.status in (Status.SEARCH_FAILED, Status.AT_ROUNDING)
    assert objective.evaluations < 500
    values = [float(progress.iterate.f) for progress in seen]
    assert values[-1] <= min(values) * (1 + 1e-12)
    assert values[-1] < 1 + 30 * level


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_a_gradient_that_never_falls_does_not_trap_the_run(offset: float) -> None:
    """f is flat to rounding while the gradient turns round and round: steps are accepted, but not for ever."""

    def turning(number: int, iterate: Iterate) -> Iterate:
        angle = torch.tensor(2.4 * number, dtype=torch.float64)
        return Iterate(iterate.theta, torch.full_like(iterate.f, offset), torch.stack([angle.cos(), angle.sin()]))

    objective = Differentiated(lambda x: (x * 0).sum(), turning)
    result, _ = run(objective, START, StrongWolfe(), 10_000)
    assert result.status in (Status.AT_ROUNDING, Status.SEARCH_FAILED)
    assert result.nit <= PATIENCE + 2
    assert objective.evaluations <= (PATIENCE + 2) * 20


@dataclass(frozen=True)
class Willing(Search):
    """Accepts any step at all."""

    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        return Searched(objective.at(start.theta + direction), 1.0, 1, Outcome.APPROXIMATE)


def test_patience_with_flat_steps_is_limited() -> None:
    """Steps that are accepted and change nothing but rounding end the run, after exactly so many of them."""
    objective = Differentiated(lambda x: 1.0 + 1e-17 * x.sum())
    result = minimise(objective, START, LBFGS(search=Willing()), Evaluations(1000))
    assert (result.status, result.success) == (Status.AT_ROUNDING, True)
    assert (result.nit, objective.evaluations) == (PATIENCE, PATIENCE + 1)
    falling = Differentiated(lambda x: 1.0 + 1e-6 * x.sum())
    assert minimise(falling, START, LBFGS(search=Willing()), Evaluations(60)).status is Status.STOPPED


def test_plateau_counts_what_is_no_progress() -> None:
    """A fall of f by more than rounding since the last progress counts, be it in small steps, and so does ‖∇f‖."""

    def iterate(f: float, norm: float) -> Iterate:
        gradient = torch.tensor([0.0, norm], dtype=torch.float64)
        return Iterate(gradient, torch.tensor(f, dtype=torch.float64), gradient)

    plateau = Plateau().after(iterate(1.0, 5.0))
    assert plateau == Plateau(1.0, 5.0, 0)
    assert plateau.after(iterate(1.0, 5.0)).steps == 1
    assert plateau.after(iterate(2.0, 4.6)).steps == 1
    assert plateau.after(iterate(1.0, 4.4)) == Plateau(1.0, 4.4, 0)
    assert plateau.after(iterate(1 - 2e-13, 9.0)) == Plateau(1 - 2e-13, 5.0, 0)
    for step in range(1, 6):
        plateau = plateau.after(iterate(1 - 3e-14 * step, 9.0))
        assert plateau.steps == (step if step < 4 else step - 4)
    assert Plateau(0.0, 1.0, 3).after(iterate(-1e-300, 1.0)).steps == 0
    assert Plateau(-1.0, 1.0, 3).after(iterate(-1 - 1e-14, 1.0)).steps == 4


def test_slow_progress_is_not_called_rounding() -> None:
    """A narrow valley, gone along in hundreds of small steps, is followed to its end."""
    objective = Differentiated(lambda x: 1e6 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 1.0)
    result = minimise(objective, START, LBFGS(3), Evaluations(3000))
    assert result.status in (Status.CONVERGED, Status.AT_ROUNDING)
    assert float((result.iterate.theta - 1).abs().max()) < 1e-5
    assert result.nit > 100


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("after", [1, 5, 20])
def test_failed_search_returns_to_the_best_iterate(after: int, search: str) -> None:
    """From some evaluation on everything is worse: the last good iterate comes back to the bit, with its f and ∇f."""
    good: list[Iterate] = []
    budget = minimise(
        Differentiated(rosenbrock),
        START,
        LBFGS(search=SEARCHES[search]),
        Evaluations(after),
        callback=lambda p: good.append(p.iterate),
    )

    def worse(number: int, iterate: Iterate) -> Iterate:
        return Iterate(iterate.theta, iterate.f + 100, iterate.grad) if number > after else iterate

    objective = Differentiated(rosenbrock, worse)
    result, _ = run(objective, START, SEARCHES[search], 1000)
    assert result.status is Status.SEARCH_FAILED
    assert not result.success
    assert result.message == "No step along the search direction lowered the loss."
    assert torch.equal(result.iterate.theta, good[-1].theta)
    assert torch.equal(result.iterate.f, good[-1].f)
    assert torch.equal(result.iterate.grad, good[-1].grad)
    assert objective.evaluations <= budget.nfev + 40


def test_failed_search_drops_the_memory_first() -> None:
    """A memory that points the wrong way is forgotten, and steepest descent saves the run."""
    objective = Differentiated(lambda x: ((x - 1) ** 2).sum())
    start = objective.at(torch.zeros(2, dtype=torch.float64))
    solver = LBFGS()
    state = solver.init(objective, start)
    turned = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    for s in turned:
        # s·y < 0, which the curvature test would never let in: H is negative
        state = LBFGSState(state.memory.pushed(s, -s, 5), state.plateau)
    assert float(start.grad.dot(state.memory.inverse_times(start.grad))) < 0
    following, state, status = solver.step(objective, start, state)
    assert status is Status.RUNNING
    assert float(following.f) < float(start.f)
    assert len(state.memory) == 1


def test_memory_is_dropped_after_a_search_that_failed() -> None:
    """The step after a failed search is one of steepest descent, and it counts as an iteration of its own."""
    objective = Differentiated(rosenbrock)
    good = minimise(objective, START, LBFGS(), Evaluations(12))
    blocked = [20]

    def block(number: int, iterate: Iterate) -> Iterate:
        return iterate if number > blocked[0] else Iterate(iterate.theta, iterate.f * math.nan, iterate.grad)

    solver = LBFGS()
    following, state, status = solver.step(Differentiated(rosenbrock, block), good.iterate, good.state)
    assert following is good.iterate
    assert (len(state.memory), status) == (0, Status.RUNNING)
    following, state, status = solver.step(objective, good.iterate, state)
    step = following.theta - good.iterate.theta
    cosine = float(step.dot(-good.iterate.grad) / (step.norm() * good.iterate.grad.norm()))
    assert abs(cosine - 1) < 1e-12
    assert (len(state.memory), status) == (1, Status.RUNNING)


def test_wrong_gradient_is_a_failure_not_rounding() -> None:
    objective = Differentiated(rosenbrock, lambda number, it: Iterate(it.theta, it.f, -it.grad))
    for search in SEARCHES.values():
        result = minimise(objective, START, LBFGS(search=search), Evaluations(1000))
        assert result.status is Status.SEARCH_FAILED
        assert torch.equal(result.iterate.theta, START)


@pytest.mark.parametrize("memory", [0, -1, 2.5, "5"])
def test_wrong_memory_is_refused(memory: object) -> None:
    with pytest.raises(ValueError, match=r"memory is .*; where: LBFGS; give a whole number"):
        LBFGS(memory)  # type: ignore[arg-type]
