"""NaN and infinity shorten a step or end a run; they never enter the iterate or the memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from classical_functions import CLASSICS, Differentiated, rosenbrock
from torch import Tensor

from pinnml.objective import Iterate
from pinnml.optim import (
    LBFGS,
    Adam,
    Armijo,
    Evaluations,
    Iterations,
    Progress,
    Result,
    Search,
    Status,
    StrongWolfe,
    minimise,
)
from pinnml.optim.lbfgs import LBFGSState
from pinnml.optim.loop import ATTEMPTS

START = torch.tensor([-1.2, 1.0], dtype=torch.float64)

SEARCHES = {"wolfe": StrongWolfe(), "armijo": Armijo()}


def spoilt(iterate: Iterate, how: str) -> Iterate:
    """An iterate with one number of it not finite."""
    f, grad = iterate.f, iterate.grad.clone()
    if how in ("nan", "inf", "-inf"):
        f = torch.full_like(f, float(how))
    elif how == "gradient nan":
        grad[0] = math.nan
    else:
        grad[-1] = math.inf
    return Iterate(iterate.theta, f, grad)


KINDS = ["nan", "inf", "-inf", "gradient nan", "gradient inf"]


def run(objective: Differentiated, theta: Tensor, search: Search, budget: int = 400) -> Result:
    """Minimise, and hold every iterate and the memory to be finite, and f never to rise."""
    seen: list[Progress] = []
    result = minimise(objective, theta, LBFGS(10, search=search), Evaluations(budget), callback=seen.append)
    assert all(progress.iterate.is_finite() and torch.isfinite(progress.iterate.theta).all() for progress in seen)
    values = [float(progress.iterate.f) for progress in seen]
    assert all(b <= a + 1e-12 * abs(a) for a, b in pairwise(values))
    assert isinstance(result.state, LBFGSState)
    for part in (result.state.memory.s, result.state.memory.y, result.state.memory.products):
        assert torch.isfinite(part).all()
    return result


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("how", KINDS)
def test_a_wall_is_kept_away_from(how: str, search: str) -> None:
    """Where f exceeds the lowest value so far by half nothing is finite; many steps land there, and none ends there."""
    lowest, hits = math.inf, 0

    def wall(number: int, iterate: Iterate) -> Iterate:
        nonlocal lowest, hits
        if float(iterate.f) > 1.5 * lowest:
            hits += 1
            return spoilt(iterate, how)
        lowest = min(lowest, float(iterate.f))
        return iterate

    result = run(Differentiated(rosenbrock, wall), START, SEARCHES[search])
    assert hits >= 5
    assert result.success
    assert float(result.iterate.f) < 1e-20


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("how", KINDS)
def test_poisoned_evaluations_are_survived(how: str, search: str) -> None:
    """One evaluation in twenty is not finite, at random: the run converges all the same, with every seed."""
    classic = CLASSICS["wood"]
    for seed in range(3):
        chance = torch.Generator().manual_seed(seed)

        def poison(number: int, iterate: Iterate, chance: torch.Generator = chance) -> Iterate:
            poisoned = float(torch.rand(1, generator=chance)) < 0.05 and number > 1
            return spoilt(iterate, how) if poisoned else iterate

        result = run(Differentiated(classic.function, poison), classic.theta(), SEARCHES[search], 600)
        assert float(result.iterate.f) < 1e-15
        assert result.success, result.message


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("solver", [LBFGS(), Adam()], ids=["lbfgs", "adam"])
def test_start_that_is_not_finite_ends_at_once(solver: LBFGS | Adam, how: str) -> None:
    seen: list[Progress] = []
    objective = Differentiated(rosenbrock, lambda number, iterate: spoilt(iterate, how))
    result = minimise(objective, START, solver, Iterations(10), callback=seen.append)
    assert (result.status, result.nit, objective.evaluations, len(seen)) == (Status.NOT_FINITE, 0, 1, 1)
    assert not result.success
    assert torch.equal(result.iterate.theta, START)


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("search", SEARCHES)
def test_nothing_finite_around_the_start(how: str, search: str) -> None:
    """All trials fail, again and again: the start to the bit, and a status that says why."""
    objective = Differentiated(rosenbrock, lambda number, iterate: spoilt(iterate, how) if number > 1 else iterate)
    result = run(objective, START, SEARCHES[search])
    assert result.status is Status.NOT_FINITE
    assert objective.evaluations == 1 + 2 * 20 * ATTEMPTS  # each is made a second time
    assert result.message.endswith(f"not finite and left out: {2 * 20 * ATTEMPTS}.")
    assert torch.equal(result.iterate.theta, START)


def followed(spoil: Callable[[int], bool], how: str) -> tuple[Result, list[Tensor]]:
    thetas: list[Tensor] = []
    objective = Differentiated(rosenbrock, lambda k, iterate: spoilt(iterate, how) if spoil(k) else iterate)
    stop = Iterations(12)
    result = minimise(objective, START, Adam(0.1), stop, callback=lambda p: thetas.append(p.iterate.theta))
    return result, thetas


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("bad", [1, 2, 3])
def test_a_bad_evaluation_is_made_again_and_the_step_where_that_does_not_help(how: str, bad: int) -> None:
    """One alone never reaches the solver, two spoil a step, and the third spoils nothing but the second attempt."""
    _, clean = followed(lambda number: False, how)
    result, thetas = followed(lambda number: 7 <= number < 7 + bad, how)
    assert result.status is Status.STOPPED and result.message.endswith(f"not finite and left out: {bad}.")
    assert result.counts.gradients == 13 + bad
    assert all(torch.equal(a, b) for a, b in zip(thetas, clean, strict=True))


@pytest.mark.parametrize("how", KINDS)
def test_a_run_ends_where_no_attempt_is_finite(how: str) -> None:
    """The result is the last finite iterate, whose state goes on as if nothing had been."""
    _, clean = followed(lambda number: False, how)
    result, _ = followed(lambda number: number >= 7, how)
    assert (result.status, result.nit) == (Status.NOT_FINITE, 6)
    assert torch.equal(result.iterate.theta, clean[5])
    start = replace(result.progress, iteration=5)
    assert torch.equal(minimise(Differentiated(rosenbrock), start, Adam(0.1), Iterations(12)).iterate.theta, clean[12])


@pytest.mark.parametrize("power", [160, 200, 250])
def test_gradients_whose_squares_overflow(power: int) -> None:
    """f and ∇f are finite, ‖∇f‖² is not: steps are still taken, downwards, and the run is no endless loop."""
    classic = CLASSICS["himmelblau"]
    objective = Differentiated(lambda x: 10.0**power * classic.function(x))
    result = run(objective, classic.theta(), StrongWolfe(), 200)
    assert float(result.iterate.f) < 1e-6 * 10.0**power


def falling(theta: Tensor) -> Tensor:
    return -torch.exp(theta).sum()


@pytest.mark.parametrize("function", [falling, lambda theta: theta.sum(), lambda theta: -(theta**4).sum()])
def test_unbounded_functions_do_not_trap_the_run(function: Callable[[Tensor], Tensor]) -> None:
    """A function without a minimum is followed as far as numbers go."""
    objective = Differentiated(function)
    result = run(objective, torch.ones(2, dtype=torch.float64), StrongWolfe(), 100)
    assert objective.evaluations <= 100
    assert float(result.iterate.f) < -1e10
