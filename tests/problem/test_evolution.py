"""Along which coordinate a problem evolves."""

from __future__ import annotations

from typing import Any

import pytest

import pinnml as pm
from pinnml.problem import times_of

HEAT = pm.Interior(lambda u_t, u_xx: u_t - u_xx)
LAPLACE = pm.Interior(lambda u_tt, u_xx: u_tt + u_xx)
START = pm.Value(u=1.0, on="t=0")
ENDS = pm.Value(u=0.0, on=["x=0", "x=1"])


def declared(*conditions: Any, domain: Any = None) -> pm.Problem:
    named = {f"condition {number}": one for number, one in enumerate(conditions)}
    return pm.Problem(domain or pm.Box(t=(0, 2), x=(0, 1)), ["u"], conditions=named)


@pytest.mark.parametrize(
    ("problem", "times"),
    [
        (declared(HEAT, START, ENDS), (0,)),
        (declared(HEAT, START, pm.Periodic(u=1, along="x")), (0,)),
        (declared(HEAT, START, ENDS, domain=pm.Box(x=(0, 1), t=(0, 2))), (1,)),
        (declared(LAPLACE, START, ENDS, pm.Value(u=0.0, on="t=2")), ()),
        (declared(HEAT, ENDS), ()),
        (declared(HEAT, pm.Value(u=1.0, on="t=2"), ENDS), ()),
    ],
    ids=["heat", "ring", "other order", "both ends", "no start", "an end alone"],
)
def test_time_is_what_has_conditions_at_its_lower_end_alone(problem: pm.Problem, times: tuple[int, ...]) -> None:
    assert times_of(problem) == times


def test_time_of_a_product_of_domains_is_found_and_shapes_have_none() -> None:
    disc = pm.domains.Ball(1.0, x=0.0, y=0.0)
    inside = pm.Interior(lambda u_t, u_xx, u_yy: u_t - u_xx - u_yy)
    rim = pm.Value(u=0.0, on="rim")
    assert times_of(declared(inside, START, rim, domain=pm.Box(t=(0, 2)) * disc)) == (0,)
    assert times_of(declared(pm.Interior(lambda u_xx, u_yy: u_xx + u_yy), rim, domain=disc)) == ()
