"""A folder belongs to one run: no other writes into it, and what a killed one left behind is swept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import TINY, heat
from torch import Tensor

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


def changed(**conditions: Any) -> pm.Problem:
    return heat(conditions=heat().conditions | conditions)


def falling(u_t: Tensor, u_xx: Tensor, kappa: float) -> Tensor:
    return u_t - kappa * u_xx - 1e-3


def starting(x: Tensor) -> Tensor:
    return torch.sin(x) + 1e-3 * torch.sin(2 * x)


OTHERS: dict[str, tuple[Callable[[], pm.Problem], str]] = {
    "another source": (lambda: changed(pde=pm.Interior(falling)), "the loss is .* was .*equation, values"),
    "another start, hard": (lambda: changed(start=pm.Value(u=starting, on="t=0")), "the loss is .* was "),
    "another weight": (
        lambda: changed(pde=pm.Interior(lambda u_t, u_xx, kappa: u_t - kappa * u_xx, weight=2.0)), "terms .*weight",
    ),
    "another face": (lambda: changed(walls=pm.Value(u=0.0, on=["x=0"])), "terms .*x=3"),
}  # fmt: skip


@pytest.mark.parametrize(("other", "word"), OTHERS.values(), ids=OTHERS)
def test_another_problem_is_not_gone_on_with(other: Callable[[], pm.Problem], word: str, tmp_path: Path) -> None:
    solved(out=tmp_path)
    for again in (pm.resume, pm.Solution.load):
        with pytest.raises(pm.DeclarationError, match=word):
            again(tmp_path, other())


def test_nor_is_another_activation(tmp_path: Path) -> None:
    solved(out=tmp_path)
    sine = pm.MLP(width=4, depth=1, activation=pm.networks.Sin())
    with pytest.raises(pm.DeclarationError, match=r"the loss is .* was .*activation"):
        pm.Solution.load(tmp_path, heat(), sine)
    assert pm.Solution.load(tmp_path, heat(), TINY).result.nit == 3


def test_a_run_killed_while_its_end_is_written_is_written_and_not_trained(tmp_path: Path) -> None:
    """Its summary is the last of its files, and not there, or another's."""
    whole = solved(out=tmp_path)
    (tmp_path / "summary.json").unlink()
    (tmp_path / "history.csv").unlink()
    for _ in range(2):
        again = pm.resume(tmp_path, heat())
        assert again.result.nit == 3 and torch.equal(again.theta, whole.theta)
        assert {"summary.json", "history.csv"} <= {path.name for path in tmp_path.iterdir()}
        (tmp_path / "summary.json").write_text('{"iterations": 2}')


def test_a_run_that_has_left_everything_goes_on(tmp_path: Path) -> None:
    solved(out=tmp_path)
    assert pm.resume(tmp_path, heat(), seconds=0.2).result.nit > 3
