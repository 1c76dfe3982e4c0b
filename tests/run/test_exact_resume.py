"""A run that was stopped and goes on is the run that was never stopped, to the bit, for every solver by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml.bench import ABLATIONS
from pinnml.cli.catalogue import SOLVERS
from pinnml.run import keeper

STEPS = 9

RULE = pm.RAD(stages=(pm.adapt.Stage(40, every=2, until=4), pm.adapt.Stage(70, every=3)), pool=3, gap=0.0, probes=32)
"""Renews the points at iterations 2, 4 and 6, whatever the residual."""


pytestmark = pytest.mark.usefixtures("on_one_thread")


def probed() -> pm.Problem:
    """The heat equation with measured values, which a checkpoint holds with its points."""
    problem = heat()
    probe = pm.Data({"t": [0.1, 0.3], "x": [0.5, 1.0]}, u=[0.4, 0.5])
    return heat(conditions=problem.conditions | {"probe": probe})


def solved(name: str, until: int, problem: pm.Problem | None = None, **settings: Any) -> pm.Solution:
    recipe = (SOLVERS | ABLATIONS)[name](1)
    return pm.solve(
        problem or heat(), pm.ResNet(width=4, blocks=2), recipe.solver, points=pm.points.Uniform(40), refine=RULE,
        stop=pm.Iterations(until), seed=3, device="cpu", **settings,
    )  # fmt: skip


def check_equal(found: pm.Solution, expected: pm.Solution) -> None:
    for part in ("theta", "f", "grad"):
        assert torch.equal(getattr(found.result.iterate, part), getattr(expected.result.iterate, part))
    for name, points in expected.collocation.items():
        assert torch.equal(found.collocation[name].x, points.x)
        assert torch.equal(found.collocation[name].weights, points.weights)
        assert list(found.collocation[name].data) == list(points.data)
        assert all(torch.equal(found.collocation[name].data[key], values) for key, values in points.data.items())
    assert found.generator is not None and expected.generator is not None
    assert torch.equal(found.generator, expected.generator)
    assert [row.loss for row in found.history] == [row.loss for row in expected.history]
    assert found.result.counts == expected.result.counts and found.result.nit == expected.result.nit


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SOLVERS | ABLATIONS))
def test_a_resumed_run_equals_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    whole, last = solved(name, STEPS), solved(name, 0, out=tmp_path)
    for until in (3, 6, STEPS):
        last = pm.resume(tmp_path, heat(), stop=pm.Iterations(until))
    check_equal(last, whole)


def test_measured_values_are_resumed(tmp_path: Path) -> None:
    whole = solved("default", STEPS, probed())
    assert whole.collocation["probe"].data["u"].tolist() == [0.4, 0.5]
    solved("default", 3, probed(), out=tmp_path)
    check_equal(pm.resume(tmp_path, probed(), stop=pm.Iterations(STEPS)), whole)


def test_a_run_is_resumed_as_often_as_it_stops(tmp_path: Path) -> None:
    whole = solved("default", STEPS)
    last = solved("default", 1, out=tmp_path)
    for until in range(2, STEPS + 1):
        last = pm.resume(tmp_path, heat(), stop=pm.Iterations(until))
    check_equal(last, whole)


def test_a_checkpoint_is_written_at_the_start_in_time_and_at_every_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(keeper, "write_checkpoint", lambda run, folder: kept.append(run.result.nit))
    phases = pm.Sequential((pm.Adam(), pm.Iterations(3)), (pm.LBFGS(), pm.Iterations(4)), pm.LBFGS())
    settings: dict[str, Any] = {"points": pm.Sobol(20), "stop": pm.Iterations(9), "device": "cpu"}
    pm.solve(heat(), pm.MLP(4, 1), phases, out=tmp_path / "phases", **settings)
    # without a state there is no phase yet
    assert kept == [0, 1, 3, 7]
    kept.clear()
    pm.solve(heat(), pm.MLP(4, 1), pm.Adam(), out=tmp_path / "time", every=0.0, **settings)
    assert kept == list(range(10))
