"""Conditions that cannot all hold are found before anything is trained; those that can are left alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch

import pinnml as pm
from pinnml import problems

HEAT = pm.Interior(lambda u_t, u_xx: u_t - u_xx)


def findings(conditions: Mapping[str, Any], **more: Any) -> list[str]:
    """What the check says of an evolution on 0 ≤ x ≤ 1 besides its equation."""
    declared: dict[str, Any] = {"domain": pm.Box(t=(0, 1), x=(0, 1)), "fields": ["u"]}
    problem = pm.Problem(**(declared | more), conditions={"heat": HEAT, **conditions})
    return [("fatal: " if found.fatal else "") + str(found) for found in problem.check() if "No solution" in str(found)]


CONTRADICTORY: dict[str, dict[str, Any]] = {
    "two values": {"a": pm.Value(u=0.0, on="x=0"), "b": pm.Value(u=1.0, on="x=0")},
    "two functions": {
        "a": pm.Value(u=lambda x: torch.sin(x), on="t=0"),
        "b": pm.Value(u=lambda x: torch.cos(x), on=["t=0", "x=1"]),
    },
    "two slopes": {"a": pm.Derivative(u_x=0.0, on=["x=0", "x=1"]), "b": pm.Derivative(u_x=1.0, on="x=1")},
    "small data": {"a": pm.Value(u=1e-9, on="x=0"), "b": pm.Value(u=3e-9, on="x=0")},
    "periodic with unequal ends": {
        "a": pm.Periodic(u=1, along="x"), "left": pm.Value(u=0.0, on="x=0"), "right": pm.Value(u=1.0, on="x=1"),
    },
    "periodic with unequal slopes": {
        "a": pm.Periodic(u=1, along="x"), "b": pm.Derivative(u_x=lambda t, x: 1 - 2 * x, on=["x=0", "x=1"]),
    },
    "two equations": {"a": pm.Interior(lambda u_t, u_xx: 2 * u_t - 2 * u_xx - 1.0)},
    "three equations": {
        "a": pm.Interior(lambda u_t, u: u_t - u), "b": pm.Interior(lambda u_xx, u: u_xx - u - 1.0),
    },
}  # fmt: skip


@pytest.mark.parametrize("conditions", CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_conditions_that_contradict_each_other_are_fatal(conditions: dict[str, Any]) -> None:
    found = findings(conditions)
    assert len(found) == 1 and found[0].startswith("fatal: "), found
    assert "'a'" in found[0] or "'left'" in found[0]


HARMLESS: dict[str, dict[str, Any]] = {
    "the same twice": {"a": pm.Value(u=1.0, on="x=0"), "b": pm.Value(u=lambda t: 1 + 0 * t, on=["x=0", "x=1"])},
    "zero twice": {"a": pm.Value(u=0.0, on="x=0"), "b": pm.Value(u=0.0, on="x=0")},
    "value and slope": {"a": pm.Value(u=1.0, on="x=0"), "b": pm.Derivative(u_x=2.0, on="x=0")},
    "corners": {"a": pm.Value(u=1.0, on="t=0"), "b": pm.Value(u=0.0, on=["x=0", "x=1"])},
    "periodic with equal ends": {"a": pm.Periodic(u=1, along="x"), "b": pm.Value(u=1.0, on=["x=0", "x=1"])},
    "an equation that is not linear": {"a": pm.Interior(lambda u_t, u_xx, u: u_t - u_xx + u**2)},
    "a multiple": {"a": pm.Interior(lambda u_t, u_xx: 3 * u_xx - 3 * u_t)},
}


@pytest.mark.parametrize("conditions", HARMLESS.values(), ids=HARMLESS)
def test_conditions_that_agree_are_left_alone(conditions: dict[str, Any]) -> None:
    assert findings(conditions) == []


def test_rounded_tables_are_told_and_not_fatal() -> None:
    found = findings({"a": pm.Value(u=1.0, on="x=0"), "b": pm.Value(u=1.0001, on="x=0")})
    assert len(found) == 1 and not found[0].startswith("fatal")


def test_on_an_interval_too() -> None:
    conditions = {
        "pde": pm.Interior(lambda u_xx, x: u_xx + torch.sin(math.pi * x)),
        "a": pm.Value(u=0.0, on=["x=0", "x=1"]),
        "b": pm.Value(u=1.0, on="x=1"),
    }
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions=conditions)
    with pytest.raises(pm.DeclarationError, match="'a' and 'b': they disagree"):
        pm.solve(problem, stop=pm.Iterations(1))


@pytest.mark.parametrize("name", problems.names())
def test_the_bundled_problems_agree(name: str) -> None:
    assert [str(found) for found in problems.get(name).check() if "No solution" in str(found)] == []


def test_more_conditions_than_the_order_are_told() -> None:
    """Value and slope at both ends of an equation of second order, each of which may hold at its end."""
    ends, slope = pm.Value(u=0.0, on=["x=0", "x=1"]), pm.Derivative(u_x=1.0, on="x=0")
    problem = pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u"], conditions={"heat": HEAT, "ends": ends, "slope": slope})
    found = [finding for finding in problem.check() if "more than can hold" in str(finding)]
    assert len(found) == 1 and "u has 3 conditions" in str(found[0]) and not found[0].fatal
