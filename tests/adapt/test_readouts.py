"""Coordinates first, then a readout: what happens when, that no point is given up, and that a run is resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat, oscillator

import pinnml as pm
from pinnml.adapt import RAD, Readouts, Stage, Widening
from pinnml.network import FrozenNetwork
from pinnml.optim import Iterations, WhereLinear
from pinnml.points import ConditionPoints

pytestmark = pytest.mark.usefixtures("on_one_thread")

POINTS = RAD(stages=(Stage(100, every=2),), pool=3, probes=64, gap=0.0)
RULE = Readouts(train=3, levels=(Widening(40), Widening(30)), points=POINTS, rows=6.0, most=700)
SOLVER = WhereLinear(pm.schwarz.MultiplicativeSchwarz(pm.schwarz.ByLayer(2)))


def solved(until: int, problem: pm.Problem | None = None, rule: Readouts = RULE, **settings: Any) -> pm.Solution:
    return pm.solve(
        problem or heat(), pm.ResNet(width=5, blocks=3), SOLVER, refine=rule, stop=Iterations(until), seed=2,
        device="cpu", **settings,
    )  # fmt: skip


def test_the_network_is_frozen_and_widened_and_gets_points_that_all_stay() -> None:
    before: torch.Tensor | None = None
    levels = []
    for until in range(2, 9):
        solution = solved(until)
        network, points = solution.network, solution.collocation["pde"].x
        levels.append(len(network.levels) if isinstance(network, FrozenNetwork) else 0)
        if levels[-1]:
            columns = 6 + sum(level.neurons for level in network.levels)  # type: ignore[attr-defined]
            assert len(points) >= min(6 * columns, RULE.most)
            if before is not None:
                assert torch.equal(points[: len(before)], before)
            before = points
            assert float(solution.collocation["pde"].weights.sum()) == pytest.approx(1)
    assert levels[:2] == [0, 1] and levels[-1] == 2 and levels == sorted(levels)


def test_a_readout_is_worth_orders_of_magnitude() -> None:
    trained, read = solved(3).error(), solved(8).error()
    assert trained is not None and read is not None
    assert read.relative_l2 < 6e-7 < 3e-3 * trained.relative_l2  # 2.6e-7 from 3.0e-4


def test_two_fields_with_soft_conditions_are_read_out_too() -> None:
    trained, read = solved(3, oscillator()).error(), solved(8, oscillator()).error()
    assert trained is not None and read is not None
    assert read.relative_l2 < 1e-9 < 1e-2 * trained.relative_l2


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """Stopped while the network is trained, after it was frozen, after points were added, and at the second level."""
    whole, last = solved(6), solved(1, out=tmp_path)
    for until in range(2, 7):
        last = pm.resume(tmp_path, heat(), stop=Iterations(until))
    assert torch.equal(last.theta, whole.theta)
    assert torch.equal(last.collocation["pde"].x, whole.collocation["pde"].x)
    assert [row.loss for row in last.history] == [row.loss for row in whole.history]
    assert last.result.counts == whole.result.counts
    loaded = pm.load(tmp_path, heat())
    assert torch.equal(torch.as_tensor(loaded(t=0.3, x=[0.1, 1.0])), torch.as_tensor(whole(t=0.3, x=[0.1, 1.0])))


def test_no_equation_gets_more_points_than_most() -> None:
    """After 456 for the columns come half as many more, which would be 684."""
    rule = replace(RULE, gap=1.0, most=500)
    numbers = [len(solved(until, rule=rule).collocation["pde"].x) for until in (4, 8)]
    assert numbers == [456, 500]


def test_the_run_ends_where_nothing_is_gained_any_more() -> None:
    solution = solved(60)
    assert solution.result.success and solution.result.nit < 30, solution.result.message


def test_points_of_two_densities_weigh_as_the_mean_over_the_domain() -> None:
    x = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None]
    first = ConditionPoints(x[:2], torch.tensor([0.5, 0.5], dtype=torch.float64))
    second = ConditionPoints(x[2:], torch.full((4,), 0.25, dtype=torch.float64))
    both = pm.adapt.joined(first, second)
    assert torch.equal(both.x, x) and both.weights.tolist() == pytest.approx([1 / 6] * 6)
