"""Parameters that are not known: their bounds, what a declaration may say of them, and what its checks make of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small_problems import heat, string
from torch import Tensor

import pinnml as pm

BOUNDS: dict[str, pm.Unknown] = {
    "free": pm.Unknown(-0.3),
    "free from zero": pm.Unknown(0.0),
    "above": pm.Unknown(1e-6, lower=0),
    "below": pm.Unknown(-3.0, upper=-1.0),
    "between": pm.Unknown(0.2, lower=0, upper=1),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_the_start_is_at_zero_bounds_hold_and_slopes_are_those_of_the_values(name: str) -> None:
    unknown = BOUNDS[name]
    y = torch.linspace(-30, 30, 241, dtype=torch.float64)
    value, slope = unknown.value(y), unknown.slope(y)
    assert float(value[120]) == pytest.approx(unknown.start, rel=1e-14)
    assert bool((slope > 1e-5 * slope.max()).all())  # however far a step has led, there is a way back
    assert bool((value.diff() > 0).all())
    assert unknown.lower is None or bool((value >= unknown.lower).all())
    assert unknown.upper is None or bool((value <= unknown.upper).all())
    quotient = (unknown.value(y + 1e-5) - unknown.value(y - 1e-5)) / 2e-5
    torch.testing.assert_close(slope, quotient, rtol=1e-6, atol=1e-9 * unknown.size)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"start": math.nan}, "start is"),
        ({"start": math.inf}, "start is inf"),
        ({"start": "1"}, "start is"),
        ({"start": True}, "start is"),
        ({"start": 1.0, "lower": math.inf}, "lower is inf"),
        ({"start": 1.0, "upper": math.nan}, "upper is"),
        ({"start": 1.0, "lower": 1.0}, "does not lie between the bounds 1 and inf"),
        ({"start": 2.0, "upper": 1.0}, "does not lie between"),
        ({"start": 0.5, "lower": 1.0, "upper": 0.0}, "does not lie between"),
    ],
)
def test_what_is_no_guess_between_bounds_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(pm.DeclarationError, match=told):
        pm.Unknown(**wrong)


def heated(**changes: Any) -> pm.Problem:
    """The heat equation with an unknown conductivity, and two measurements."""
    conditions = dict(heat().conditions) | {"data": pm.Data({"t": [0.5, 1.0], "x": [1.0, 2.0]}, u=[0.6, 0.5])}
    return heat(**({"parameters": {"kappa": pm.Unknown(1.0, lower=0)}, "conditions": conditions} | changes))


def test_a_problem_knows_what_is_to_be_learned_and_its_checks_find_nothing() -> None:
    problem = heated(parameters={"kappa": pm.Unknown(1.0, lower=0)})
    assert list(problem.unknowns) == ["kappa"]
    assert [symbol.number for symbol in problem.terms["pde"].unknowns] == [0]
    assert problem.terms["data"].unknowns == ()
    assert [str(found) for found in problem.check()] == []


def test_an_unknown_that_no_condition_names_is_refused() -> None:
    with pytest.raises(pm.DeclarationError, match="No condition names the Unknown 'mu'; where: parameters"):
        heated(parameters={"kappa": 0.5, "mu": pm.Unknown(1.0)})


def test_derivatives_of_an_unknown_are_no_names() -> None:
    with pytest.raises(pm.DeclarationError, match="Unknown name 'kappa_x'"):
        string(
            parameters={"kappa": pm.Unknown(1.0)},
            conditions={"pde": pm.Interior(lambda u_xx, kappa, kappa_x: u_xx - kappa)},
            hard=set(),
        )


def with_height(hard: set[str], **changes: Any) -> pm.Problem:
    """−u_xx = 2 with u(0) = a unknown: u = a + x(1 − a − x) + …, all of it given by u(1) and u_x(1)."""
    conditions = {
        "pde": pm.Interior(lambda u_xx: u_xx + 2),
        "left": pm.Value(u=lambda x, a: a + 0 * x, on="x=0"),
        "right": pm.Value(u=1.0, on="x=1"),
        "flux": pm.Derivative(u_x=-1.0, on="x=1"),
    }
    declared = {"conditions": conditions, "hard": hard, "parameters": {"a": pm.Unknown(3.0)}, "reference": None}
    return string(**(declared | changes))


def test_hard_conditions_whose_values_are_unknown_are_refused() -> None:
    told = "Its value depends on the Unknown 'a'; where: hard condition 'left'; leave it out of hard"
    with pytest.raises(pm.DeclarationError, match=told):
        with_height({"left"})
    with pytest.raises(pm.DeclarationError, match="It depends on an Unknown; where: the lifting of 'u'"):
        with_height(set(), lifting=pm.Lifting(u=(lambda x, a: a * x, lambda x: x)))


def test_conditions_that_an_unknown_can_make_agree_are_no_contradiction() -> None:
    both = {"pde": pm.Interior(lambda u_xx: u_xx + 2), "right": pm.Value(u=1.0, on="x=1")}
    open_value = {"again": pm.Value(u=lambda x, a: a * x, on="x=1")}
    problem = with_height(set(), conditions=both | open_value)
    assert not any("No solution" in found.what for found in problem.check())
    # of which a known one is
    closed = with_height(set(), conditions=both | {"again": pm.Value(u=3.0, on="x=1")}, parameters={})
    assert any("No solution" in found.what for found in closed.check())


def test_one_condition_more_than_the_order_is_no_finding_where_it_may_determine_an_unknown() -> None:
    assert [str(found) for found in with_height(set()).check()] == []


def test_a_residual_that_leaves_torch_with_an_unknown_is_found() -> None:
    def left(u_t: Tensor, u_xx: Tensor, kappa: Tensor) -> Tensor:
        return u_t - kappa.detach() * u_xx

    conditions = dict(heat().conditions) | {"pde": pm.Interior(left)}
    found = heat(parameters={"kappa": pm.Unknown(1.0, lower=0)}, conditions=conditions).check()
    assert any("derivatives are not those" in one.what for one in found)


def test_a_tiny_unknown_under_a_quotient_is_followed_in_its_own_size() -> None:
    def scaled(u_t: Tensor, u_xx: Tensor, kappa: Tensor) -> Tensor:
        return u_t * (1e-9 / kappa) - u_xx

    conditions = dict(heat().conditions) | {"pde": pm.Interior(scaled)}
    problem = heat(parameters={"kappa": pm.Unknown(1e-9, lower=0)}, conditions=conditions)
    assert [str(found) for found in problem.check()] == []
