"""`pinnml bench pinnacle`: its plan, its table, and that what is done is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_runs import TINY, made, plan, silent

from pinnml import cli, problems
from pinnml.bench import Plan, comparison, pinnacle, race
from pinnml.cli import bench
from pinnml.optim import Status
from pinnml.problem import DeclarationError
from pinnml.run import Solution, solve

TWO = {"pinnacle/poisson2d-ms": TINY, "pinnacle/wave1d-c": TINY}
REPORTS = {"pinnacle.md": pinnacle.comparison}


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "draw", lambda *rest: None)


def small(**settings: Any) -> Plan:
    return plan("lbfgs", **({"networks": TWO, "seeds": (0,)} | settings))


def test_every_problem_has_its_published_figure_and_no_other() -> None:
    assert set(pinnacle.PUBLISHED) == {name for name in problems.names() if name.startswith("pinnacle/")}
    assert len(pinnacle.PUBLISHED) == 22


def test_pinnacle_stands_for_all_of_them_with_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []

    def no_race(*arguments: Any, **settings: Any) -> list[Any]:
        seen.extend([*arguments, settings])
        tmp_path.joinpath("o").mkdir()
        return []

    monkeypatch.setattr(bench, "race", no_race)
    cli.main(["bench", "pinnacle", "--out", str(tmp_path / "o")])
    found, reports, settings = seen[0], seen[3], seen[4]
    assert list(found.networks) == list(pinnacle.PUBLISHED) and list(found.recipes) == ["default"]
    assert (found.seconds, found.seeds, settings) == (60.0, (0,), {"resumed": True})
    assert set(reports) == {"table.md", "pinnacle.md"}


def test_the_table_has_ours_beside_the_published() -> None:
    runs = [replace(made([(0.0, 1.0), (0.1, 2e-3)]), job=replace(made([(0.0, 1.0)]).job, problem="pinnacle/wave1d-c"))]
    text = pinnacle.comparison(small(), runs)
    line = "| wave1d-c | lbfgs | 2.0e-03 | 0.1 | 9.8e-02 (NTK) | 1.6e-02 | 1e-15 |  |"
    assert line in text and "poisson2d-ms" not in text and "1 of 2 runs done" in text


def test_what_is_done_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[str] = []

    def watched(problem: Any, *arguments: Any, **settings: Any) -> Any:
        solved.append(problem.name)
        if len(solved) == 2:
            raise KeyboardInterrupt
        solution = solve(problem, *arguments, **settings)
        status = Status.INTERRUPTED if len(solved) == 3 else solution.result.status
        return Solution(replace(solution.run, result=replace(solution.result, status=status)))

    monkeypatch.setattr(comparison, "solve", watched)
    first = race(small(), tmp_path, silent, REPORTS, resumed=True)
    assert [run.job.problem for run in first] == ["pinnacle/poisson2d-ms"]
    second = race(small(), tmp_path, silent, REPORTS, resumed=True)  # half a run, which is kept and counts for nothing
    assert [run.status is Status.INTERRUPTED for run in second] == [False, True]
    third = race(small(command="pinnml bench"), tmp_path, silent, REPORTS, resumed=True)
    assert third[0] == first[0] == second[0] and len(third) == 2
    assert solved == ["pinnacle/poisson2d-ms"] + 3 * ["pinnacle/wave1d-c"]
    assert len(json.loads((tmp_path / "times.json").read_text())["runs"]) == 2
    assert race(small(), tmp_path, silent, REPORTS, resumed=True) == third and len(solved) == 4
    assert (tmp_path / "pinnacle.md").read_text().count("lbfgs") == 2


def emptied(path: Path) -> None:
    path.write_text("{}")


def without_status(path: Path) -> None:
    content = json.loads(path.read_text())
    content["runs"][0].pop("status")
    path.write_text(json.dumps(content))


def of_another_plan(path: Path) -> None:
    content = json.loads(path.read_text())
    content["runs"][0]["problem"] = "../../somewhere"
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("spoil", [emptied, without_status, of_another_plan])
def test_a_folder_of_something_else_is_refused(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    one = {"networks": {"pinnacle/wave1d-c": TINY}}
    race(small(seconds=0.02, **one), tmp_path, silent, REPORTS)
    with pytest.raises(DeclarationError, match="holds a comparison of other"):
        race(small(seconds=0.03, **one), tmp_path, silent, REPORTS, resumed=True)
    spoil(tmp_path / "times.json")
    with pytest.raises(DeclarationError, match=r"holds a comparison of other|cannot be read"):
        race(small(seconds=0.02, **one), tmp_path, silent, REPORTS, resumed=True)
