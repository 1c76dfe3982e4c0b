"""A run repeats itself from its folder, and what keeps it from that is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml import cli

pytestmark = pytest.mark.usefixtures("on_one_thread")


def solved(folder: Path, **settings: Any) -> pm.Solution:
    rule = pm.RAD(stages=(pm.adapt.Stage(40, every=2),), pool=3, gap=0.0, probes=16)
    usual: dict[str, Any] = {"points": pm.points.Uniform(40), "refine": rule, "stop": pm.Iterations(6), "seed": 3}
    return pm.solve(heat(), pm.ResNet(width=4, blocks=2), device="cpu", out=folder, **(usual | settings))


def test_a_run_repeats_itself_to_the_bit(tmp_path: Path) -> None:
    solution = solved(tmp_path / "run")
    found = pm.rerun(tmp_path / "run", heat(), out=tmp_path / "again")
    assert found.identical and found.first is None and found.difference == 0 and found.changed == {}
    assert torch.equal(found.solution.theta, solution.theta) and (tmp_path / "again/checkpoint.pt").exists()


def test_a_resumed_run_is_repeated_as_one(tmp_path: Path) -> None:
    solved(tmp_path, stop=pm.Iterations(2))
    pm.resume(tmp_path, heat(), stop=pm.Iterations(6))
    assert pm.rerun(tmp_path, heat()).identical


def test_where_runs_part_is_told(tmp_path: Path) -> None:
    solved(tmp_path / "run")
    content = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)
    content["theta"] = content["theta"] + 1e-6
    content["history"][4, 3] *= 2
    content["config"]["machine"]["threads"] = 64
    torch.save(content, tmp_path / "run/checkpoint.pt")
    found = pm.rerun(tmp_path / "run", heat())
    assert not found.identical and found.first == 4 and 1e-8 < found.difference < 1e-4
    assert found.changed == {"threads": (64, 1)}


SOLVE = "solve poisson --width 4 --depth 1 --points 60 --seconds 30 --loss 10 --seed 2 --out run"


def test_the_command_tells_whether_a_run_repeats_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(SOLVE.split()) == 0
    assert cli.main(["rerun", "run"]) == 0
    assert "repeated itself to the bit" in capsys.readouterr().out and (tmp_path / "run-rerun/summary.json").exists()
    content = torch.load("run/checkpoint.pt", weights_only=True)
    content["history"][0, 3] += 1
    torch.save(content, "run/checkpoint.pt")
    assert cli.main(["rerun", "run"]) == 1
    assert "The runs differ from iteration 0 on" in capsys.readouterr().out
    assert (tmp_path / "run-rerun-2").exists()
