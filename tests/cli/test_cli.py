"""The command line, as a user meets it: exit statuses, what is printed where, what lies in the folder."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from run_files import PROMISED, png_size
from small_problems import TINY, heat, ring

from pinnml import Solution, cli, load, problems
from pinnml.cli import catalogue, options
from pinnml.io import read_history
from pinnml.io.vtu import read_vtu
from pinnml.optim import Status
from pinnml.run import resuming, training
from pinnml.setup import Recipe, arrange, fit_network

SMALL = "--width 4 --depth 1 --points 60"
SLOW = "--width 8 --depth 4 --points 1000 --solver lbfgs"  # goes on falling for seconds, however fast the machine
FILES = {
    ".lock", "checkpoint.pt", "checkpoint-previous.pt", "config.json", "history.csv", "summary.json", "solution.png",
    "residual.png", "error.png", "estimated-error.png", "points.png", "convergence.png",
}  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go to a folder of the test's own, and lines are as long as they come."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Solution, "figures", lambda self: {})


def pinnml(line: str) -> int:
    """Run a command line in this process."""
    return cli.main(line.split())


def start(line: str) -> subprocess.Popen[str]:
    """Run a command line in a process of its own, with its output in pipes."""
    command = [sys.executable, "-m", "pinnml.cli", *line.split()]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def names(folder: Path | str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def test_list_names_everything_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert pinnml("list") == 0
    out = capsys.readouterr().out
    for name in (*problems.names(), *catalogue.NETWORKS, *catalogue.SOLVERS, *catalogue.SAMPLERS):
        assert name in out
    assert problems.get("burgers").description in out


@pytest.mark.slow
def test_solve_resume_plot(capsys: pytest.CaptureFixture[str]) -> None:
    assert pinnml(f"solve poisson --seconds 0.5 {SLOW} --seed 3 --out run") == 0
    out = capsys.readouterr().out
    assert names("run") == FILES
    summary = json.loads(Path("run/summary.json").read_text())
    assert set(PROMISED) <= set(summary) and summary["seed"] == 3
    for shown in (f"{summary['relative_l2']:.3e}", "time limit of 0.5 s", "Figures and files are in run/"):
        assert shown in out
    progress = [line for line in out.splitlines() if "rel L2" in line]
    assert f"rel L2 {summary['relative_l2']:.2e}" in progress[-1]  # the line ends with the error of the table

    before = read_history("run/history.csv")
    assert pinnml("resume run --seconds 0.3") == 0
    after = read_history("run/history.csv")
    assert after[: len(before)] == before and len(after) > len(before)
    assert after[-1].seconds == pytest.approx(before[-1].seconds + 0.3, abs=0.25)
    assert after[-1].iteration > before[-1].iteration and after[-1].loss < before[-1].loss
    assert all(b.seconds >= a.seconds and b.work >= a.work for a, b in pairwise(after))
    assert json.loads(Path("run/summary.json").read_text())["iterations"] == after[-1].iteration

    for path in Path("run").glob("*.png"):
        path.unlink()
    capsys.readouterr()
    assert pinnml("plot run --vtu") == 0
    assert names("run") == FILES | {"solution.vtu"}
    assert {Path(line).name for line in capsys.readouterr().out.splitlines()} == {
        name for name in names("run") if name.endswith((".png", ".vtu"))
    }
    assert png_size(Path("run/solution.png"))[0] > 600
    assert set(read_vtu("run/solution.vtu")[1]) == {"x", "y", "u", "residual", "u_error", "u_estimated_error"}


def test_resume_goes_on_with_the_solvers_memory(monkeypatch: pytest.MonkeyPatch, without_figures: None) -> None:
    assert pinnml(f"solve poisson --seconds 60 --loss 40 --solver lbfgs {SMALL} --out run") == 0
    before, seen, train = load("run"), {}, training.train

    def watched(*arguments: Any, **settings: Any) -> Any:
        seen.update(settings)
        return train(*arguments, **settings)

    monkeypatch.setattr(resuming, "train", watched)
    assert pinnml("resume run --seconds 0") == 0
    state = seen["before"].result.state
    assert torch.equal(seen["before"].result.iterate.theta, before.theta) and len(state.memory) > 0
    assert torch.equal(state.memory.s, before.result.state.memory.s)


def test_without_a_folder_each_run_gets_its_own(without_figures: None) -> None:
    for _ in range(2):
        assert pinnml(f"solve poisson --loss 1e9 {SMALL}") == 0
    assert names("runs") == {"poisson", "poisson-2"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--network mlp --width 5 --depth 2", "MLP(width=5, depth=2"),
        ("--network resnet --width 5 --depth 2", "ResNet(width=5, blocks=2"),
        ("--solver adam", "Adam("),
        ("--solver default", "rule=AfterTrial("),
        ("--solver default", '"refine": null'),  # the points that were asked for stay
        ("--solver default --refine", '"type": "RAD"'),
        ("--refine", '"type": "RAD"'),
        ("--solver adam-lbfgs", "Switching(solvers=(Adam("),
        ("--sampler sobol --points 64", '"type": "Sobol"'),
        ("--dtype float32", '"torch.float32"'),
        ("--loss 1e9 --seconds 9", "The loss fell to 1e+09."),
        ("--device cpu", '"device": "cpu"'),
    ],
)
def test_every_option_arrives(options: str, expected: str, without_figures: None) -> None:
    small = "" if "width" in options else "--width 4 --depth 1"
    points = "" if "points" in options else "--points 60"
    assert pinnml(f"solve poisson --loss 1e9 {small} {points} {options} --out run") == 0
    assert expected in Path("run/config.json").read_text() + Path("run/summary.json").read_text()


def test_an_accuracy_ends_a_run_that_has_no_time_limit(
    capsys: pytest.CaptureFixture[str], without_figures: None
) -> None:
    assert pinnml("solve poisson --accuracy 1e-4 --width 4 --depth 1 --out run") == 0
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["estimate"]["trustworthy"] and summary["estimate"]["relative_l2"]["u"] <= 1e-4
    assert summary["relative_l2"] < 3e-4 and summary["message"].startswith("The estimated error")
    shown = capsys.readouterr().out
    assert "estimated error" in shown and "  estimated " in shown and "/60 s" not in shown


def test_periodic_problems_get_a_periodic_network() -> None:
    parsed = argparse.Namespace(network="mlp", width=4, depth=1)
    assert options.network(parsed, ring()) == fit_network(TINY, ring()) != TINY
    assert options.network(parsed, heat()) == TINY


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("solve burger", "Unknown problem 'burger'.*did you mean 'burgers'"),
        (f"solve poisson {SMALL} --network resnett", "'resnett'.*--network.*'resnet'"),
        (f"solve poisson {SMALL} --solver lbgfs", "'lbgfs'.*--solver.*'lbfgs'"),
        (f"solve poisson {SMALL} --sampler sobel", "'sobel'.*--sampler.*'sobol'"),
        (f"solve poisson {SMALL} --seconds -1", "at least 0"),
        (f"solve poisson {SMALL} --loss -1", "at least 0"),
        ("solve poisson --points 0", "at least 1"),
        ("solve poisson --width 0", "width"),
        ("solve poisson --depth -3", "blocks"),
        (f"solve poisson {SMALL} --device abacus", "abacus"),
        (f"solve poisson {SMALL} --out file/run", "folder cannot be written"),
        ("resume nowhere", r"no checkpoint\.pt"),
        ("plot nowhere", r"no checkpoint\.pt"),
        ("plot file", r"no checkpoint\.pt"),
    ],
)
def test_wrong_input_is_explained(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    assert pinnml(line) == 2
    captured = capsys.readouterr()
    assert re.search(f"(?s)^error: .*{message}", captured.err) and "Traceback" not in captured.err
    assert names(".") == {"file"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "required: command"),
        ("sovle burgers", "invalid choice: 'sovle'"),
        ("solve", "required: problem"),
        ("solve poisson --seconds soon", "invalid float value: 'soon'"),
        ("solve poisson --dtype float16", "invalid choice: 'float16'"),
        ("solve poisson --speed 9", "unrecognized arguments"),
    ],
)
def test_what_is_no_command_is_refused_with_the_usage(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        pinnml(line)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_run_is_never_overwritten(capsys: pytest.CaptureFixture[str], without_figures: None) -> None:
    assert pinnml(f"solve poisson --loss 1e9 {SMALL} --out run") == 0
    content = Path("run/checkpoint.pt").read_bytes()
    assert pinnml(f"solve poisson --seconds 0 {SMALL} --out run --seed 1") == 2
    assert "already holds a run" in capsys.readouterr().err
    assert Path("run/checkpoint.pt").read_bytes() == content


def test_brackets_and_long_paths_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, without_figures: None
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    folder = "a_long_name_" * 10 + "[red]"
    assert pinnml(f"solve poisson --loss 1e9 {SMALL} --out {folder}") == 0
    assert f"Figures and files are in {folder}/:" in capsys.readouterr().out


def test_warnings_are_told_and_the_interpreters_way_is_put_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, without_figures: None
) -> None:
    import warnings

    before, train = warnings.showwarning, training.train

    def warn(*arguments: Any, **settings: Any) -> Any:
        warnings.warn("a wall is missing", stacklevel=1)
        return train(*arguments, **settings)

    monkeypatch.setattr(cli.solve, "train", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert pinnml(f"solve poisson --loss 1e9 {SMALL} --out run") == 0
    assert "warning: a wall is missing" in capsys.readouterr().err
    assert warnings.showwarning is before


@pytest.mark.parametrize(("raised", "status"), [(KeyboardInterrupt, 130), (OSError("no space left"), 2)])
def test_trouble_outside_training_has_its_status(
    raised: Any, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **settings: Any) -> Any:
        raise raised

    monkeypatch.setattr(cli.solve, "train", fail)
    assert pinnml(f"solve poisson {SMALL} --out run") == status
    assert ("no space left" if status == 2 else "interrupted") in capsys.readouterr().err


def test_a_run_that_fails_has_status_1(monkeypatch: pytest.MonkeyPatch, without_figures: None) -> None:
    monkeypatch.setattr(cli.solve, "_finish", _failed(cli.solve._finish))
    assert pinnml(f"solve poisson --seconds 0 {SMALL} --out run") == 1


def _failed(finish: Callable[..., int]) -> Callable[..., int]:
    def finish_failed(solution: Any, *more: Any) -> int:
        result = replace(solution.result, status=Status.SEARCH_FAILED)
        return finish(Solution(replace(solution.run, result=result)), *more)

    return finish_failed


@pytest.mark.slow
def test_ctrl_c_keeps_the_run(tmp_path: Path) -> None:
    process = start(f"solve poisson --seconds 600 {SMALL} --out run")
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        if "loss" in line:  # the first row: training has begun
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert names("run") == FILES and "Traceback" not in err
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["status"] == "interrupted" and summary["success"] is False and summary["iterations"] > 0
    assert "interrupted" in out
    assert read_history("run/history.csv")[-1].loss == summary["loss"]


@pytest.mark.slow
def test_a_pipe_gets_plain_lines() -> None:
    process = start(f"solve poisson --seconds 0.5 {SMALL} --out run")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == ""
    assert "\x1b" not in out and "\r" not in out
    assert out.splitlines()[0].startswith("poisson: -Δu = f")
    assert sum("rel L2" in line for line in out.splitlines()) in (1, 2)  # the first state and the last


def test_a_run_without_a_step_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert pinnml(f"solve poisson --seconds 0 {SMALL} --out run") == 1
    assert "No step has been taken." in capsys.readouterr().out
    assert json.loads(Path("run/summary.json").read_text())["success"] is False


def test_two_commands_at_once_get_two_folders() -> None:
    both = [start(f"solve poisson --loss 1e9 {SMALL}") for _ in range(2)]
    assert [process.communicate(timeout=120) and process.returncode for process in both] == [0, 0]
    assert names("runs") == {"poisson", "poisson-2"}


def test_a_command_that_is_refused_leaves_no_folder() -> None:
    assert pinnml(f"solve poisson --loss 1e9 {SMALL} --points 1000000000000 --solver lbfgs") == 2
    assert names("runs") == set()


@pytest.mark.parametrize(
    "name", ["heat", "pinnacle/pinv", "pinnacle/hinv", "pinnacle/poisson2d-c", "allen-cahn-periodic"]
)
def test_the_default_is_that_of_the_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the problem asks for: a prior, the share of noisy measurements, holes, periods."""
    seen: list[Any] = []

    def caught(*given: Any, **more: Any) -> Any:
        seen.extend(given)
        raise ValueError("enough")

    monkeypatch.setattr("pinnml.cli.solve.train", caught)
    monkeypatch.setattr("pinnml.cli.bench.race", caught)
    assert (
        cli.main(["solve", name, "--device", "cpu"])
        == cli.main(["bench", name, "--solvers", "default", "--out", "b"])
        == 2
    )
    _, setup, plan, *_ = seen
    assert setup == arrange(problems.get(name), seconds=60, device="cpu")
    assert plan.networks[name] == setup.network
    assert plan.recipe(name, "default") == Recipe(setup.solver, setup.refine)
