"""Parameters that were learned, with the deviations that the noise of measurements gives them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import pinnml as pm
from pinnml.approximation import LearnedParameter, learned_parameters, parameters_at
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import MLP
from pinnml.optim import minimise
from pinnml.points import sample

SLOPE = 1.7


def line(unknown: pm.Unknown, count: int = 30, noise: float = 0.1, seed: int = 0, **data: Any) -> pm.Problem:
    """u_x = a on (0, 1), u(0) = 0, so that u = ax, measured at `count` points with noise."""
    x = torch.linspace(0.02, 1, count, dtype=torch.float64)
    normal = torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return pm.Problem(
        domain=pm.Box(x=(0, 1)),
        fields=["u"],
        parameters={"a": unknown},
        conditions={
            "pde": pm.Interior(lambda u_x, a: u_x - a, weight=1e6),
            "start": pm.Value(u=0.0, on="x=0"),
            "data": pm.Data({"x": x}, u=SLOPE * x + noise * normal, **data),
        },
        hard={"start"},
    )


def solved(problem: pm.Problem) -> tuple[PinnObjective, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    network = MLP(width=5, depth=1).bind(("x",), (0.0,), (1.0,), 1)
    theta = torch.cat([network.initial(generator, torch.float64, torch.device("cpu")), torch.zeros(1).double()])
    objective = PinnObjective(problem, Discretisation(network, sample(problem, pm.Sobol(32), generator)))
    result = minimise(objective, theta, pm.LevenbergMarquardt(), pm.Iterations(10))
    return objective, result.iterate.theta


def expected(noise: float, count: int = 30) -> float:
    """The deviation of the slope of a line through the origin."""
    x = torch.linspace(0.02, 1, count, dtype=torch.float64)
    return noise / math.sqrt(float(x.square().sum()))


KINDS = {"free": pm.Unknown(1.0), "bounded": pm.Unknown(1.0, lower=0), "between": pm.Unknown(1.0, 0.0, 5.0)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [{"sigma": 0.1}, {}], ids=["known noise", "noise estimated"])
def test_the_deviation_is_that_of_linear_regression(kind: str, data: dict[str, Any]) -> None:
    objective, theta = solved(line(KINDS[kind], **data))
    found = learned_parameters(objective, theta)["a"]
    left = float(objective.linearised("data", theta)[0].square().sum()) if not data else None
    noise = 0.1 if left is None else math.sqrt(left * 30 / 29)  # weighed by 1/n, and one of 30 is fitted
    assert found.deviation == pytest.approx(expected(noise), rel=1e-2)
    assert found.interval is not None and found.interval[0] < SLOPE < found.interval[1]
    assert found.value == pytest.approx(parameters_at(objective.problem, theta)["a"])
    assert found.interval[1] - found.value == pytest.approx(1.96 * expected(noise), rel=1e-2)


def test_neither_the_start_nor_its_size_matters_for_what_measurements_say() -> None:
    near, far = (learned_parameters(*solved(line(pm.Unknown(start), sigma=0.1)))["a"] for start in (1.5, -40.0))
    assert near.deviation is not None
    assert far.deviation == pytest.approx(near.deviation, rel=1e-3)
    assert far.value == pytest.approx(near.value, rel=1e-3)


def test_an_interval_ends_at_the_bounds() -> None:
    found = learned_parameters(*solved(line(pm.Unknown(1.72, 1.69, 1.75), noise=0.3, sigma=0.3)))["a"]
    assert found.interval == (1.69, 1.75)


def test_of_several_conditions_the_noisier_one_counts() -> None:
    one = line(pm.Unknown(1.0), sigma=0.1)
    more = dict(one.conditions) | {"more": pm.Data({"x": [0.5]}, u=[0.85], sigma=0.1)}
    both = pm.Problem(domain=one.domain, fields=["u"], parameters=one.parameters, conditions=more, hard={"start"})
    alone, together = (learned_parameters(*solved(problem))["a"] for problem in (one, both))
    assert alone.deviation is not None and together.deviation is not None
    assert together.deviation >= 0.9 * alone.deviation


def test_without_measurements_there_is_a_value_and_nothing_else() -> None:
    problem = pm.Problem(
        domain=pm.Box(x=(0, 1)),
        fields=["u"],
        parameters={"a": pm.Unknown(1.0)},
        conditions={
            "pde": pm.Interior(lambda u_x, a: u_x - a),
            "start": pm.Value(u=0.0, on="x=0"),
            "end": pm.Value(u=SLOPE, on="x=1"),
        },
    )
    found = learned_parameters(*solved(problem))["a"]
    assert found == LearnedParameter(found.value) and found.value == pytest.approx(SLOPE, rel=1e-4)
    assert str(found) == "1.7" and str(LearnedParameter(1.7, 0.02, (1.66, 1.74))) == "1.7 ± 0.02"


def test_what_a_network_leaves_of_the_equations_counts_as_their_noise() -> None:
    objective, theta = solved(line(pm.Unknown(1.0), sigma=0.1))
    moved = theta + 0.01  # the equation, with its weight of 1e6, is far from being met
    corner = float(objective.square_root(moved).triangle[-1, -1])
    left = math.sqrt(2 * objective.losses(moved)["pde"] / 32)
    found = learned_parameters(objective, moved)["a"].deviation
    assert left > 0.1 / math.sqrt(30) and found == pytest.approx(left / abs(corner))
