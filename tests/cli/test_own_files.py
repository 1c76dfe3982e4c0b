"""Problems from a user's own Python file: which one is meant, and what is said of a file that is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pinnml import Solution, cli
from pinnml.cli.chosen import chosen

FAST = "--width 4 --depth 1 --points 60 --solver lbfgs --seconds 0.2"

ONE = """
import pinnml as pm
problem = pm.Problem(
    domain=pm.Box(x=(0, 1)),
    fields=["u"],
    conditions={"pde": pm.Interior(lambda u_xx: u_xx + 1), "ends": pm.Value(u=0.0, on=["x=0", "x=1"])},
    name="mine",
)
again = problem
"""

MADE = """
from __future__ import annotations
from dataclasses import dataclass
import pinnml as pm
from neighbour import SLOPE

@dataclass
class Slope:
    value: float = SLOPE

def _hidden():
    raise AssertionError

def needs(a):
    raise AssertionError

def make(slope=Slope()):
    def residual(u_x):
        return u_x - slope.value
    conditions = {"pde": pm.Interior(residual), "end": pm.Value(u=0.0, on="x=0")}
    return pm.Problem(domain=pm.Box(x=(0, 1)), fields=["u"], conditions=conditions)

if __name__ == "__main__":
    raise AssertionError
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(Solution, "figures", lambda self: {})
    Path("neighbour.py").write_text("SLOPE = 2.0\n")


def test_a_file_with_one_problem_needs_no_name() -> None:
    Path("one.py").write_text(ONE)
    found = chosen("one.py")
    assert (found.label, found.stem, found.problem.name) == ("one", "one", "mine")
    assert chosen("one.py:again").label == "one-again" and chosen("burgers").label == "burgers"


def test_a_function_of_no_arguments_is_called_with_the_neighbours_of_its_file() -> None:
    Path("made.py").write_text(MADE)
    before = list(sys.path)
    for text in ("made.py", "made.py:make", str(Path("made.py").absolute())):
        assert chosen(text).problem.fields == ("u",)
    assert sys.path == before and {path.name for path in Path().iterdir()} - {"__pycache__"} == {
        "made.py",
        "neighbour.py",
    }


@pytest.mark.parametrize(
    ("source", "text", "said"),
    [
        (None, "wrong.py", "The file cannot be read: No such file or directory; where: wrong.py; name a Python file"),
        ("x = (", "wrong.py", "The file is not Python: '(' was never closed; where: wrong.py, line 1; mend the file"),
        ("x = 1", "wrong.py", "The file holds no Problem; where: wrong.py"),
        (f"{ONE}other = pm.Problem(problem.domain, ['u'], conditions=problem.conditions)", "wrong.py",
         "The file holds 2 Problems, again, other; where: wrong.py; name one of them, as in wrong.py:again"),
        ("def a(): 1\ndef b(x=2): 1", "wrong.py", "The file holds 2 functions of no arguments, a, b; where: wrong.py"),
        (ONE, "wrong.py:problen", "The file has no 'problen'; where: wrong.py; did you mean 'problem'"),
        (MADE, "wrong.py:needs", "The function 'needs' needs arguments; where: wrong.py"),
        ("def a(): return 7", "wrong.py", "'a' returns 7; where: wrong.py; let it be a pm.Problem"),
        ("a = 7", "wrong.py:a", "'a' is 7; where: wrong.py; let it be a pm.Problem"),
        ("def a():\n    return 1 / 0\nb = a()", "wrong.py",
         "The file raises ZeroDivisionError: division by zero; where: wrong.py, line 2: return 1 / 0; mend the file"),
        ("def a():\n    return 1 / 0", "wrong.py", "division by zero; where: wrong.py, line 2: return 1 / 0"),
        ("import nowhere.at.all", "wrong.py", "The file raises ModuleNotFoundError: No module named 'nowhere'"),
        ("import sys\nsys.exit(3)", "wrong.py", "The file raises SystemExit: 3; where: wrong.py, line 2: sys.exit(3)"),
        (ONE.replace('["u"]', '["v"]'), "wrong.py", "Unknown name 'u_xx'; where: the residual of condition 'pde' ("),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_one_sentence(
    source: str | None, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if source is not None:
        Path("wrong.py").write_text(source)
    assert cli.main(["solve", text, "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error, error


def test_a_run_goes_on_with_its_file_and_not_without(capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.py").write_text(ONE)
    assert cli.main(f"solve one.py {FAST}".split()) == 0
    run = "runs/one"
    assert json.loads(Path(run, "summary.json").read_text())["problem"] == "mine"
    capsys.readouterr()
    for command in ("resume", "rerun", "plot"):
        assert cli.main([command, run]) == 2
        error = capsys.readouterr().err
        assert "'mine' is not a bundled problem" in error and "my_problem.py" in error and error.count("\n") == 1
    assert cli.main([*f"resume {run} one.py --seconds 0".split()]) == 0
    assert cli.main(["plot", run, "one.py:again"]) == 0
    assert "relative difference" not in capsys.readouterr().err


def test_a_bundled_name_with_a_stroke_is_one_folder_and_needs_no_file() -> None:
    assert cli.main(f"solve pinnacle/wave1d-c {FAST}".split()) == 0
    assert cli.main(["plot", "runs/pinnacle-wave1d-c"]) == 0


def test_another_file_than_that_of_the_run_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.py").write_text(ONE)
    assert cli.main(f"solve one.py {FAST} --out run".split()) == 0
    Path("one.py").write_text(ONE.replace("u_xx + 1", "u_xx + 2"))
    assert cli.main(["plot", "run", "one.py"]) == 2
    assert "the loss is" in capsys.readouterr().err


def test_a_comparison_takes_files_beside_bundled_problems(capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.py").write_text(ONE)
    Path("poisson.py").write_text(ONE)
    line = f"bench one.py poisson --solvers lbfgs --seeds 1 {FAST.replace('--solver lbfgs', '')} --out compared"
    assert cli.main(line.split()) == 0
    assert {path.name for path in Path("compared/histories").iterdir()} == {"one-lbfgs-0.csv", "poisson-lbfgs-0.csv"}
    capsys.readouterr()
    assert cli.main(["bench", "poisson.py", "poisson", "--out", "other"]) == 2
    assert "Two problems are called 'poisson'" in capsys.readouterr().err
