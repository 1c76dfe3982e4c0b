from __future__ import annotations

import io
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from pinnml.report import ProgressLine, summary_table
from pinnml.setup import HistoryRow


class Clock:
    """A clock that stands where it is put."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def row(iteration: int, seconds: float, error: float | None = None) -> HistoryRow:
    return HistoryRow(iteration, seconds, 2.0 * iteration, 10.0**-iteration, 1.0, 30 * iteration, error)


def console(terminal: bool, width: int = 120) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    to = Console(file=file, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    return to, file


def run(terminal: bool, seconds: float, step: float, width: int = 120, budget: float | None = 60) -> str:
    to, file = console(terminal, width)
    clock = Clock()
    with ProgressLine(to, title="burgers", budget=budget, clock=clock) as line:
        for k in range(1, round(seconds / step) + 1):
            clock.now = k * step
            line.update(row(k, clock.now, 0.25 if k == 1 else None))
    return file.getvalue()


def test_a_file_gets_few_whole_lines() -> None:
    text = run(terminal=False, seconds=60, step=0.5, width=40)
    lines = text.splitlines()
    assert len(lines) == 7
    assert lines[0] == "burgers  0.5/60 s  it 1  loss 1.00e-01  rel L2 2.50e-01  work 2  60.0 ev/s"
    assert lines[-1] == "burgers  60.0/60 s  it 120  loss 1.00e-120  rel L2 2.50e-01  work 240  60.0 ev/s"
    assert "\x1b" not in text


def test_an_estimate_is_shown_beside_the_error() -> None:
    to, file = console(False)
    with ProgressLine(to, title="heat", clock=Clock()) as line:
        line.update(HistoryRow(3, 2.0, 6.0, 1e-9, 1.0, 90, 2e-5, 3.14e-5))
    assert "rel L2 2.00e-05  estimated 3.1e-05  work" in file.getvalue()


def test_phases_are_named_where_there_are_readouts() -> None:
    to, file = console(False)
    with ProgressLine(to, title="heat", clock=(clock := Clock())) as line:
        for seconds, neurons in ((0.0, 0), (20.0, 500), (40.0, 0)):
            clock.now = seconds
            line.update(replace(row(3, seconds), neurons=neurons))
    first, second, third = file.getvalue().splitlines()
    assert "it 3  loss" in first and "it 3  readout of 500  loss" in second and "it 3  training  loss" in third


def test_the_summary_tells_the_estimate_and_why_it_is_not_trusted() -> None:
    to, file = console(False, width=200)
    known = {"relative_l2": {"u": 1.2e-5}, "trustworthy": True, "reason": "It holds.", "method": "surplus"}
    to.print(summary_table({"estimate": known}))
    to.print(summary_table({"estimate": known | {"relative_l2": {"u": 1e-3, "v": 2e-3}, "trustworthy": False}}))
    to.print(summary_table({"estimate": None}))
    lines = [line.split("estimated error")[1].strip() for line in file.getvalue().splitlines() if line.strip()]
    assert lines == ["1.2e-05", "u 1.0e-03, v 2.0e-03, not to be trusted: It holds.", "-"]


def test_the_last_row_is_shown_once() -> None:
    assert run(terminal=False, seconds=11, step=1).splitlines()[-1].split()[1:4] == ["11.0/60", "s", "it"]
    assert len(run(terminal=False, seconds=11, step=1).splitlines()) == 2
    assert len(run(terminal=False, seconds=12, step=1).splitlines()) == 3


def test_a_terminal_gets_one_live_line() -> None:
    text = run(terminal=True, seconds=3, step=0.01)
    assert text.count("\n") == 1  # only the line's end, when all is done
    drawings = text.split("\r")
    assert 20 <= len(drawings) <= 30  # at most eight a second
    assert "it 300" in drawings[-1] and "━" in drawings[-1]
    assert "rel L2 2.50e-01" in drawings[-1]  # the last known error stays


@pytest.mark.parametrize("width", [20, 60, 80, 100])
def test_a_narrow_terminal_never_wraps(width: int) -> None:
    text = run(terminal=True, seconds=1, step=0.25, width=width)
    assert text.count("\n") == 1
    assert "burgers  1.0/60 s" in text
    assert "…" not in text  # a terminal that knows ASCII alone could not show it


def test_a_run_without_budget_and_reference() -> None:
    to, file = console(terminal=True)
    with ProgressLine(to) as line:
        line.update(row(1, 0.0))
    assert "0.0 s  it 1  loss 1.00e-01  work 2  0.0 ev/s" in file.getvalue()
    assert "rel" not in file.getvalue() and "━" not in file.getvalue()


def test_errors_pass_through_after_the_last_line() -> None:
    to, file = console(terminal=False)
    clock = Clock()
    with pytest.raises(KeyboardInterrupt), ProgressLine(to, clock=clock) as line:
        line.update(row(1, 1.0))
        line.update(row(2, 2.0))
        raise KeyboardInterrupt
    assert [text.split("  ")[1] for text in file.getvalue().splitlines()] == ["it 1", "it 2"]


def test_no_thread_runs_beside_the_solve() -> None:
    to, _ = console(terminal=True)
    before = threading.active_count()
    with ProgressLine(to) as line:
        line.update(row(1, 1.0))
        assert threading.active_count() == before


def test_no_row_no_line() -> None:
    to, file = console(terminal=False)
    with ProgressLine(to):
        pass
    assert file.getvalue() == ""


def test_a_title_is_no_markup() -> None:
    to, file = console(terminal=False)
    with ProgressLine(to, title="heat [red]") as line:
        line.update(row(1, 1.0))
    assert file.getvalue().startswith("heat [red]  1.0 s")


def test_summary_table_has_known_entries_in_reading_order_then_others() -> None:
    to, file = console(terminal=False, width=60)
    summary = {
        "note": {"nu": 0.5, "modes": [1, 2]},
        "success": True,
        "loss": 1.5e-8,
        "relative_l2": None,
        "seed": 1234567,
        "parameters": 2141,
        "work": 5421.25,
        "problem": "burgers [b]",
    }
    to.print(summary_table(summary))
    lines = file.getvalue().splitlines()
    rows = [tuple(part.strip() for part in line.split("  ") if part.strip()) for line in lines]
    assert [cells for cells in rows if cells] == [
        ("problem", "burgers [b]"),
        ("parameters", "2,141"),
        ("seed", "1234567"),
        ("work units", "5,421.2"),
        ("loss", "1.500e-08"),
        ("relative L2 error", "-"),
        ("success", "yes"),
        ("note", "nu = 0.5, modes = 1, 2"),
    ]
    assert "\x1b" not in file.getvalue()
