"""A folder belongs to one run: no other writes into it, and what a killed one left behind is swept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import TINY, heat

import pinnml as pm
from pinnml.io.checkpoint import CHECKPOINT, PREVIOUS, identities

pytestmark = pytest.mark.usefixtures("on_one_thread")


def solved(seed: int = 0, **more: Any) -> pm.Solution:
    return pm.solve(
        heat(), TINY, pm.LBFGS(), points=pm.Sobol(16), stop=pm.Iterations(3), device="cpu", seed=seed, **more
    )


def test_another_run_is_never_overwritten(tmp_path: Path) -> None:
    mine, other = solved(), solved(1)
    mine.save(tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(pm.DeclarationError, match="already holds a run"):
        other.save(tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_run_is_saved_again_in_its_own_folder(tmp_path: Path) -> None:
    solution = solved(out=tmp_path)
    solution.save(tmp_path)
    assert identities(tmp_path) == [solution.run.identity] * 2
    resumed = pm.resume(tmp_path, heat(), stop=pm.Iterations(5))
    assert resumed.run.identity == solution.run.identity and identities(tmp_path) == [solution.run.identity] * 2
    pm.Solution.load(tmp_path, heat()).save(tmp_path)


def test_a_damaged_checkpoint_does_not_make_the_folder_free(tmp_path: Path) -> None:
    mine = solved(out=tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"damaged")
    with pytest.raises(pm.DeclarationError, match="already holds a run"):
        solved(1).save(tmp_path)
    mine.save(tmp_path)  # the one before tells whose it is
    (tmp_path / CHECKPOINT).write_bytes(b"damaged")
    (tmp_path / PREVIOUS).unlink()
    with pytest.raises(pm.DeclarationError, match="already holds a run"):
        mine.save(tmp_path)


def test_a_folder_that_another_process_works_on_is_not_saved_into(tmp_path: Path) -> None:
    code = "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print('ready'); input()"
    command = [sys.executable, "-u", "-c", code, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        with pytest.raises(pm.DeclarationError, match="Another process is at work"):
            solved().save(tmp_path)
        other.kill()


def test_what_a_killed_process_left_half_written_is_swept(tmp_path: Path) -> None:
    left = [tmp_path / name for name in (".checkpoint.0123456789ab.pt", ".solution.ba9876543210.png")]
    mine = [tmp_path / name for name in (".notes", "notes.0123456789ab.pt", ".env.local")]
    for path in (*left, *mine):
        path.write_text("half")
    solved(out=tmp_path)
    assert not any(path.exists() for path in left) and all(path.exists() for path in mine)


def test_checkpoints_without_an_identity_still_go_on(tmp_path: Path) -> None:
    """Those of the first version."""
    solved(out=tmp_path)
    for name in (CHECKPOINT, PREVIOUS):
        content = torch.load(tmp_path / name, weights_only=True)
        del content["identity"]
        torch.save(content, tmp_path / name)
    assert pm.resume(tmp_path, heat(), stop=pm.Iterations(4)).result.nit == 4
