"""A run that is killed, or whose disk fills up, at any step, file or rename ends as one that was left alone."""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from processes import SERVER
from small_problems import TINY, string

import pinnml as pm
from pinnml.io.checkpoint import CheckpointWarning

STEPS, REFUSED = 5, 2
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

Act = Callable[[], None]
"""What happens at an event: nothing, a kill, or an error of the disk."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill_up() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def disturb(folder: Path, first: int, act: Act, writes: bool) -> list[str]:
    """Act from the event `first` on: a step, a file opened, renamed or removed below a folder; return the events.

    A process keeps its hook to its end.
    """
    events: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "step") and _below(folder, arguments[0]):
            if writes and (event in ("step", "os.remove") or (event == "open" and not arguments[2] & CHANGES)):
                return
            events.append(f"{event} {Path(arguments[0]).name}")
            if len(events) >= first:
                act()

    sys.addaudithook(hook)
    return events


def _below(folder: Path, path: Any) -> bool:
    return isinstance(path, str | Path) and Path(path).is_relative_to(folder)


def train(folder: Path, first: int, act: Act, writes: bool) -> None:
    """Begin a run or go on with it, and leave a folder with one figure; events, as `disturb` has them, beside it."""
    torch.set_num_threads(1)
    tempfile.tempdir = str(folder.with_suffix(".refuge"))
    Path(tempfile.tempdir).mkdir(exist_ok=True)
    pm.Solution.figures = lambda self: {"figure": Figure(figsize=(1, 1))}  # type: ignore[method-assign]
    events = disturb(folder, first, act, writes)
    watch: dict[str, Any] = {"every": 0.0, "callback": lambda row: sys.audit("step", str(folder))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CheckpointWarning)
        try:
            go_on(folder, watch)
        except pm.DeclarationError as error:
            assert "cannot be" in str(error)  # written, or opened
            sys.exit(REFUSED)
    folder.with_suffix(".events").write_text("\n".join(events))


def go_on(folder: Path, watch: dict[str, Any]) -> None:
    """Do what a run folder still needs."""
    if (folder / "summary.json").exists():  # the last that is written
        return
    if any(folder.glob("checkpoint*.pt")):
        pm.resume(folder, string(), **watch)
    else:
        settings: dict[str, Any] = {"points": pm.points.Uniform(30), "stop": pm.Iterations(STEPS), "seed": 4}
        pm.solve(string(), TINY, pm.LBFGS(5), out=folder, device="cpu", **settings, **watch)


def ended(*arguments: Any) -> int:
    """Train in another process, and return its exit code."""
    process: BaseProcess = SERVER.Process(target=train, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def undisturbed(folder: Path, writes: bool) -> tuple[pm.Solution, list[str]]:
    """Return a run that was left alone, and its events."""
    assert ended(folder, sys.maxsize, die, writes) == 0
    return pm.load(folder, string()), folder.with_suffix(".events").read_text().split("\n")


def check_same(folder: Path, whole: pm.Solution) -> None:
    """Compare with the run that was left alone, to the bit, and find all its files."""
    found = pm.load(folder, string())
    assert found.result.nit == STEPS and torch.equal(found.theta, whole.theta)
    assert [row.loss for row in found.history] == [row.loss for row in whole.history]
    left = {path.name for path in folder.iterdir()}
    assert left == {path.name for path in folder.with_name("whole").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kills", "seed"), [(6, 6), *(pytest.param(20, seed, marks=pytest.mark.soak) for seed in range(10))]
)
def test_a_run_killed_anywhere_ends_as_one_that_was_not(tmp_path: Path, kills: int, seed: int) -> None:
    whole, events = undisturbed(tmp_path / "whole", writes=False)
    chance, done, where = random.Random(seed), 0, set[str]()
    while done < kills:
        folder, code = tmp_path / f"killed-{done}", -signal.SIGKILL
        while code == -signal.SIGKILL:
            number = chance.randint(1, len(events))
            where.add(events[number - 1].split()[0])
            code = ended(folder, number, die, False)
            done += code == -signal.SIGKILL
        assert code == 0
        check_same(folder, whole)
    assert len(where) >= 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "every"), [(1, 20), *(pytest.param(first, 5, marks=pytest.mark.soak) for first in range(1, 6))]
)
def test_a_disk_that_fills_up_at_any_write_loses_nothing(tmp_path: Path, first: int, every: int) -> None:
    """Each write in turn is the first that fails; with room again the run goes on, or is begun where it was refused."""
    whole, events = undisturbed(tmp_path / "whole", writes=True)
    for number in range(first, len(events) + 1, every):
        folder = tmp_path / f"full-{number}"
        code = ended(folder, number, fill_up, True)
        left = [path.parent for path in tmp_path.glob(f"full-{number}*/**/checkpoint.pt")]
        assert code == REFUSED or (code == 0 and STEPS in [pm.load(path, string()).result.nit for path in left])
        assert ended(folder, sys.maxsize, die, True) == 0
        check_same(folder, whole)
