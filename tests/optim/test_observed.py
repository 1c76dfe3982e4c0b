"""Steps from values of f alone: what they are on quadratics, what they hold, and what methods do with them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from classical_functions import CLASSICS, Differentiated
from hypothesis import given, settings
from hypothesis import strategies as st
from test_searches import FIRST, Line, check_common, lines, searched
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import Iterate
from pinnml.optim import (
    AbstractSolver,
    Adam,
    Armijo,
    Evaluations,
    GradientDescent,
    Iterations,
    ObservedLipschitz,
    Search,
    Searched,
    Status,
    StrongWolfe,
    minimise,
)
from pinnml.optim.line_search import Outcome

close = torch.testing.assert_close

H = torch.diag(torch.tensor([1.0, 3.0, 10.0], dtype=torch.float64))


def quadratic(x: Tensor) -> Tensor:
    return 0.5 * x.dot(H @ x)


@settings(max_examples=80, deadline=None)
@given(line=lines(), first=FIRST, c1=st.sampled_from([1e-4, 0.3]), trials=st.integers(1, 30))
def test_sufficient_decrease_holds_and_each_trial_is_what_the_one_before_has_shown(
    line: Line, first: float, c1: float, trials: int
) -> None:
    """The next trial is the minimum of the parabola with f(0), f′(0) and f(α), between a tenth and a half of α."""
    found, objective, start, slope = searched(line, ObservedLipschitz(c1, trials), first)
    check_common(found, objective, start, trials)
    steps = [float(theta[0]) for theta in objective.visited]
    changes = [float(line(theta[0])) - float(start.f) for theta in objective.visited]
    assert steps[0] == first
    for (step, following), change in zip(pairwise(steps), changes, strict=False):
        assert not change <= c1 * step * slope
        omega = 2 * (change - step * slope) / step**2
        assert following == pytest.approx(min(max(-slope / omega, 0.1 * step), 0.5 * step), rel=1e-9)
    assert (changes[-1] <= c1 * steps[-1] * slope) is (found.outcome is Outcome.WOLFE)


def test_the_second_trial_is_the_minimum_of_a_quadratic() -> None:
    found, *_ = searched(lambda a: (a - 1) ** 2, ObservedLipschitz(), 3.0)
    assert found.trials == 2 and found.step == pytest.approx(1.0, rel=1e-14)


def test_a_trial_that_is_not_finite_is_a_tenth_the_next_time() -> None:
    found, objective, _, _ = searched(lambda a: (1 - a).log() * 0 + (a - 0.1) ** 2, ObservedLipschitz(), 5.0)
    assert [float(theta[0]) for theta in objective.visited] == [5.0, 0.5, pytest.approx(0.1)]
    assert found.outcome is Outcome.WOLFE


def test_steepest_descent_on_a_quadratic_takes_the_steps_of_barzilai_and_borwein() -> None:
    """α = s·s/s·y of the step before, by values of f instead of gradients."""
    objective = Differentiated(quadratic)
    solver = GradientDescent(ObservedLipschitz(c1=1e-12, growth=1e6))
    start, visited = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64), list[Iterate]()
    minimise(objective, start, solver, Iterations(12), callback=lambda p: visited.append(p.iterate))
    at_first = 0
    for old, now, new in zip(visited, visited[1:], visited[2:], strict=False):
        s, y = now.theta - old.theta, now.grad - old.grad
        step = s.dot(s) / s.dot(y)
        trial = now.theta - step * now.grad
        at_first += bool(torch.allclose(new.theta, trial, rtol=1e-6, atol=0))
        if float(quadratic(trial)) <= float(now.f) - 1e-12 * float(step * now.grad.square().sum()):
            close(new.theta, trial, rtol=1e-6, atol=1e-12)
    assert at_first >= 6


def known(search: Search, before: float, line: Line, step: float) -> float:
    """What a search learns from a step along +1."""
    objective = Differentiated(lambda x: line(x[0]))
    start = objective.at(torch.zeros(1, dtype=torch.float64))
    direction, slope = torch.ones(1, dtype=torch.float64), float(start.grad[0])
    found = Searched(objective.at(step * direction), step, 1, Outcome.WOLFE)
    return search.learned(before, start, direction, slope, found)


def test_what_is_learned_is_the_bend_and_falls_no_faster_than_growth() -> None:
    search = ObservedLipschitz(growth=2.0)
    assert known(search, 3.0, lambda a: 4 * a**2 - a, 0.1) == pytest.approx(8.0)
    assert known(search, 100.0, lambda a: 4 * a**2 - a, 0.1) == pytest.approx(50.0)
    assert known(search, 6.0, lambda a: -(a**2) - a, 0.1) == 3.0  # bent downwards
    assert known(search, 0.0, lambda a: -(a**2) - a, 0.1) == pytest.approx(5.0)  # ω = 10 would have made this step
    assert known(search, 6.0, lambda a: 1e9 - 1e-9 * a, 0.1) == 6.0  # rounding
    assert known(Armijo(), -3.0, lambda a: -2 * a, 0.5) == -2.0
    assert known(Armijo(), -3.0, lambda a: 0 * a, 0.5) == -3.0


def test_the_first_trial_is_the_best_step_for_the_bend_that_is_known() -> None:
    direction = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert ObservedLipschitz().opening(0.5, direction, -10.0) == pytest.approx(10 / (0.5 * 25))
    for search in (ObservedLipschitz(), Armijo(), StrongWolfe()):
        assert search.opening(0.0, direction, -10.0) == pytest.approx(1 / 5)
        assert search.opening(0.0, 0 * direction, -10.0) == 1.0
    assert Armijo().opening(-1.0, direction, -10.0) == pytest.approx(0.1)


FIRST_ORDER: dict[str, AbstractSolver] = {
    "descent by the bend": GradientDescent(),
    "descent, Armijo": GradientDescent(Armijo()),
    "descent, Wolfe": GradientDescent(StrongWolfe()),
    "Adam by the bend": Adam(0.05, search=ObservedLipschitz()),
    "Adam, Armijo": Adam(0.05, search=Armijo()),
}


@pytest.mark.parametrize("solver", FIRST_ORDER)
@pytest.mark.parametrize("name", ["beale", "dixon-price", "broyden-tridiagonal"])
def test_minima_are_found_without_a_rise(name: str, solver: str) -> None:
    """Down to 1e-9 of the start in 600 evaluations; the slowest takes 470."""
    classic, values = CLASSICS[name], list[float]()
    objective = classic.objective()
    minimise(
        objective, classic.theta(), FIRST_ORDER[solver], Evaluations(600),
        callback=lambda p: values.append(float(p.iterate.f)),
    )  # fmt: skip
    assert all(after <= before for before, after in pairwise(values))
    assert values[-1] < 1e-9 * values[0]


def test_one_evaluation_a_step_is_enough_where_f_bends_alike() -> None:
    objective = Differentiated(lambda x: (1 + x.square().sum()).sqrt())
    result = minimise(objective, torch.full((4,), 3.0, dtype=torch.float64), GradientDescent(), Iterations(7))
    assert objective.evaluations == result.nit + 2  # the start, and one step that was too long
    assert float(result.iterate.f) - 1 < 1e-8


def test_adam_with_a_search_takes_adams_first_step_and_turns_where_momentum_points_uphill() -> None:
    classic = CLASSICS["booth"]
    objective, solver = classic.objective(), Adam(0.01, search=ObservedLipschitz())
    iterate = objective.at(classic.theta())
    state = solver.init(objective, iterate)
    plain = Adam(0.01)
    expected, moments, _ = plain.step(objective, iterate, plain.init(objective, iterate))
    first, after, status = solver.step(objective, iterate, state)
    close(first.theta, expected.theta, rtol=1e-14, atol=1e-16)
    assert torch.equal(after.first, moments.first) and after.known > 0 and status is Status.RUNNING
    turned = type(after)(-100 * after.first, after.second, after.steps, 0.0, after.plateau)
    second, later, _ = solver.step(objective, first, turned)
    way = second.theta - first.theta
    assert float(second.f) < float(first.f)
    root = (later.second / (1 - 0.999**2)).sqrt() + 1e-8
    scaled = way * root / -first.grad
    close(scaled, scaled[0].expand_as(scaled), rtol=1e-6, atol=0)


def test_adam_at_a_minimum_ends() -> None:
    classic = CLASSICS["booth"]
    solver = Adam(0.1, search=ObservedLipschitz())
    result = minimise(classic.objective(), torch.tensor([1.0, 3.0], dtype=torch.float64), solver, Iterations(9))
    assert result.status is Status.CONVERGED and result.nit == 1
    again = minimise(classic.objective(), classic.theta(), solver, Evaluations(5000))
    assert again.success and again.counts.evaluations < 5000, again.message


@pytest.mark.parametrize("changed", [{"growth": 1.0}, {"c1": 0.0}, {"max_trials": 0}, {"growth": math.nan}])
def test_wrong_settings_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="where: ObservedLipschitz"):
        ObservedLipschitz(**changed)
