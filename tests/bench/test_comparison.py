"""Whole comparisons: their order, the files they leave, and what an interrupt leaves of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_runs import TINY, plan, silent

from pinnml.bench import Job, comparison, jobs, race
from pinnml.io import read_history
from pinnml.optim import Status
from pinnml.problem import DeclarationError
from pinnml.run import Solution, solve

FILES = {"times.json", "table.md", "histories", "poisson-error-seconds.png", "poisson-error-work.png"}


@pytest.fixture
def solving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Put something else in the place of `solve`."""

    def put(function: Callable[..., Any]) -> None:
        monkeypatch.setattr(comparison, "solve", function)

    return put


def test_every_solver_runs_once_a_seed_in_an_order_that_rotates() -> None:
    networks = {"poisson": TINY, "burgers": TINY}
    order = jobs(plan("lbfgs", "adam", "gauss-newton", networks=networks, seeds=(0, 1, 5, 6)))
    assert len(order) == len(set(order)) == 24
    assert [job.seed for job in order] == sorted(job.seed for job in order)
    assert order[0] == Job("poisson", "lbfgs", 0)
    for problem in networks:
        of_seed = {s: [job.solver for job in order if (job.problem, job.seed) == (problem, s)] for s in (0, 1, 5, 6)}
        assert of_seed[0] == of_seed[6] == ["lbfgs", "adam", "gauss-newton"]
        assert of_seed[1] == ["adam", "gauss-newton", "lbfgs"]
        assert of_seed[5] == ["gauss-newton", "lbfgs", "adam"]


def test_a_comparison_leaves_numbers_histories_table_and_figures(tmp_path: Path) -> None:
    runs = race(plan(seeds=(0, 1)), tmp_path, silent)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert [run.job for run in runs] == jobs(plan(seeds=(0, 1)))
    times = json.loads((tmp_path / "times.json").read_text())
    assert {"cpus", "threads", "torch", "dtype", "device", "platform"} <= set(times["machine"])
    assert [(run["solver"], run["seed"]) for run in times["runs"]] == [
        ("lbfgs", 0), ("adam", 0), ("adam", 1), ("lbfgs", 1)
    ]  # fmt: skip
    for run, written in zip(runs, times["runs"], strict=True):
        rows = read_history(tmp_path / "histories" / f"poisson-{run.job.solver}-{run.job.seed}.csv")
        assert rows == list(run.rows)
        assert written["measures"]["final_error"] == rows[-1].relative_l2 and written["status"] == "stopped"
    starts = {run.job.seed: run.rows[0].loss for run in runs}
    assert all(run.rows[0].loss == starts[run.job.seed] for run in runs) and starts[0] != starts[1]
    summaries = {entry["solver"]: entry["measures"] for entry in times["summary"]}
    finals = sorted(run.rows[-1].relative_l2 or math.nan for run in runs if run.job.solver == "adam")
    assert summaries["adam"]["runs"] == 2
    assert [summaries["adam"]["final_error"][end] for end in ("low", "high")] == finals


def test_a_folder_with_a_comparison_is_refused(tmp_path: Path) -> None:
    (tmp_path / "times.json").write_text("{}")
    with pytest.raises(DeclarationError, match="already holds a comparison"):
        race(plan(), tmp_path, silent)
    assert (tmp_path / "times.json").read_text() == "{}"


def test_an_interrupt_between_runs_keeps_what_is_finished(
    tmp_path: Path, solving: Callable[[Callable[..., Any]], None]
) -> None:
    calls: list[str] = []

    def interrupted(*arguments: Any, **settings: Any) -> Any:
        calls.append("")
        if len(calls) == 3:
            raise KeyboardInterrupt
        return solve(*arguments, **settings)

    solving(interrupted)
    assert len(race(plan(), tmp_path, silent)) == 2
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert len(json.loads((tmp_path / "times.json").read_text())["runs"]) == 2
    assert "2 of 6 runs done" in (tmp_path / "table.md").read_text()


def test_a_run_that_is_interrupted_is_kept_and_ends_the_comparison(
    tmp_path: Path, solving: Callable[[Callable[..., Any]], None]
) -> None:
    calls: list[str] = []

    def interrupted(*arguments: Any, **settings: Any) -> Any:
        calls.append("")
        solution = solve(*arguments, **settings)
        status = Status.INTERRUPTED if len(calls) == 2 else solution.result.status
        return Solution(replace(solution.run, result=replace(solution.result, status=status)))

    solving(interrupted)
    runs = race(plan(), tmp_path, silent)
    assert [run.status for run in runs] == [Status.STOPPED, Status.INTERRUPTED]
    times = json.loads((tmp_path / "times.json").read_text())
    assert [run["status"] for run in times["runs"]] == ["stopped", "interrupted"]
    assert [entry["solver"] for entry in times["summary"]] == ["lbfgs"]
    assert (tmp_path / "histories" / "poisson-adam-0.csv").exists()


def test_an_error_in_a_later_run_loses_nothing_of_the_earlier(
    tmp_path: Path, solving: Callable[[Callable[..., Any]], None]
) -> None:
    calls: list[str] = []

    def failing(*arguments: Any, **settings: Any) -> Any:
        calls.append("")
        if len(calls) == 2:
            assert (tmp_path / "times.json").exists() and (tmp_path / "table.md").exists()
            raise MemoryError
        return solve(*arguments, **settings)

    solving(failing)
    with pytest.raises(MemoryError):
        race(plan(), tmp_path, silent)
    assert {path.name for path in tmp_path.iterdir()} == FILES


@pytest.mark.parametrize("settings", [{"seconds": -1}, {"seeds": ()}, {"networks": {}}])
def test_a_plan_without_runs_or_time_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="where: "):
        plan(**settings)
