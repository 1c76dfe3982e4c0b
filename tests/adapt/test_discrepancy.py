"""Noisy measurements against exact equations: their weight falls until a network cannot follow their noise."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat, tiny

import pinnml as pm
from pinnml.adapt import Discrepancy, DiscrepancyState, Fixed, misfit
from pinnml.adapt.discrepancy import LOWEST, measurements, noisy, weighed
from pinnml.loss import PinnObjective
from pinnml.objective import Counts
from pinnml.optim import LevenbergMarquardt, Progress

GRID = torch.cartesian_prod(torch.linspace(0.2, 1, 5), torch.linspace(0.3, 2.7, 9)).double()
NOISE = 0.01


def measured(sigma: float | None = NOISE, noise: float = NOISE) -> pm.Problem:
    """The heat equation with an unknown conductivity of 1/2, of which there are 45 measurements."""
    t, x = GRID.T
    normal = torch.randn(len(t), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    told = {} if sigma is None else {"sigma": sigma}
    known = {"data": pm.Data({"t": t, "x": x}, u=torch.exp(-0.5 * t) * torch.sin(x) + noise * normal, **told)}
    conditions = dict(heat().conditions) | known
    return heat(parameters={"kappa": pm.Unknown(1.0, lower=0)}, conditions=conditions)


def solved(problem: pm.Problem, iterations: int = 60, **settings: Any) -> pm.Solution:
    return pm.solve(
        problem, pm.ResNet(width=5, blocks=2), LevenbergMarquardt(), points=pm.Hammersley(100), device="cpu",
        stop=pm.Iterations(iterations), **settings,
    )  # fmt: skip


def objective_of(solution: pm.Solution) -> PinnObjective:
    return PinnObjective(solution.problem, solution.run.discretisation)


@pytest.mark.slow
def test_the_noise_is_followed_without_the_rule_and_not_with_it() -> None:
    without, found = solved(measured(), refine=Fixed(100)), solved(measured())
    assert isinstance(found.setup.refine, Discrepancy)
    deviation = math.sqrt(2 / 45)
    assert misfit(objective_of(without), without.theta) < 0.5
    assert 1 - 3 * deviation < misfit(objective_of(found), found.theta) < 1 + 3 * deviation
    assert found.run.discretisation.weights["data"] < 1e-2
    known, off = found.parameters["kappa"], abs(without.parameters["kappa"].value - 0.5)
    assert known.interval is not None and known.interval[0] < 0.5 < known.interval[1]
    assert abs(known.value - 0.5) < min(off, 0.02)


@pytest.mark.slow
def test_less_noise_than_was_said_is_not_looked_for_for_ever() -> None:
    found = solved(measured(sigma=1.0), 60)
    assert misfit(objective_of(found), found.theta) < 1e-3
    assert 1e-6 <= found.run.discretisation.weights["data"] <= 1.1e-3


def test_the_misfit_is_the_mean_square_of_what_is_left_in_units_of_the_noise() -> None:
    solution = tiny(measured(), 3, refine=Fixed(40))
    t, x = GRID.T.numpy()
    left = solution(t=t, x=x) - solution.problem.terms["data"].region.data["u"].numpy()
    objective = objective_of(solution)
    for one in (objective, weighed(objective, 1e-3)):
        assert one is not None and noisy(one) == ["data"] and measurements(one) == 45
        assert misfit(one, solution.theta) == pytest.approx(float((left**2).mean()) / NOISE**2)
    assert weighed(objective, LOWEST / 2) is None


def test_without_a_noise_that_is_known_nothing_changes() -> None:
    plain, with_rule = (solved(measured(None), 9, refine=rule) for rule in (Fixed(100), Discrepancy(Fixed(100))))
    assert torch.equal(plain.theta, with_rule.theta) and not with_rule.run.discretisation.weights.keys() & {"data"}


def test_measurements_of_all_conditions_count_alike() -> None:
    at = {"t": [0.1, 0.2, 0.3], "x": [1.0, 1.0, 1.0]}
    both = {
        "few": pm.Data({"t": [0.5], "x": [1.0]}, u=[0.6], sigma=0.1),
        "more": pm.Data(at, u=[0.8, 0.8, 0.7], sigma={"u": 0.2}),
        "unknown noise": pm.Data(at, u=[0.8, 0.8, 0.7]),
    }
    terms = heat(conditions=dict(heat().conditions) | both).terms
    assert [terms[name].weight for name in both] == [0.5, 1.5, 1.0]
    assert measured().terms["data"].weight == 1.0


@pytest.mark.slow
def test_a_run_that_is_resumed_goes_on_to_the_bit(tmp_path: Path) -> None:
    whole = solved(measured(), 12)
    solved(measured(), 9, out=tmp_path)
    last = pm.resume(tmp_path, measured(), stop=pm.Iterations(12))
    assert torch.equal(last.theta, whole.theta) and last.run.adaptation == whole.run.adaptation
    assert dict(last.run.discretisation.weights) == dict(whole.run.discretisation.weights)


@pytest.mark.parametrize(("share", "divided"), [(1e4, True), (1e-4, False)])
def test_what_is_left_of_the_equations_does_not_decide(share: float, divided: bool) -> None:
    """Measurements that are met but for their noise lose weight while they have more of the loss than the equations."""
    solution = tiny(measured(sigma=0.05), 30, solver=LevenbergMarquardt(), refine=Fixed(40))
    met = weighed(objective_of(solution), share)
    assert met is not None
    wide = math.sqrt(misfit(met, solution.theta)) * 0.05  # the noise of which this θ leaves M = 1
    problem = measured(sigma=wide)
    objective = PinnObjective(problem, met.discretisation)
    progress = Progress(8, objective.at(solution.theta), 0.0, Counts())
    assert misfit(objective, solution.theta) == pytest.approx(1.0)
    rule, generator = Discrepancy(Fixed(40)), torch.Generator()
    found, state = rule.adapted(progress, objective, generator, DiscrepancyState(8))
    assert (found is not None) == divided and state.due == 16
