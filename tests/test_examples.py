"""Every example runs, at tiny size, and what it returns is a number that can be wrong."""

from __future__ import annotations

import ast
import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import pinnml as pm
from pinnml import problems

EXAMPLES = Path(__file__).parents[1] / "examples"

# what main returns at this size, and a bound that a few iterations less would break
TINY: dict[str, tuple[dict[str, Any], Callable[[float], bool]]] = {
    "bundled_problem": ({"iterations": 22, "width": 8}, lambda error: error < 0.08),  # 0.037
    "own_pde": ({"iterations": 100, "points": 200}, lambda error: error < 2e-4),  # 1.1e-4; 4e-4 after 60
    "own_network": ({"iterations": 60, "points": 100}, lambda error: error < 1.8e-3),  # 1.4e-3; 2.1e-3 after 45
    "two_phases": ({"adam": 40, "lbfgs": 60, "points": 200, "width": 8}, lambda gain: gain > 300),  # 608
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_examples_reach_what_they_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings, reached = TINY[name]
    result = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](**settings)
    assert math.isfinite(result) and reached(result), result
    assert capsys.readouterr() == ("", "")


def test_every_example_is_run_and_short_and_explained() -> None:
    files = sorted(EXAMPLES.glob("*.py"))
    assert {file.stem for file in files} == set(TINY)
    for file in files:
        lines = file.read_text().splitlines()
        assert 30 <= len(lines) <= 90, file
        assert len((ast.get_docstring(ast.parse("\n".join(lines))) or "").splitlines()) >= 8, file


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The files of the comparison that need nothing beyond torch."""
    import importlib

    monkeypatch.syspath_prepend(str(EXAMPLES / "peers"))
    modules = {name: importlib.import_module(name) for name in ("job", "peer_pinnml", "peer_torch", "compare")}
    for name in modules:
        monkeypatch.delitem(sys.modules, name)
    return modules


@pytest.fixture
def job(peers: dict[str, ModuleType]) -> Any:
    """Burgers' equation at 50 points with a network of 2 × 5 neurons."""
    network = pm.MLP(width=5, depth=2, embedding=pm.networks.Identity()).bind(("t", "x"), (0, -1), (1, 1), 1)
    generator = torch.Generator().manual_seed(4)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    unit = torch.rand(50, 2, generator=generator, dtype=torch.float64).numpy()
    points = unit * np.array([1.0, 2.0]) - np.array([0.0, 1.0])
    nu = problems.get("burgers").parameters["nu"]
    return peers["job"].Job(nu, np.array([2, 5, 5, 1]), theta.numpy(), points, points[:7])


def test_peers_start_from_the_same_loss_gradient_and_field(peers: dict[str, ModuleType], job: Any) -> None:
    ours, theirs = (peers[name].Peer(job) for name in ("peer_pinnml", "peer_torch"))
    (loss, gradient), (their_loss, their_gradient) = ours.evaluate(), theirs.evaluate()
    assert loss == pytest.approx(their_loss, rel=1e-13)
    assert gradient == pytest.approx(their_gradient, rel=1e-11, abs=1e-13)
    assert np.abs(gradient).min() > 0
    assert ours.predict(job.grid) == pytest.approx(theirs.predict(job.grid), abs=1e-14)


def test_a_peer_trains_for_its_seconds_and_keeps_its_best(peers: dict[str, ModuleType], job: Any) -> None:
    for name in ("peer_pinnml", "peer_torch"):
        peer = peers[name].Peer(job)
        start, _ = peer.evaluate()
        loss, evaluations, seconds = peer.train(0.3, 100)
        assert 0.3 <= seconds < 1 and evaluations > 20
        assert loss < 0.5 * start and peer.evaluate()[0] == pytest.approx(loss, rel=1e-12)


def test_a_watch_counts_refuses_and_restores(peers: dict[str, ModuleType]) -> None:
    parameter = torch.zeros(1)
    watch = peers["job"].Watch([parameter], 60.0)
    for value, loss in ((1.0, 3.0), (2.0, 1.0), (3.0, float("nan")), (4.0, 2.0)):
        parameter.fill_(value)
        watch.watched(lambda loss=loss: torch.tensor(loss))()
    watch.restore()
    assert (float(parameter), watch.loss, watch.evaluations) == (2.0, 1.0, 4)
    with pytest.raises(peers["job"].TimeIsUpError):
        peers["job"].Watch([parameter], 0.0).watched(lambda: torch.tensor(0.0))()


def test_jobs_and_outcomes_read_back(peers: dict[str, ModuleType], job: Any, tmp_path: Path) -> None:
    job.save(tmp_path / "job.npz")
    again = peers["job"].Job.load(tmp_path / "job.npz")
    assert again.nu == job.nu and np.array_equal(again.theta, job.theta) and np.array_equal(again.grid, job.grid)
    assert [weight.shape for weight, _ in again.layers()] == [(5, 2), (5, 5), (1, 5)]


def test_a_peer_that_starts_elsewhere_is_refused(peers: dict[str, ModuleType]) -> None:
    scorer = peers["compare"].Scorer(np.ones(3), 2.0, np.array([1.0, -4.0]))
    outcome = peers["job"].Outcome(2.0, np.array([1.0, -4.0]), 0.5, 10, 2.0, np.full(3, 1.1), "torch")
    row = scorer.row("torch", 100, 0, outcome)
    assert row["relative_l2"] == pytest.approx(0.1) and row["evaluations_per_second"] == 5.0
    assert "| torch | 100 | 1.00e-01 | 5.00e-01 | 10 | 5.0 | 2.0 | - |" in peers["compare"].table([row], {})
    elsewhere = peers["job"].Outcome(2.0, np.array([1.0, -4.001]), 0.5, 10, 2.0, np.ones(3), "torch")
    with pytest.raises(SystemExit, match=r"another loss or gradient.*2\.4e-04"):
        scorer.row("torch", 100, 0, elsewhere)
