"""Weights of a run: chosen once, kept by its folder, told by its summary, and repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat, tiny

import pinnml as pm
from pinnml.adapt import EqualTraces, PinnObjective
from pinnml.io.declared import describe_run
from pinnml.run import rerun, resume
from pinnml.run.folder import load

pytestmark = pytest.mark.usefixtures("on_one_thread")


def soft() -> pm.Problem:
    """The heat equation with a fixed weight for one of its penalties."""
    walls = heat().conditions["walls"]
    start = pm.Value(u=lambda x: torch.sin(x), on="t=0", weight=3.0)
    return heat(conditions=heat().conditions | {"start": start, "walls": walls}, hard=())


def test_a_resumed_run_keeps_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiny(soft(), 6)
    begun = tiny(soft(), 3, out=tmp_path)
    assert list(begun.run.discretisation.weights) == ["walls"]

    def refuse(self: EqualTraces, objective: PinnObjective, theta: torch.Tensor) -> dict[str, float]:
        raise AssertionError("asked again")

    monkeypatch.setattr(EqualTraces, "weights", refuse)
    going_on = resume(tmp_path, soft(), stop=pm.Iterations(6))
    assert going_on.run.discretisation.weights == begun.run.discretisation.weights
    assert torch.equal(going_on.theta, whole.theta)


def test_a_repeated_run_has_the_same_weights(tmp_path: Path) -> None:
    first = tiny(soft(), 2, out=tmp_path, balance=EqualTraces(20))
    assert load(tmp_path, soft()).setup.balance == EqualTraces(20)
    again = rerun(tmp_path, soft())
    assert again.identical and again.solution.run.discretisation.weights == first.run.discretisation.weights
    assert first.run.discretisation.weights != tiny(soft(), 0).run.discretisation.weights


def test_no_balance_is_kept_as_none(tmp_path: Path) -> None:
    assert tiny(soft(), 1, out=tmp_path, balance=None).run.discretisation.weights == {}
    assert load(tmp_path, soft()).setup.balance is None


def test_folders_from_before_there_was_a_balance_had_none(tmp_path: Path) -> None:
    tiny(soft(), 1, out=tmp_path, balance=None)
    file = tmp_path / "checkpoint.pt"
    content: Any = torch.load(file, weights_only=True)
    del content["config"]["balance"]
    torch.save(content, file)
    assert load(tmp_path, soft()).setup.balance is None
    assert rerun(tmp_path, soft()).identical


def test_the_summary_tells_weights_that_are_not_one(tmp_path: Path) -> None:
    solution = tiny(soft(), 1, out=tmp_path / "soft")
    weights = json.loads((tmp_path / "soft" / "summary.json").read_text())["weights"]
    assert weights == {"start": 3.0, "walls": solution.run.discretisation.weights["walls"]}
    tiny(heat(), 1, out=tmp_path / "hard")
    assert "weights" not in json.loads((tmp_path / "hard" / "summary.json").read_text())
    assert describe_run(solution.run)["balance"] == {"type": "EqualTraces", "points": 600}
