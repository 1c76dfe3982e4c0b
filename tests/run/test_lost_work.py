"""Whatever fails beside a run, what it has computed is kept, and goes on to the bit."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import torch
from rich.console import Console
from small_problems import TINY, heat
from torch import Tensor

import pinnml as pm
from pinnml.report.progress import ProgressLine
from pinnml.run import FigureWarning
from pinnml.setup import HistoryRow

to_the_bit = pytest.mark.usefixtures("on_one_thread")


class MyOwnError(Exception):
    """What only the user's code raises."""


def solved(problem: pm.Problem | None = None, iterations: int = 8, **more: Any) -> pm.Solution:
    chosen: dict[str, Any] = {"points": pm.Sobol(16), "stop": pm.Iterations(iterations), "device": "cpu"}
    return pm.solve(problem or heat(), TINY, pm.LBFGS(), **(chosen | more))


def failing(row: HistoryRow) -> None:
    if row.iteration == 5:
        raise MyOwnError("the callback")


def kept_in(error: BaseException) -> Path:
    (note,) = error.__notes__
    found = re.fullmatch(r"The run of 5 iterations so far is kept in (.*); pinnml\.resume goes on\.", note)
    assert found, note
    return Path(found[1])


def goes_on(folder: Path) -> None:
    """Hold a resumed run to be the one that nothing has ended."""
    resumed, whole = pm.resume(folder, heat(), stop=pm.Iterations(8)), solved()
    assert torch.equal(resumed.theta, whole.theta)
    assert [row.loss for row in resumed.history] == [row.loss for row in whole.history]


@to_the_bit
@pytest.mark.parametrize("named", [True, False], ids=["folder", "no folder"])
def test_an_error_in_a_callback_leaves_a_checkpoint(named: bool, tmp_path: Path) -> None:
    with pytest.raises(MyOwnError, match="the callback") as caught:
        solved(callback=failing, out=tmp_path / "run" if named else None)
    folder = kept_in(caught.value)
    assert (folder == tmp_path / "run") == named
    goes_on(folder)


@to_the_bit
def test_so_does_one_in_the_equation_half_way(tmp_path: Path) -> None:
    reached: list[int] = []

    def failing_equation(u_t: Tensor, u_xx: Tensor, kappa: float) -> Tensor:
        if reached and reached[-1] == 5:
            raise MyOwnError("the equation")
        return u_t - kappa * u_xx

    conditions = heat().conditions | {"pde": pm.Interior(failing_equation)}
    with pytest.raises(MyOwnError, match="the equation") as caught:
        solved(heat(conditions=conditions), out=tmp_path, callback=lambda row: reached.append(row.iteration))
    assert kept_in(caught.value) == tmp_path
    goes_on(tmp_path)


@to_the_bit
def test_one_before_the_first_step_has_nothing_to_keep(tmp_path: Path) -> None:
    def at_once(row: HistoryRow) -> None:
        raise MyOwnError

    with pytest.raises(MyOwnError) as caught:
        solved(callback=at_once)
    assert not hasattr(caught.value, "__notes__")


class Full(io.StringIO):
    """A log on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class Unread(io.StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@to_the_bit
@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("stream", [Full, Unread, io.StringIO], ids=["full", "unread", "closed"])
def test_a_progress_line_that_cannot_be_written_ends_nothing(stream: type[io.StringIO], terminal: bool) -> None:
    target = stream()
    if stream is io.StringIO:
        target.close()
    with ProgressLine(Console(file=target, force_terminal=terminal)) as line:
        assert solved(callback=line.update).result.nit == 8


def test_figures_that_fail_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where matplotlib is told to use LaTeX, and there is none."""
    monkeypatch.setitem(mpl.rcParams, "text.usetex", True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.warns(FigureWarning) as told:
        solution = solved(out=tmp_path / "run")
    assert any("figure 'solution' could not be made" in str(one.message) for one in told)
    assert solution.result.success
    assert {"checkpoint.pt", "summary.json", "history.csv", "config.json"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }


def test_a_gallery_that_fails_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: pm.Solution) -> None:
        raise MemoryError

    monkeypatch.setattr(pm.Solution, "figures", fails)
    with pytest.warns(FigureWarning, match="The figures could not be made: MemoryError"):
        assert solved(out=tmp_path / "run").result.success
    assert (tmp_path / "run" / "summary.json").exists()


def test_ten_coordinates_are_drawn_on_a_grid_that_fits(tmp_path: Path) -> None:
    """Eleven points along each would be 2.6e10."""
    names = [f"x{axis}" for axis in range(10)]
    conditions = {"pde": pm.Interior(lambda u, u_x0, x1: u_x0 + u - x1)}
    problem = pm.Problem(pm.Box(**dict.fromkeys(names, (0, 1))), ["u"], conditions=conditions)
    with pytest.warns(UserWarning, match="of order 1 in x0"):
        solution = solved(problem, 1, out=tmp_path / "run")
    assert solution.on_grid()["u"].size <= 200_000 and (tmp_path / "run" / "solution.png").exists()
