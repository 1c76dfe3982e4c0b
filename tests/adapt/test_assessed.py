"""Estimates on the way for rules that make none: when they are due, what they end, and that a run goes on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from disc import Disc
from small_problems import heat

import pinnml as pm
from pinnml.adapt import RAD, Assessed, Fixed, Insertion
from pinnml.adapt.rule import Stage
from pinnml.optim import Estimate, Status

SMALL: dict[str, Any] = {"network": pm.MLP(8, 2), "solver": pm.LBFGS(), "points": pm.Hammersley(100), "device": "cpu"}
RULES = {"points that stay": None, "renewed": RAD(stages=(Stage(100, 5),))}


def estimated(solution: pm.Solution) -> list[tuple[int, float]]:
    """The iterations with an estimate, and the work until then; the last row has one in any case."""
    return [(row.iteration, row.work) for row in solution.history[:-1] if row.estimate is not None]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
def test_any_solver_can_be_asked_for_an_accuracy(rule: Any, dtype: torch.dtype) -> None:
    solution = pm.solve(heat(), accuracy=0.05, refine=rule, dtype=dtype, **SMALL)
    error, estimate = solution.error(), solution.estimate
    assert solution.result.message.startswith("The estimated error") and estimate is not None and error is not None
    assert estimate.trustworthy and estimate.largest <= 0.05
    assert error.relative_l2 == pytest.approx(estimate.largest, rel=0.1)


def test_a_module_of_ones_own_too() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    solution = pm.solve(heat(), accuracy=0.1, **(SMALL | {"network": module}))
    error = solution.error()
    assert error is not None and error.relative_l2 < 0.11


def test_estimates_are_due_when_the_work_has_grown() -> None:
    rule = Assessed(Fixed(100), every=10, growth=2.0)
    works = [work for _, work in estimated(pm.solve(heat(), refine=rule, stop=pm.stop.Work(100), **SMALL))]
    assert works[0] < 15 and len(works) == 4
    assert all(2 * before <= after < 2 * before + 5 for before, after in pairwise(works))


def test_a_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    rule = Assessed(RAD(stages=(Stage(100, 5),)), every=10)
    whole = pm.solve(heat(), refine=rule, stop=pm.Iterations(40), **SMALL)
    pm.solve(heat(), refine=rule, stop=pm.Iterations(23), out=tmp_path, **SMALL)
    again = pm.resume(tmp_path, heat(), stop=pm.Iterations(40))
    assert torch.equal(again.theta, whole.theta)
    assert [row for row in estimated(again) if row[0] != 23] == estimated(whole) != []


def test_a_run_whose_error_stays_ends_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(*of: Any) -> Estimate:
        return Estimate({"u": 0.5}, True, "So be it.")

    monkeypatch.setattr("pinnml.adapt.assessed.confirmed", stuck)
    solution = pm.solve(heat(), refine=Assessed(Fixed(100), every=10, patience=3.0), accuracy=1e-3, **SMALL)
    assert solution.result.status is Status.FINISHED
    assert "has not fallen below 5.0e-01 from" in solution.result.message
    work = solution.history[-1].work
    assert 30 <= work < 60


def on_a_disc() -> pm.Problem:
    conditions = {"pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy - 1), "rim": pm.Value(u=0.0, on="rim")}
    return pm.Problem(domain=Disc((0.0, 0.0), 1.0), fields=["u"], conditions=conditions)


def test_where_nothing_is_known_no_run_ends_because_of_it() -> None:
    rule = Assessed(Fixed(100), every=5, patience=1.5)
    solution = pm.solve(on_a_disc(), refine=rule, stop=pm.stop.Work(60), **SMALL)
    assert solution.result.status is Status.STOPPED and solution.history[-1].work > 50


def measured() -> pm.Problem:
    return heat(conditions=dict(heat().conditions) | {"sensor": pm.Data({"t": [0.5], "x": [1.0]}, u=[0.6])})


@pytest.mark.parametrize(
    "settings",
    [
        {"solver": pm.LBFGS()},
        {"dtype": torch.float32},
        {"network": torch.nn.Linear(2, 1)},
        {"refine": Assessed()},
        {"refine": Insertion(Assessed()), "solver": pm.LBFGS()},
    ],
)
def test_an_accuracy_that_nobody_estimates_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(pm.DeclarationError, match="No error is estimated"):
        pm.solve(measured(), accuracy=1e-3, **settings)
