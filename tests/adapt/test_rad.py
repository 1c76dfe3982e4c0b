"""Points that follow the residual: how many, when, where, and reproducibly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml.adapt import RAD, Renewal, Stage
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import Counts, Iterate, Watch
from pinnml.optim import Progress
from pinnml.points import ConditionPoints, sample

RULE = RAD(stages=(Stage(40, every=2, until=5), Stage(90, every=3)), pool=15, gap=0.0)  # renewed whenever due


def front(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """A residual that is large near x = 0.25 whatever the network says."""
    return torch.exp(-(((x - 0.25) / 0.05) ** 2)) + 1e-3 * u


def renewal(rule: RAD = RULE) -> tuple[Renewal, torch.Tensor]:
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions={"pde": pm.Interior(front)})
    network = pm.MLP(width=4, depth=1).bind(("x",), (0,), (1,), 1)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    objective = PinnObjective(problem, Discretisation(network, sample(problem, pm.Sobol(40), generator)))
    return Renewal(rule, objective, generator), theta


def counts(rule: RAD, iterations: int) -> list[int]:
    renew, theta = renewal(rule)
    found = []
    for iteration in range(1, iterations + 1):
        zero = torch.zeros(())
        renew(Progress(iteration, Iterate(theta, zero, theta), 0.0, Counts()))
        found.append(len(renew.collocation["pde"].x))
    return found


def test_the_ladder_is_climbed_and_points_are_renewed_when_due() -> None:
    assert counts(RULE, 8) == [40, 40, 40, 40, 90, 90, 90, 90]
    renew, theta = renewal()
    due = [
        renew(Progress(iteration, Iterate(theta, torch.zeros(()), theta), 0.0, Counts())) is not None
        for iteration in range(1, 10)
    ]
    assert due == [False, True, False, True, True, True, False, False, True]


def test_a_look_at_the_points_and_the_draw_of_others_count_as_residuals_there() -> None:
    """A third of a unit for all 40 points: the loss, 64 probes, and 15 candidates for each of 90 points."""
    renew, theta = renewal(replace(RULE, probes=64))
    for iteration, expected in ((3, 0.0), (5, (40 + 64 + 15 * 90) / 40 / 3)):
        work: list[float] = []
        with renew.objective.watched(Watch(add=work.append)):
            renew(Progress(iteration, Iterate(theta, torch.zeros(()), theta), 0.0, Counts()))
        assert sum(work) == pytest.approx(expected)


def test_points_gather_where_the_residual_is_large() -> None:
    renew, theta = renewal(RAD(stages=(Stage(400, every=1),), pool=10, uniform=0.5, gap=0.0))
    renew(Progress(1, Iterate(theta, torch.zeros(()), theta), 0.0, Counts()))
    points = renew.collocation["pde"]
    near = ((points.x[:, 0] - 0.25).abs() < 0.1).double().mean()
    # uniform points would put 20 % there; half of the points are drawn, mostly near
    assert 0.4 < near < 0.7
    assert points.weights.sum() == pytest.approx(1)
    # weights undo the density: the points stand for the whole domain, where x has the mean ½ and a mean square of ⅓
    assert (points.weights * points.x[:, 0]).sum() == pytest.approx(1 / 2, abs=2e-3)
    assert (points.weights * points.x[:, 0] ** 2).sum() == pytest.approx(1 / 3, abs=2e-3)
    assert points.x[:, 0].mean() < 0.45
    uniform, theta = renewal(RAD(stages=(Stage(400, every=1),), pool=10, uniform=1.0, gap=0.0))
    uniform(Progress(1, Iterate(theta, torch.zeros(()), theta), 0.0, Counts()))
    assert ((uniform.collocation["pde"].x[:, 0] - 0.25).abs() < 0.1).double().mean() < 0.3


def test_points_that_stand_for_the_domain_stay() -> None:
    """At forty Sobol' points the residual is what it is elsewhere; at forty points on the left it is not."""
    rule = RAD(stages=(Stage(40, every=1, until=3), Stage(90, every=1)), pool=15, gap=1.5)
    renew, theta = renewal(rule)
    progress = [Progress(number, Iterate(theta, torch.zeros(()), theta), 0.0, Counts()) for number in (1, 2, 3)]
    assert [renew(one) for one in progress] == [None, None, None] and len(renew.collocation["pde"].x) == 40
    right = torch.linspace(0.6, 1, 40, dtype=torch.float64)[:, None]
    points = {"pde": ConditionPoints(right, torch.full((40,), 1 / 40, dtype=torch.float64))}
    before = renew.objective
    renew.objective = PinnObjective(before.problem, Discretisation(before.network, points))
    assert renew(progress[0]) is not None and (renew.collocation["pde"].x < 0.5).any()


def solved(**more: Any) -> pm.Solution:
    return pm.solve(
        heat(),
        pm.ResNet(width=6, blocks=3),
        points=pm.Sobol(40),
        refine=RULE,
        stop=pm.Iterations(7),
        device="cpu",
        **more,
    )


@pytest.mark.parametrize(
    "solver", [pm.LBFGS(), pm.levels.TwoLevel(), pm.LevenbergMarquardt()], ids=lambda s: type(s).__name__
)
def test_a_refined_run_repeats_to_the_bit(solver: Any) -> None:
    first, again, other = (solved(solver=solver, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.theta, again.theta) and not torch.equal(first.theta, other.theta)
    assert len(first.collocation["pde"].x) == 90
    assert first.history[-1].loss < first.history[0].loss


def test_secant_pairs_do_not_outlive_their_points() -> None:
    seen: list[int] = []

    class Watched(pm.LBFGS):
        def renewed(self, objective: Any, iterate: Iterate, state: Any) -> Any:
            fresh = super().renewed(objective, iterate, state)
            seen.append(len(fresh.memory))
            return fresh

    solved(solver=Watched())
    assert seen and not any(seen)


def test_wrong_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="Stage"):
        Stage(0, every=1)
    with pytest.raises(ValueError, match="needs its end"):
        RAD(stages=(Stage(10, 1), Stage(20, 1)))
    with pytest.raises(ValueError, match="uniform"):
        RAD(uniform=1.5)
    with pytest.raises(ValueError, match="pool"):
        RAD(pool=0.5)
    with pytest.raises(pm.DeclarationError, match="refine"):
        pm.solve(heat(), refine=20)  # type: ignore[arg-type]
