"""The progress line of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pinnml.report.letters import fitting
from pinnml.setup import HistoryRow

LIVE_PERIOD = 0.125  # seconds between two drawings on a terminal
LOG_PERIOD = 10.0  # seconds between two lines elsewhere
UNWRITABLE = (OSError, ValueError, SystemExit)
"""What a stream raises that is full, closed, or has no letters for what is written; the last is rich's for a pipe that
nobody reads any more, and would end the run."""

_BAR = (10, 30)  # fewest and most columns of the bar


def _rate(evaluations: int, seconds: float) -> str:
    rate = evaluations / seconds if seconds > 0 else 0.0
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}"


class ProgressLine:
    """The state of a run on one line: time, iterations, phase, loss, error, its estimate, work, evaluations a second.

    On a terminal the line is live, drawn at most eight times a second and only by `update`, so that no second
    thread disturbs the run's timing. Elsewhere (files, pipes) a line is printed with the first update, then
    at most every ten seconds, and with the last one. Used as a context manager; errors inside it pass
    through. What it writes to may be closed or full: then it falls silent, and what it reports goes on.
    """

    def __init__(
        self,
        console: Console,
        *,
        title: str = "",
        budget: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the console to write to, the run's `budget` [s] where it has one, and a clock [s]."""
        self._console = console
        self._title = title
        self._budget = budget
        self._clock = clock
        self._live: Live | None = None
        self._row: HistoryRow | None = None
        self._error: float | None = None
        self._reads = False
        self._shown: HistoryRow | None = None
        self._due = -float("inf")

    def __enter__(self) -> ProgressLine:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            live = Live(console=self._console, auto_refresh=False)
            with suppress(*UNWRITABLE):
                live.start()
                self._live = live
        return self

    def update(self, row: HistoryRow) -> None:
        """Take the newest row; show it when the period is over. Where it has no error, the last one stays."""
        self._row = row
        self._error = row.relative_l2 if row.relative_l2 is not None else self._error
        if self._clock() >= self._due:
            self._show(row)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._row is not None and self._row is not self._shown:
            self._show(self._row)
        if self._live is not None:
            with suppress(*UNWRITABLE):
                self._live.stop()
            self._live = None

    def _show(self, row: HistoryRow) -> None:
        self._shown = row
        self._due = self._clock() + (LOG_PERIOD if self._live is None else LIVE_PERIOD)
        text = self._text(row)
        try:
            if self._live is None:
                self._console.print(text, soft_wrap=True)
            else:
                self._live.update(self._line(text, row), refresh=True)
        except UNWRITABLE:
            self._due = float("inf")

    def _text(self, row: HistoryRow) -> Text:
        """The line without its bar, the most telling first, since a narrow terminal cuts its end."""
        budget = "" if self._budget is None else f"/{self._budget:g}"
        parts = [
            (f"{row.seconds:.1f}{budget} s", "cyan"),
            (f"it {row.iteration}", ""),
            (self._phase(row), ""),
            (f"loss {row.loss:.2e}", "bold"),
            ("" if self._error is None else f"rel L2 {self._error:.2e}", "bold green"),
            ("" if row.estimate is None else f"estimated {row.estimate:.1e}", "green"),
            *((f"{name} {value:.4g}", "magenta") for name, value in row.parameters.items()),
            (f"work {row.work:.0f}", ""),
            (f"{_rate(row.evaluations, row.seconds)} ev/s", "dim"),
        ]
        text = Text(self._title, style="", no_wrap=self._live is not None, overflow="crop")
        for part, style in parts:
            if part:
                text.append("  " if text else "").append(part, style=style)
        return text

    def _phase(self, row: HistoryRow) -> str:
        """What is at work, where a run has readouts."""
        self._reads = self._reads or row.neurons > 0
        if not self._reads:
            return ""
        return f"readout of {row.neurons}" if row.neurons else "training"

    def _line(self, text: Text, row: HistoryRow) -> RenderableType:
        """The text after a bar of the time spent, where there is a budget and room for both."""
        room = self._console.width - text.cell_len - 2
        if self._budget is None or self._budget <= 0 or room < _BAR[0]:
            return text
        spent = min(row.seconds, self._budget)
        bar = ProgressBar(total=self._budget, completed=spent, width=min(room, _BAR[1]))
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_row(bar, text)
        return line


def line_beside_output(title: str, budget: float | None) -> ProgressLine:
    """Return a progress line on standard error, beside what a program itself prints."""
    console = Console(stderr=True)
    return ProgressLine(console, title=fitting(title, console.file), budget=budget)  # type: ignore[arg-type]
