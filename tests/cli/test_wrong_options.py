"""Wrong options end the command line in one line and with status 2; terminals without letters get plain ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pinnml import cli
from pinnml.report.letters import fitting, plain
from pinnml.setup import size_of

SMALL = "--width 4 --depth 1 --points 60"
WRONG = [
    *(f"solve poisson --memory={size}" for size in ("1e999", "1e308T", "nan", "-1", "0", "0.1", "x")),
    *(f"solve poisson --points={count}" for count in ("0", "-1", "2.5", "1e3")),
    *(f"solve poisson --seconds={seconds}" for seconds in ("nan", "-1", "x")),
    "solve poisson --device cuda:99", "solve poisson --device tpu", "solve poisson --width 0",
    "solve poisson --depth 0",
    "solve poisson --seed 99999999999999999999", "solve poisson --seed x", "solve poisson --accuracy 0",
    "solve poisson --loss nan", "solve poisson --dtype float16", "solve poison", "solve", "", "slove poisson",
    "solve poisson --nope", f"solve poisson {SMALL} --out file", f"solve poisson {SMALL} --out=", "resume nowhere",
    "resume nowhere --seconds x", "plot nowhere", "rerun nowhere", "bench poison --out b", "bench poisson --out file",
    "bench poisson --seconds nan --out b", "bench poisson --seeds 0 --out b",
]  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_option_ends_in_one_line(
    line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("file").touch()
    try:
        status = cli.main(line.split())
    except SystemExit as end:
        status = int(end.code or 0)
    said = capsys.readouterr().err
    assert status == 2 and said.startswith("error: ") and said.count("\n") == 1 and said.endswith("\n")


def test_a_wrong_name_is_answered_by_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["solve", "poison"]) == 2 and "did you mean 'poisson'" in capsys.readouterr().err


def test_sizes_are_whole_bytes() -> None:
    assert (size_of("2GiB"), size_of("1e3"), size_of("1.5 kB")) == (2**31, 1000, 1500)


def test_letters_that_a_stream_lacks_are_written_plainly() -> None:
    assert (
        plain("½‖r‖² ≤ 1 → θ₁·∂u, L², Δu, sin πx, é, ✓") == "1/2||r||2 <= 1 -> theta1*du, L2, Delta u, sin pi x, e, ?"
    )
    with open(os.devnull, "w", encoding="latin-1") as stream:
        assert fitting("x² → θ", stream) == "x² -> theta"


def test_a_terminal_of_ascii_and_a_backend_of_nonsense_spoil_nothing(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "MPLBACKEND": "nonsense", "COLUMNS": "100"}
    letters = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    line = f"solve poisson {SMALL} --seconds 0.2 --solver lbfgs --out ~/run"
    command = [sys.executable, "-W", "ignore", "-m", "pinnml.cli", *line.split()]
    done = subprocess.run(command, env=os.environ | home | letters, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert b"-Delta u = f on (-1,1)2" in done.stdout and done.stdout.isascii() and done.stderr.isascii()
    assert b"Warning" not in done.stderr and (tmp_path / "run" / "solution.png").exists()
