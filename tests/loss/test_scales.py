"""Sizes of fields: found from the linearised equations, in proportion to the solution, and one where they are near."""

from __future__ import annotations

import math
from typing import Any

import pinnml.problems as problems
import pytest
import torch
from small_problems import heat, oscillator, ring, string

import pinnml as pm
from pinnml.adapt import AbstractScaling, LinearisedSizes
from pinnml.loss import Discretisation, PinnObjective, measured, place
from pinnml.loss.lifted import Lifted, Scaled
from pinnml.loss.scales import linearised
from pinnml.network import ChainNetwork, Workspace, regrown
from pinnml.points import sample


def loss(problem: pm.Problem, network: Any = None, points: int = 200, seed: int = 0) -> PinnObjective:
    domain, generator = problem.domain, torch.Generator().manual_seed(seed)
    network = network or pm.MLP(width=6, depth=2)
    bound = network.bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    return PinnObjective(problem, Discretisation(bound, sample(problem, pm.Hammersley(points), generator)))


def sizes(problem: pm.Problem, network: Any = None, **settings: Any) -> dict[str, float]:
    return LinearisedSizes(**settings).sizes(loss(problem, network))


def poisson(size: float, hard: bool = True) -> pm.Problem:
    """Return u_xx = −π²c sin πx; u = c sin πx."""
    pde = pm.Interior(lambda u_xx, x: u_xx + size * math.pi**2 * torch.sin(math.pi * x))
    return string(conditions=string().conditions | {"pde": pde}, hard={"ends"} if hard else ())


def two(size: float, units: float = 1.0, apart: bool = False) -> pm.Problem:
    """Return u_xx = v/c, v_xx = cπ⁴ sin πx in any units; u = sin πx, v = −cπ² sin πx."""

    def bent(u_xx: Any, v: Any) -> Any:
        return u_xx - v / size

    def loaded(v_xx: Any, x: Any) -> Any:
        return units * (v_xx / size - math.pi**4 * torch.sin(math.pi * x))

    equations: dict[str, Any] = {"bent": pm.Interior(bent), "loaded": pm.Interior(loaded)}
    if not apart:
        equations = {"both": pm.Interior(lambda u_xx, v, v_xx, x: (bent(u_xx, v), loaded(v_xx, x)))}
    ends = pm.Value(u=0.0, v=0.0, on=["x=0", "x=1"])
    return pm.Problem(pm.Box(x=(0, 1)), ["u", "v"], conditions=equations | {"ends": ends})


@pytest.mark.parametrize("hard", [True, False])
def test_a_size_is_that_of_the_solution_and_in_proportion_to_it(hard: bool) -> None:
    one = sizes(poisson(1, hard))["u"]
    expected = math.sqrt(0.5)  # of sin πx
    if not hard:
        assert one == pytest.approx(expected, rel=0.02)
    for size in (2.0**-40, 2.0**40):
        assert sizes(poisson(size, hard))["u"] == pytest.approx(size * one, rel=1e-6)


@pytest.mark.parametrize(("size", "units"), [(1e4, 1.0), (1e-4, 1.0), (1.0, 1e6), (1e4, 1e4), (1e4, 1e-8)])
@pytest.mark.parametrize("apart", [False, True])
def test_fields_of_two_sizes_are_told_apart_whatever_the_units_of_their_equations(
    size: float, units: float, apart: bool
) -> None:
    found = sizes(two(size, units, apart))
    assert found["u"] == pytest.approx(math.sqrt(0.5), rel=0.05)
    assert found["v"] == pytest.approx(size * math.pi**2 * math.sqrt(0.5), rel=0.05)


def test_known_solutions_have_their_sizes() -> None:
    assert sizes(heat(hard=()))["u"] == pytest.approx(0.56, rel=0.1)  # the norm of exp(−t/2) sin x
    found = sizes(oscillator())
    assert found["u"] == pytest.approx(math.sqrt(0.5 + math.sin(2) / 4), rel=0.02)
    assert found["v"] == pytest.approx(math.sqrt(0.5 - math.sin(2) / 4), rel=0.02)
    assert sizes(poisson(1e5, False), pm.ResNet(4, 1))["u"] == sizes(poisson(1e5, False))["u"]


def test_what_time_multiplies_is_small_where_it_is_long() -> None:
    """v = g + tN with t up to 20: N is a hundredth of v, which is below one."""
    problem = problems.get("gray-scott")
    found = LinearisedSizes(far=10).scales(loss(problem, pm.setup.fit_network(pm.ResNet(), problem), 1000))
    assert found == {"u": 1.0, "v": 2.0**-7}


@pytest.mark.parametrize("name", [name for name in problems.names() if "/" not in name and name != "gray-scott"])
def test_no_other_bundled_problem_is_changed(name: str) -> None:
    problem = problems.get(name)
    network = pm.setup.fit_network(pm.ResNet(), problem)
    objective = loss(problem, network, 1000)
    rule = LinearisedSizes(far=10)
    assert rule.scales(objective) == dict.fromkeys(problem.fields, 1.0)
    assert measured(problem, objective.discretisation, rule).scales is None


def test_scales_are_powers_of_two_where_they_are_far_from_one() -> None:
    objective = loss(two(1e4))
    assert LinearisedSizes().scales(objective) == {"u": 1.0, "v": 2.0**16}
    assert LinearisedSizes(far=1e6).scales(objective) == {"u": 1.0, "v": 1.0}
    network = measured(objective.problem, objective.discretisation, LinearisedSizes())
    assert network.scales == (1.0, 2.0**16) and network.size == objective.network.size


def prey_and_predators() -> pm.Problem:
    """Return a' = a(1 − b), b' = b(a − 1): both stay near one, and a grows like eᵗ where it is linearised at 0."""
    return pm.Problem(
        domain=pm.Box(t=(0, 12)),
        fields=["a", "b"],
        conditions={
            "prey": pm.Interior(lambda a, b, a_t: a_t - a * (1 - b)),
            "predators": pm.Interior(lambda a, b, b_t: b_t + b * (1 - a)),
            "start": pm.Value(a=0.5, b=1.0, on="t=0"),
        },
    )


def test_a_solution_is_not_as_large_as_that_of_an_unstable_linearisation() -> None:
    objective = loss(prey_and_predators(), points=2000)
    at_zero = linearised(objective, 400, 40).solved()[0]
    assert float(at_zero[0]) > 100 and LinearisedSizes().sizes(objective)["a"] == 1.0
    assert LinearisedSizes().scales(objective) == {"a": 1.0, "b": 1.0}


def test_what_is_fixed_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = loss(two(1e4))
    assert LinearisedSizes({"v": 3.0}).scales(objective) == {"u": 1.0, "v": 3.0}
    assert LinearisedSizes({"u": 0.01}).scales(objective) == {"u": 0.01, "v": 2.0**16}

    def refuse(self: LinearisedSizes, objective: PinnObjective) -> dict[str, float]:
        raise AssertionError("asked")

    monkeypatch.setattr(LinearisedSizes, "sizes", refuse)
    assert LinearisedSizes({"v": 3.0, "u": 2.0}).scales(objective) == {"u": 2.0, "v": 3.0}
    assert measured(objective.problem, objective.discretisation, None).scales is None


def test_conditions_that_hold_by_construction_say_nothing() -> None:
    embedded = pm.MLP(width=4, depth=1, embedding=pm.PeriodicEmbedding("x"))
    start = ring().conditions["start"]
    kinked = pm.Problem(
        ring().domain, ["u"],
        conditions=ring().conditions | {"start": start, "jump": pm.Periodic(u=1, along="x")},
        lifting=pm.Lifting(u=(lambda t, x: x**2 + x, lambda t, x: t)),
    )  # fmt: skip
    assert sizes(kinked, embedded)["u"] < 100


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_what_is_not_known_counts_as_one(value: float) -> None:
    ends = pm.Value(u=0.0, on=["x=0", "x=1"])
    problem = string(conditions={"pde": pm.Interior(lambda u_xx: u_xx + value), "ends": ends})
    assert LinearisedSizes().scales(loss(problem)) == {"u": 1.0}


def test_single_precision_and_other_points_give_the_same_scales() -> None:
    problem = two(1e4)
    double = LinearisedSizes().scales(loss(problem))
    objective = loss(problem, points=3000, seed=1)
    assert LinearisedSizes().scales(objective) == double
    points = {name: part.to("cpu", torch.float32) for name, part in objective.collocation.items()}
    single = PinnObjective(problem, Discretisation(objective.network, points))
    assert LinearisedSizes().scales(single) == double


def test_a_rule_of_ones_own_may_leave_fields_out() -> None:
    class Known(AbstractScaling):
        def scales(self, objective: PinnObjective) -> dict[str, float]:
            return {"v": 0.5}

    objective = loss(two(1.0))
    assert measured(objective.problem, objective.discretisation, Known()).scales == (1.0, 0.5)


SCALES = (0.25, 8.0)


def lifted_pair() -> pm.Problem:
    """Return the oscillator with a lifting of its first field."""
    given = oscillator()
    lifting = pm.Lifting(u=(lambda t: 1 + t, lambda t: t**2))
    return pm.Problem(given.domain, ["u", "v"], conditions=given.conditions, lifting=lifting)


def placed(problem: pm.Problem, scales: tuple[float, ...] | None) -> tuple[Any, torch.Tensor]:
    network = loss(problem).network
    network = network if scales is None else network.scaled(scales)
    theta = torch.randn(network.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)[:, None]
    return place(problem, problem.terms["motion"], network, x, x.new_ones(9)), theta


@pytest.mark.parametrize("problem", [oscillator(), lifted_pair()])
def test_fields_are_g_plus_s_times_what_they_were(problem: pm.Problem) -> None:
    (plain, theta), (scaled, _) = placed(problem, None), placed(problem, SCALES)
    assert isinstance(scaled.lifted, Scaled if plain.lifted is None else Lifted)
    offset = 0.0 if plain.lifted is None else plain.lifted.offset
    before, after = (part.fields(theta, Workspace())[1] for part in (plain, scaled))
    assert torch.allclose(after - offset, (before - offset) * torch.tensor(SCALES).double()[:, None], rtol=1e-13)


@pytest.mark.parametrize("problem", [oscillator(), lifted_pair()])
def test_the_linearisation_is_that_of_scaled_fields(problem: pm.Problem) -> None:
    scaled, theta = placed(problem, SCALES)
    direction = torch.randn(len(theta), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    step = 1e-6
    ends = [scaled.at(theta + sign * step * direction, Workspace()).residual.flatten() for sign in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * step)
    term = scaled.at(theta, Workspace())
    assert torch.allclose(term.along(direction), expected, rtol=1e-6, atol=1e-7)
    assert torch.allclose(term.rows(0, len(theta)) @ direction, expected, rtol=1e-6, atol=1e-7)
    weights = torch.ones_like(term.residual)
    assert float(term.pullback(weights, len(theta)) @ direction) == pytest.approx(float(expected.sum()), rel=1e-6)


def test_a_network_keeps_its_scales_as_it_grows() -> None:
    objective = loss(two(1e4), pm.ResNet(4, 1))
    network = objective.network.scaled((1.0, 64.0))
    objective = objective.on(Discretisation(network, objective.collocation))
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    frozen = pm.adapt.freeze(objective, theta)
    wide = pm.adapt.widen(frozen.objective, frozen.theta, pm.adapt.Widening(5), torch.Generator())  # type: ignore[arg-type]
    deep = pm.adapt.insert(objective, theta, [1])
    for renewed in (frozen, wide, deep):
        grown: Any = renewed.objective
        assert grown.network.scales == (1.0, 64.0)
        assert regrown(grown.network, None).scales == (1.0, 64.0)
    assert isinstance(network, ChainNetwork) and network.scaled((1.0, 1.0)).scales is None
