"""Soft conditions that balance themselves: traces of the blocks of JJᵀ, the weights made of them, and what is left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from loss_reference import system
from small_problems import TINY, heat, oscillator, ring, string, tiny
from torch import Tensor

import pinnml as pm
from pinnml.adapt import AbstractBalance, EqualTraces
from pinnml.loss import Discretisation, PinnObjective, balanced, check_start, traces
from pinnml.network import Workspace
from pinnml.points import sample


def loss(problem: pm.Problem, network: Any = TINY, points: int = 40, **settings: Any) -> tuple[PinnObjective, Tensor]:
    """The loss of a small network, with biases that are not zero."""
    domain, generator = problem.domain, torch.Generator().manual_seed(0)
    bound = network.bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = bound.initial(generator, torch.float64, torch.device("cpu"))
    theta = theta + 0.2 * torch.randn(len(theta), generator=generator, dtype=torch.float64)
    collocation = sample(problem, pm.Hammersley(points), generator)
    return PinnObjective(problem, Discretisation(bound, collocation, **settings)), theta


def soft(**changes: Any) -> pm.Problem:
    """The heat equation with initial and boundary values by penalties."""
    return heat(**({"hard": ()} | changes))


def probed(**settings: Any) -> pm.Problem:
    """The same with values at two points."""
    probe = pm.Data({"t": [0.1, 0.3], "x": [0.5, 1.0]}, u=[0.4, 0.5], **settings)
    return soft(conditions=heat().conditions | {"probe": probe})


def test_traces_are_those_of_the_written_out_jacobian() -> None:
    case = system()
    collocation, theta = case.collocation(), case.theta()
    objective = PinnObjective(case.problem, Discretisation(case.network, collocation), chunk=7)
    sizes = [chunk.at(theta, Workspace()).residual.numel() for chunk in objective.chunks]
    expected = dict.fromkeys(case.problem.soft_terms, 0.0)
    rows = case.jacobian(theta, collocation, 7).split(sizes)
    for chunk, part in zip(objective.chunks, rows, strict=True):
        expected[chunk.term.name] += float(part.square().sum())
    assert objective.traces(theta) == pytest.approx(expected, rel=1e-10)
    assert traces(objective, theta, 600) == pytest.approx(expected, rel=1e-10)


def test_a_trace_is_near_on_a_share_of_the_points() -> None:
    objective, theta = loss(soft(), points=2000)
    assert traces(objective, theta, 100) == pytest.approx(objective.traces(theta), rel=0.1)


def test_balanced_conditions_get_the_trace_of_the_equations() -> None:
    objective, theta = loss(probed(sigma=0))
    weights = EqualTraces().weights(objective, theta)
    assert sorted(weights) == ["probe", "start", "walls"]
    found = objective.on(replace(objective.discretisation, weights=weights)).traces(theta)
    assert found == pytest.approx(dict.fromkeys(found, found["pde"]), rel=1e-12)
    # weights that are in force already make no difference to what comes out
    again = objective.on(replace(objective.discretisation, weights={"start": 7.0, "walls": 0.1}))
    assert EqualTraces().weights(again, theta) == pytest.approx(weights, rel=1e-12)


@pytest.mark.parametrize("settings", [{}, {"sigma": 0.1}, {"sigma": {"u": 0.1}}, {"weight": 1.0}, {"weight": 3.0}])
def test_measurements_and_fixed_weights_are_left_alone(settings: dict[str, Any]) -> None:
    assert sorted(EqualTraces().weights(*loss(probed(**settings)))) == ["start", "walls"]


def test_a_system_weighs_the_same_as_one_condition_or_as_several() -> None:
    together = oscillator()
    apart = pm.Problem(
        together.domain,
        ["u", "v"],
        conditions={
            "position": pm.Interior(lambda u_t, v: u_t - v),
            "velocity": pm.Interior(lambda v_t, u: v_t + u),
            "start": together.conditions["start"],
        },
    )
    one, several = (EqualTraces().weights(*loss(problem)) for problem in (together, apart))
    assert list(one) == list(several) == ["start"]
    assert one["start"] == pytest.approx(several["start"], rel=1e-12)


def test_what_theta_does_not_move_keeps_its_weight() -> None:
    embedded = pm.MLP(width=4, depth=1, embedding=pm.PeriodicEmbedding("x"))
    assert sorted(EqualTraces().weights(*loss(ring(), embedded))) == ["start"]
    assert sorted(EqualTraces().weights(*loss(ring()))) == ["ring", "start"]


@pytest.mark.parametrize("trace", [math.inf, math.nan, 0.0, 1e-24])
def test_traces_that_say_nothing_are_not_balanced(trace: float, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"pde": 2.0, "start": 4.0, "walls": trace}
    monkeypatch.setattr("pinnml.loss.balance.traces", lambda *_: known)
    assert EqualTraces().weights(*loss(soft())) == {"start": 0.5}
    known |= {"pde": trace, "walls": 4.0}
    assert EqualTraces().weights(*loss(soft())) == ({} if trace != 1e-24 else {"start": 2.5e-25, "walls": 2.5e-25})


def test_a_condition_in_small_units_is_balanced_in_double_precision() -> None:
    tip = pm.Value(u=1e-9, on="x=0")
    law = pm.Interior(lambda u_x, x: 1e9 * (u_x - 1e-9 * x))
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions={"law": law, "tip": tip})
    objective, theta = loss(problem)
    assert EqualTraces().weights(objective, theta)["tip"] > 1e17


def test_residuals_that_are_not_finite_are_not_balanced() -> None:
    conditions = {"pde": pm.Interior(lambda u, x: u / (0 * x)), "walls": pm.Value(u=0.0, on="x=0")}
    assert EqualTraces().weights(*loss(pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions=conditions))) == {}


def test_without_an_equation_nothing_is_balanced() -> None:
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions={"ends": pm.Value(u=0.0, on=["x=0", "x=1"])})
    assert EqualTraces().weights(*loss(problem)) == {}


@dataclass(frozen=True)
class Refusing(AbstractBalance):
    """A rule that must not be asked."""

    def weights(self, objective: PinnObjective, theta: Tensor) -> Mapping[str, float]:
        raise AssertionError


@pytest.mark.parametrize(
    "problem",
    [heat(), string(), heat(conditions=heat().conditions | {"probe": pm.Data({"t": [0.1], "x": [0.5]}, u=[0.4])})],
)
def test_a_rule_is_not_asked_where_nothing_is_to_be_balanced(problem: pm.Problem) -> None:
    objective, theta = loss(problem)
    assert balanced(problem, objective.discretisation, Refusing(), theta) is objective.discretisation
    whole, without = (tiny(problem, balance=balance) for balance in (Refusing(), None))
    assert torch.equal(whole.theta, without.theta) and whole.run.discretisation.weights == {}


def test_a_run_is_balanced_at_its_start_and_not_without_a_rule() -> None:
    solution = tiny(soft(), 0)
    objective = PinnObjective(soft(), replace(solution.run.discretisation, weights={}))
    weights = EqualTraces().weights(objective, solution.theta)
    assert solution.run.discretisation.weights == pytest.approx(weights, rel=1e-12)
    assert tiny(soft(), 3).run.discretisation.weights == solution.run.discretisation.weights
    assert tiny(soft(), 0, balance=None).run.discretisation.weights == {}
    with pytest.raises(pm.DeclarationError, match=r"balance is 'equal'.*EqualTraces\(\), or None"):
        tiny(soft(), 0, balance="equal")


def test_single_precision_gives_nearly_the_same_weights() -> None:
    single, double = (tiny(soft(), 0, dtype=dtype) for dtype in (torch.float32, torch.float64))
    expected = double.run.discretisation.weights
    assert single.run.discretisation.weights == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("sigma", [0.1, {"u": 0.1}])
def test_measurements_are_weighed_by_their_noise(sigma: Any) -> None:
    stated, theta = loss(probed(sigma=sigma))
    weighed, plain = loss(probed(weight=100.0))[0], loss(probed())[0]
    assert stated.losses(theta) == pytest.approx(weighed.losses(theta), rel=1e-12)
    assert stated.losses(theta)["probe"] == pytest.approx(100 * plain.losses(theta)["probe"], rel=1e-12)
    assert stated.traces(theta) == pytest.approx(weighed.traces(theta), rel=1e-12)


def test_each_field_has_its_own_noise() -> None:
    probe = pm.Data({"t": [0.5]}, u=[1.0], v=[2.0], sigma={"v": 0.5, "u": 0.25})
    problem = pm.Problem(oscillator().domain, ["u", "v"], conditions=oscillator().conditions | {"probe": probe})
    values = dict(zip(problem.terms["probe"].derivatives, torch.tensor([[3.0], [4.0]]), strict=True))
    term = problem.terms["probe"]
    assert term.residual(torch.tensor([[0.5]]), values, term.region.data).tolist() == [[8.0], [4.0]]


def light(problem: pm.Problem, **settings: Any) -> list[pm.Finding]:
    return [finding for finding in check_start(*loss(problem, **settings)) if "times lighter" in finding.what]


def test_a_light_condition_is_named_with_a_remedy() -> None:
    walls = pm.Value(u=0.0, on=["x=0", f"x={math.pi}"], weight=1e-5)
    (finding,) = light(soft(conditions=heat().conditions | {"walls": walls}))
    assert finding.where == "condition 'walls'" and not finding.fatal and "leave out its weight" in finding.remedy
    assert light(soft()) == []


def test_no_condition_is_light_that_a_rule_has_weighed_or_that_holds_anyway() -> None:
    objective, theta = loss(soft())
    weights = EqualTraces().weights(objective, theta)
    assert check_start(objective.on(replace(objective.discretisation, weights=weights)), theta) == []
    heavy = pm.Value(u=0.0, on=["x=0", f"x={math.pi}"], weight=1e7)
    problem = soft(conditions=heat().conditions | {"walls": heavy})
    assert [finding.where for finding in light(problem)] == ["condition 'start'"]
    assert light(problem, weights=weights | {"walls": 1e7}) == []
    assert light(heat()) == []
    assert light(ring(), network=pm.MLP(width=4, depth=1, embedding=pm.PeriodicEmbedding("x"))) == []


def test_a_loss_that_a_rule_has_made_large_is_no_finding() -> None:
    objective, theta = loss(soft())
    heavy = objective.on(replace(objective.discretisation, weights={"start": 1e7, "walls": 1e7}))
    assert check_start(heavy, theta) == []
    declared = pm.Value(u=lambda x: torch.sin(x), on="t=0", weight=1e7)
    found = check_start(*loss(soft(conditions=heat().conditions | {"start": declared})))
    scales = [finding for finding in found if "loss of 'start'" in finding.what]
    assert [finding.where for finding in scales] == ["the weights of the conditions"]
