"""Run folders of others: each is read right, or refused in a sentence, at once, and touches nothing else."""

from __future__ import annotations

import copy
import os
import random
import shutil
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import COMPILED, HOSTILE, in_place, save_content
from mutated import CHECKPOINT, mutate_bytes, mutate_content, mutated
from processor_time import within
from small_problems import TINY, heat

import pinnml as pm
from pinnml.cli import main
from pinnml.io import read_history, read_json
from pinnml.io.checkpoint import CheckpointWarning, write_checkpoint
from pinnml.io.container import packed, read_container
from pinnml.io.untrusted import open_regular
from pinnml.run.training import train

pytestmark = pytest.mark.usefixtures("on_one_thread")

SECONDS = 1.0
"""What reading or refusing may take of the processor."""

X = np.linspace(0.1, 3.0, 5)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three steps, without its checkpoint before the last."""
    folder = tmp_path_factory.mktemp("runs") / "good"
    settings = {"points": pm.Sobol(8), "stop": pm.Iterations(3), "device": "cpu"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pm.Solution, "figures", lambda self: {})
        pm.solve(heat(), TINY, pm.LBFGS(), out=folder, **settings)  # type: ignore[arg-type]
    (folder / "checkpoint-previous.pt").unlink()
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(good, tmp_path / "copy"))


def check_refusal(error: pm.DeclarationError) -> None:
    text = str(error)
    assert text.isprintable() and len(text) < 15_000, text
    assert "; where: " in text and text.endswith(".")


def refused(folder: Path, read: object = None) -> str:
    """Check that loading is refused as it should be, and return the sentence."""
    with within(SECONDS), pytest.raises(pm.DeclarationError) as caught:
        (read or pm.load)(folder, heat())  # type: ignore[operator]
    check_refusal(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_checkpoint_is_refused(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    HOSTILE[name](folder)
    listing = sorted(os.listdir(folder))
    refused(folder)
    refused(folder, pm.resume)
    assert sorted(os.listdir(folder)) == listing and os.listdir(folder.parent) == ["copy"]


@pytest.mark.parametrize("command", ["resume", "rerun", "plot"])
@pytest.mark.parametrize("name", ["pipe in its place", "another problem", "status", "a billion parts", "a compiler"])
def test_the_command_line_refuses_it_too(
    name: str, command: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinnml.run.folder.problems.get", lambda name: heat())
    HOSTILE[name](folder)
    assert main([command, str(folder)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and told[:-1].isprintable()


LOCKS = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "link to another file": lambda path: path.symlink_to(path.parent.parent / "precious"),
    "dangling link": lambda path: path.symlink_to(path.parent.parent / "new"),
    "another file by a second name": lambda path: os.link(path.parent.parent / "precious", path),
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_is_none_is_refused(name: str, folder: Path) -> None:
    precious = folder.parent / "precious"
    precious.write_text("data")
    in_place(".lock", LOCKS[name])(folder)
    assert "lock" in refused(folder, lambda *given: pm.resume(*given, stop=pm.Iterations(4)))
    assert precious.read_text() == "data" and not (folder.parent / "new").exists()


def test_a_link_to_a_folder_is_followed_and_a_leftover_folder_left(folder: Path, tmp_path: Path) -> None:
    (folder / ".a.0123456789ab.pt").mkdir()
    (tmp_path / "link").symlink_to(folder)
    assert pm.load(tmp_path / "link", heat()).result.nit == 3
    pm.load(tmp_path / "link", heat()).save(tmp_path / "link")


@pytest.mark.parametrize("name", ["summary.json", "history.csv", "config.json"])
def test_files_that_are_written_replace_links_and_do_not_follow_them(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pm.Solution, "figures", lambda self: {})
    precious = folder.parent / "precious"
    precious.write_text("data")
    in_place(name, lambda path: path.symlink_to(precious))(folder)
    assert pm.resume(folder, heat(), stop=pm.Iterations(4)).result.nit == 4
    assert precious.read_text() == "data" and not (folder / name).is_symlink()


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a": ' + "9" * 5000 + "}", "\udcff", "3", ""])
def test_a_summary_that_is_none_is_refused(text: str, folder: Path) -> None:
    path = folder / "summary.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(pm.DeclarationError) as caught:
        read_json(path)
    check_refusal(caught.value)


@pytest.mark.parametrize("row", ["0,1\x00,1", '"', "1" * 5000 + ",0,0,0,0,0,,,0", "x" * 200_000])
def test_a_history_that_is_none_is_refused(row: str, folder: Path) -> None:
    path = folder / "history.csv"
    path.write_text(path.read_text().partition("\n")[0] + f"\n{row}\n")
    with pytest.raises(pm.DeclarationError, match="line 2") as caught:
        read_history(path)
    check_refusal(caught.value)


@pytest.mark.parametrize("name", ["summary.json", "history.csv"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_files_that_are_none_are_not_waited_for(name: str, make: object, folder: Path) -> None:
    in_place(name, make)(folder)  # type: ignore[arg-type]
    with pytest.raises(pm.DeclarationError, match="no file"):
        (read_json if name == "summary.json" else read_history)(folder / name)


def test_what_a_file_says_is_shown_escaped(folder: Path) -> None:
    text = "\x1b[2J\n\u202etrusted" + "x" * 10_000

    def change(content: dict[str, object]) -> None:
        content["message"] = text
        content["config"]["machine"]["torch"] = text  # type: ignore[index]

    save_content(folder, change)
    found = pm.load(folder, heat())
    shown = [found.result.message, str(found.machine["torch"])]
    assert all(one.isprintable() and len(one) < 5000 and r"\x1b[2J\n\u202etrusted" in one for one in shown)


def test_one_number_in_the_place_of_many_is_written_as_many(tmp_path: Path) -> None:
    """Tensors that need less memory than they have numbers are not read."""
    torch.save({"x": torch.ones(1).expand(2**21)}, tmp_path / "x.pt")
    with open_regular(tmp_path / "x.pt", 2**30) as file, pytest.raises(ValueError, match="more numbers than the file"):
        read_container(file)
    torch.save(packed({"x": [torch.ones(1).expand(2**21)]}), tmp_path / "x.pt")
    with open_regular(tmp_path / "x.pt", 2**30) as file:
        assert read_container(file)["x"][0].shape == (2**21,)


def test_a_state_of_too_many_tensors_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than written into a checkpoint that nobody reads; what is too much without it is refused at once."""
    run, entries = pm.load(folder, heat()).run, len(zipfile.ZipFile(folder / CHECKPOINT).infolist())
    assert run.result.state is not None
    monkeypatch.setattr("pinnml.io.container.ENTRIES", entries - 1)
    with pytest.warns(CheckpointWarning, match=r"too many entries.*fresh one"):
        write_checkpoint(run, folder)
    found = pm.load(folder, heat()).run
    assert found.result.state is None and bool((found.result.iterate.theta == run.result.iterate.theta).all())
    monkeypatch.setattr("pinnml.io.container.PARTS", 10)
    with pytest.raises(pm.DeclarationError, match=r"holds too much.*fewer numbers"):
        write_checkpoint(run, folder)


def test_a_compiler_starts_where_the_user_asks_for_it(folder: Path) -> None:
    save_content(folder, lambda content: content["config"].update(network=COMPILED))
    assert "hand the network over" in refused(folder)
    assert pm.load(folder, heat(), TINY).result.nit == 3


def check_read_or_refused(folder: Path, good: pm.Solution) -> bool:
    """Read a folder and return whether it could be; what is read gives numbers."""
    try:
        with within(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore", CheckpointWarning)
            found = pm.load(folder, good.problem)
    except pm.DeclarationError as error:
        check_refusal(error)
        return False
    assert np.isfinite(found(t=0.5, x=X)).all()
    assert torch.equal(found.theta, good.theta) or abs(found.history[-1].loss) >= 0
    assert str(found).count("\n") == 2 and str(found).replace("\n", "").isprintable()
    return True


def run_trials(folder: Path, seeds: range) -> int:
    """Mutate a folder anew for each seed, and return how many could be read."""
    path, read = folder / CHECKPOINT, 0
    content, good = path.read_bytes(), pm.load(folder, heat())
    for seed in seeds:
        kind, changed = mutated(content, random.Random(seed))
        path.unlink()  # a file that is written over is put on the disk at once, which takes longer than all else
        path.write_bytes(changed)
        try:
            read += check_read_or_refused(folder, good)
        except BaseException as error:
            error.add_note(f"seed {seed}, {kind}")
            raise
    return read


@pytest.mark.slow
def test_a_good_folder_changed_anywhere_is_read_or_refused(folder: Path) -> None:
    read = run_trials(folder, range(200))
    assert 10 <= read <= 150  # some changes do no harm, most do


@pytest.mark.parametrize("name", ["summary.json", "history.csv"])
def test_a_summary_and_a_history_changed_anywhere_are_read_or_refused(name: str, folder: Path) -> None:
    path = folder / name
    content = path.read_bytes()
    for seed in range(300):
        path.write_bytes(mutate_bytes(content, random.Random(seed)))
        try:
            (read_json if name == "summary.json" else read_history)(path)
        except pm.DeclarationError as error:
            check_refusal(error)


SOLVERS = {
    "lbfgs": pm.LBFGS(),
    "lbfgs with factors": pm.LBFGS(initial=pm.schwarz.SchwarzFactors(), rebuild=2),
    "adam": pm.Adam(),
    "bfgs": pm.optim.BFGS(),
    "two levels": pm.levels.TwoLevel(),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_a_state_changed_anywhere_is_gone_on_with_or_refused(name: str, folder: Path) -> None:
    """Whatever could be loaded takes a step."""
    content = with_state_of(SOLVERS[name], folder)
    taken = 0
    for seed in range(60):
        changed = copy.deepcopy(content)
        mutate_content(changed["state"], random.Random(seed))
        torch.save(changed, folder / CHECKPOINT)
        try:
            before = pm.load(folder, heat()).run
        except pm.DeclarationError as error:
            check_refusal(error)
            continue
        going_on = replace(before.setup, stop=pm.Iterations(4))
        assert train(before.problem, going_on, before=before).result.nit <= 4
        taken += 1
    assert taken < 50


def with_state_of(solver: pm.optim.AbstractSolver, folder: Path) -> dict[str, Any]:
    """Leave the checkpoint of three steps in a folder, and no second one; return what it holds."""
    (folder / CHECKPOINT).unlink()
    run = pm.solve(heat(), TINY, solver, points=pm.Sobol(8), stop=pm.Iterations(3), device="cpu").run
    write_checkpoint(run, folder)
    content: dict[str, Any] = torch.load(folder / CHECKPOINT, weights_only=True)
    return content


def shorter(data: Any, length: int) -> Any:
    """Every tensor of such a length in any dimension with one entry less there."""
    if isinstance(data, dict):
        return {key: shorter(item, length) for key, item in data.items()}
    if isinstance(data, list):
        return [shorter(item, length) for item in data]
    if isinstance(data, torch.Tensor):
        for axis in range(data.ndim):
            data = data.narrow(axis, 0, min(data.shape[axis], length - (data.shape[axis] == length)))
    return data


def test_the_state_of_a_level_of_other_unknowns_is_refused(folder: Path) -> None:
    """All of its tensors agree with one another, and with nothing else."""
    content = with_state_of(pm.levels.TwoLevel(), folder)
    (state,) = content["state"]["coarse"]
    content["state"]["coarse"] = shorter([state], len(state["scale"]))
    torch.save(content, folder / CHECKPOINT)
    with pytest.raises(pm.DeclarationError, match="scale of the GaussNewtonState has"):
        pm.load(folder, heat())


@pytest.mark.parametrize("number", [10**6, -(10**6)])
def test_factors_of_parameters_that_are_none_are_refused(number: int, folder: Path) -> None:
    blocks = pm.schwarz.AsEntries(pm.schwarz.ByLayer())
    content = with_state_of(pm.LBFGS(initial=pm.schwarz.SchwarzFactors(blocks), rebuild=9), folder)
    chosen = content["state"]["inverse"]["restrictions"][0]["chosen"]
    chosen[0] = number
    torch.save(content, folder / CHECKPOINT)
    with pytest.raises(pm.DeclarationError, match="not one for"):
        pm.load(folder, heat())


@pytest.mark.soak
@pytest.mark.parametrize("thousand", range(1, 11))
def test_ten_thousand_changed_folders(thousand: int, folder: Path) -> None:
    run_trials(folder, range(1000 * thousand, 1000 * (thousand + 1)))
