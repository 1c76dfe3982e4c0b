"""The table of a run's refinements, and their marks in the convergence figure."""

from __future__ import annotations

import io

from rich.console import Console

from pinnml.adapt import Refinement
from pinnml.report import plot_convergence, refinement_table
from pinnml.setup import HistoryRow

ROWS = [HistoryRow(k, 0.5 * k, 2.0 * k, 10.0**-k, 1.0, 3 * k, None) for k in range(101)]


def refinement(what: str, iteration: int, **changes: object) -> Refinement:
    same = {"neurons": (0, 0), "layers": (3, 3), "parameters": (9, 9), "points": (40, 40)}
    return Refinement(what, iteration, 2.0 * iteration, **(same | changes))  # type: ignore[arg-type]


DONE = [
    refinement("readout of the untrained network", 0, neurons=(0, 30), parameters=(1321, 39)),
    refinement("training again", 20, neurons=(30, 0), loss=0.25, estimate=3e-3, trustworthy=True),
    refinement("block inserted", 21, layers=(3, 4), loss=0.125, estimate=0.5),
    refinement("points added", 60, points=(40, 1200), loss=1e-3),
]


def test_the_table_says_when_what_and_from_what_to_what() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(refinement_table(DONE))
    first, second, third, last = [line.split("  ") for line in console.export_text().splitlines() if "0 " in line][-4:]
    assert [part.strip() for part in first if part.strip()] == [
        "0", "0", "readout of the untrained network", "0 → 30", "3", "1,321 → 39", "40", "-", "-",
    ]  # fmt: skip
    assert "30 → 0" in " ".join(second) and "2.5e-01" in " ".join(second) and second[-1].strip().endswith("3.0e-03")
    assert "3 → 4" in " ".join(third) and "5.0e-01 (not trusted)" in " ".join(third)
    assert "40 → 1,200" in " ".join(last)


def test_a_narrow_terminal_shows_every_cell_whole() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    longest = refinement("readout of the untrained network", 12345, points=(40, 50_000), loss=1e-10, estimate=1e-10)
    console.print(refinement_table([*DONE, longest], console.width))
    shown = console.export_text()
    rows = [line.split() for line in shown.splitlines()]
    assert "…" not in shown
    assert ["21", "block", "inserted", "0", "40", "1.2e-01", "5.0e-01", "?"] in rows
    assert ["12,345", "readout", "of", "the", "untrained", "0", "50,000", "1.0e-10", "1.0e-10", "?"] in rows
    assert "?: not to be trusted" in shown


def test_the_figure_marks_each_and_labels_those_with_room() -> None:
    for axes, scale in zip(plot_convergence(ROWS, DONE).axes, (0.5, 2.0), strict=True):
        marks = [line.get_xdata()[0] for line in axes.get_lines() if len(line.get_xdata()) == 2]  # type: ignore[index,arg-type]
        assert marks == [scale * one.iteration for one in DONE]
        # that at 21 has none beside that at 20
        assert [text.get_text() for text in axes.texts] == ["30 neurons", "training", "1200 points"]
    assert [text.get_text() for text in plot_convergence(ROWS, DONE[2:3]).axes[0].texts] == ["4 layers"]


def test_without_refinements_there_are_no_marks() -> None:
    assert all(len(axes.get_lines()) == 1 and not axes.texts for axes in plot_convergence(ROWS).axes)
