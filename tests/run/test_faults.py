"""Signals, kills, full disks and second processes: what was computed is there afterwards."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import time
import warnings
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import SERVER
from small_problems import heat

import pinnml as pm
from pinnml.io.checkpoint import CHECKPOINT, PREVIOUS, CheckpointWarning
from pinnml.optim import Status

STEPS = 500
SETTINGS: dict[str, Any] = {"points": pm.points.Uniform(30), "seed": 4, "device": "cpu"}
NETWORK = pm.MLP(width=4, depth=1)


def train(folder: Path, steps: int, pause: float) -> None:
    """Begin a run, or go on with it; a checkpoint is written after every step."""
    torch.set_num_threads(1)
    pm.Solution.figures = lambda self: {}  # type: ignore[method-assign]
    watch: dict[str, Any] = {"stop": pm.Iterations(steps), "callback": lambda row: time.sleep(pause)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CheckpointWarning)  # a kill between two moves leaves the one before
        if written(folder):
            pm.resume(folder, heat(), every=0.0, **watch)
        else:
            pm.solve(heat(), NETWORK, pm.LBFGS(5), out=folder, every=0.0, **watch, **SETTINGS)


def begun(*arguments: Any) -> BaseProcess:
    process = SERVER.Process(target=train, args=arguments)
    process.start()
    return process


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pm.Solution, "figures", lambda self: {})


def written(folder: Path) -> int:
    """When the last checkpoint was written, in nanoseconds, 0 where there is none."""
    return max((path.stat().st_mtime_ns for path in folder.glob("checkpoint*.pt")), default=0)


def killed_often(folder: Path, kills: int, seed: int) -> pm.Solution:
    """Kill a run at random moments and let it go on each time; return it after its last step.

    Every fourth is killed while it begins, the others at any time after their first checkpoint.
    """
    chance, reached = random.Random(seed), 0
    for number in range(kills):
        before, process = written(folder), begun(folder, STEPS, 0.01)
        while number % 4 and process.is_alive() and written(folder) == before:
            time.sleep(0.005)
        process.join(timeout=chance.uniform(0.0, 0.4))
        process.kill()
        process.join()
        if written(folder):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CheckpointWarning)
                found = pm.load(folder, heat()).result.nit
            assert found >= reached, "a kill has lost more than the last interval"
            reached = found
    assert 0 < reached < STEPS
    process = begun(folder, STEPS, 0.0)
    process.join()
    assert process.exitcode == 0
    return pm.load(folder, heat())


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_run_killed_at_random_moments_equals_one_that_was_not(tmp_path: Path, kills: int) -> None:
    found = killed_often(tmp_path / "killed", kills, kills)
    train(tmp_path / "whole", STEPS, 0.0)
    whole = pm.load(tmp_path / "whole", heat())
    assert found.result.nit == whole.result.nit and torch.equal(found.theta, whole.theta)
    assert [row.loss for row in found.history] == [row.loss for row in whole.history]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_after_the_step_under_way(tmp_path: Path, number: int) -> None:
    process = begun(tmp_path, 10**6, 0.003)
    while not (tmp_path / PREVIOUS).exists():
        time.sleep(0.01)
    os.kill(process.pid or 0, number)
    process.join(timeout=30)
    assert process.exitcode == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["status"], summary["success"]) == ("interrupted", False) and "interrupted" in summary["message"]
    solution = pm.load(tmp_path, heat())
    assert solution.result.status is Status.INTERRUPTED and solution.result.nit == summary["iterations"] > 0


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    process = begun(tmp_path, 10**6, 0.003)
    while not (tmp_path / CHECKPOINT).exists():
        time.sleep(0.01)
    with pytest.raises(pm.DeclarationError, match="Another process is at work"):
        pm.resume(tmp_path, heat())
    with pytest.raises(pm.DeclarationError, match="Another process is at work"):
        pm.solve(heat(), NETWORK, out=tmp_path, **SETTINGS)
    process.kill()
    process.join()
    assert pm.resume(tmp_path, heat(), seconds=0).result.nit >= 0


def _limited(folder: Path, limit: int) -> None:
    """Train where no file may grow beyond a limit, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = pm.solve(heat(), NETWORK, pm.LBFGS(5), out=folder, stop=pm.Iterations(20), every=0.0, **SETTINGS)
    told = [str(warning.message) for warning in caught if issubclass(warning.category, CheckpointWarning)]
    assert solution.result.nit == 20 and "No checkpoint could be written: File too large" in told[0]
    assert len(told) == 2 and "could not be written in full" in told[-1]


def test_a_full_disk_ends_no_run(tmp_path: Path) -> None:
    process = SERVER.Process(target=_limited, args=(tmp_path, 2000))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert not (tmp_path / CHECKPOINT).exists() and not list(tmp_path.glob("*.pt"))


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no longer fits into the folder goes elsewhere, and can be gone on from."""
    write, room = Path.write_bytes, 3

    def full(self: Path, content: Any) -> int:
        nonlocal room
        if self.parent == tmp_path and self.suffix == ".pt":
            room -= 1
            if room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "refuge"))
    (tmp_path / "refuge").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    with (
        pytest.warns(CheckpointWarning, match="No checkpoint could be written: No space left on device"),
        pytest.warns(CheckpointWarning, match=r"No space left on device.*go on from its checkpoint in .*refuge"),
    ):
        solution = pm.solve(heat(), NETWORK, pm.LBFGS(5), out=tmp_path, stop=pm.Iterations(9), every=0.0, **SETTINGS)
    assert solution.result.nit == 9 and pm.load(tmp_path, heat()).result.nit == 2
    (refuge,) = (tmp_path / "refuge").iterdir()
    assert torch.equal(pm.load(refuge, heat()).theta, solution.theta)
    assert pm.resume(refuge, heat(), stop=pm.Iterations(12)).result.nit == 12


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(pm.DeclarationError, match="folder cannot be written"):
        pm.solve(heat(), NETWORK, out=tmp_path / "run", **SETTINGS)


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_disk_that_takes_no_file_is_found_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(*arguments: Any) -> int:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr("pinnml.io.files.os.open", refuse)
    seen: list[int] = []
    with pytest.raises(pm.DeclarationError, match=f"folder cannot be written: {os.strerror(reason)}"):
        pm.solve(heat(), NETWORK, out=tmp_path / "run", callback=lambda row: seen.append(row.iteration), **SETTINGS)
    assert seen == []
