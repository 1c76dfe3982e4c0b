"""`pinnml bench` as a user meets it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pinnml import cli
from pinnml.bench import Plan, comparison, paper
from pinnml.cli import bench
from pinnml.cli.catalogue import SOLVERS

SMALL = "--width 4 --depth 1 --points 60"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons go to a folder of the test's own, and lines are as long as they come."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def pinnml(line: str) -> int:
    """Run a command line in this process."""
    return cli.main(line.split())


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that would have been run."""
    plans: list[Plan] = []

    def no_race(plan: Plan, *rest: object, **settings: object) -> list[object]:
        plans.append(plan)
        Path(str(rest[0])).mkdir()
        return []

    monkeypatch.setattr(bench, "race", no_race)
    return plans


def test_bench_says_how_far_it_is_and_what_came_out(capsys: pytest.CaptureFixture[str]) -> None:
    line = f"bench poisson --solvers lbfgs,default --seconds 0.2 --seeds 1 {SMALL} --out compared"
    assert pinnml(line) == 0
    out = capsys.readouterr().out
    assert "poisson lbfgs seed 0 (1/2)" in out and "poisson default seed 0 (2/2)" in out
    assert "Tables, figures and histories are in compared/:" in out
    assert f"`pinnml {line}`" in Path("compared/table.md").read_text()
    assert pinnml(line) == 2
    assert "already holds a comparison" in capsys.readouterr().err


def test_options_arrive_in_the_plan(planned: list[Plan]) -> None:
    pinnml(
        "bench poisson burgers --solvers adam,lbfgs --seeds 2 --seconds 7 --network mlp --width 5 --depth 2 --points 80"
        " --sampler sobol --device cpu --dtype float32 --out o"
    )
    (plan,) = planned
    assert list(plan.networks) == ["poisson", "burgers"] and list(plan.recipes) == ["adam", "lbfgs"]
    assert (plan.seeds, plan.seconds, plan.device, str(plan.dtype)) == ((0, 1), 7.0, "cpu", "torch.float32")
    assert repr(plan.points).startswith("Sobol(n=80") and repr(plan.networks["poisson"]).startswith("MLP(width=5")
    assert plan.recipe("poisson", "lbfgs") == SOLVERS["lbfgs"](1)


def test_the_paper_sets_problems_networks_and_points(planned: list[Plan]) -> None:
    pinnml("bench --paper --solvers lbfgs-3,lbfgs --out o")
    pinnml("bench klein-gordon --paper --solvers lbfgs-3,lbfgs --out p")
    whole, part = planned
    assert whole.networks == {name: published.network for name, published in paper.PUBLISHED.items()}
    assert list(part.networks) == ["klein-gordon"] and part.points.n == 10_000
    assert whole.recipe("burgers", "lbfgs-3").solver.memory == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bench --out o", "No problem is named.*--paper"),
        ("bench poison --out o", "'poison'.*did you mean 'poisson'"),
        ("bench poisson --solvers lbfgs,adm --out o", "'adm'.*--solvers.*'adam'"),
        ("bench poisson --network mpl --out o", "'mpl'.*--network.*'mlp'"),
        ("bench poisson --seeds 0 --out o", "0 seeds.*--seeds"),
        ("bench poisson --seconds -1 --out o", "at least 0"),
        ("bench poisson --width 0 --out o", "width"),
        ("bench --paper --width 9 --points 7 --solvers lbfgs-3 --out o", "--width, --points.*leave it out"),
        ("bench --paper --solvers lbfgs --out o", "lbfgs-3 is missing.*--solvers"),
        ("bench poisson --paper --solvers lbfgs-3 --out o", "no problem 'poisson'.*--paper"),
        (f"bench poisson {SMALL} --out file/o", "folder cannot be written"),
    ],
)
def test_wrong_input_is_explained(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    assert pinnml(line) == 2
    captured = capsys.readouterr()
    assert re.search(f"(?s)^error: .*{message}", captured.err) and "Traceback" not in captured.err
    assert {path.name for path in Path().iterdir()} == {"file"}


def test_an_interrupt_has_its_status_and_says_what_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "solve", interrupted)
    assert pinnml(f"bench poisson --seeds 1 {SMALL} --out o") == 130
    assert "interrupted after 0 of 2 runs" in capsys.readouterr().out
