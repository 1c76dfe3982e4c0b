"""Runs as tables: errors at the end, and seconds to given errors beside pinnml's."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from peers import PEERS

TARGETS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
MEASURE = "pinnml"
"""The peer whose seconds the others' are divided by."""

Run = Mapping[str, Any]


def reached(times: Sequence[float], errors: Sequence[float], target: float) -> float:
    """Return the first time with an error of at most the target, infinity where there is none."""
    return next((time for time, error in zip(times, errors, strict=True) if error <= target), math.inf)


def tables(runs: Sequence[Run]) -> str:
    """Return a heading and a table for each problem, in the order of the runs, as Markdown."""
    parts = [
        f"### {name}\n\n{table([run for run in runs if run['problem'] == name])}" for name in _each(runs, "problem")
    ]
    return "\n".join(parts)


def table(runs: Sequence[Run]) -> str:
    """Return one problem's table, a line for each peer: medians over seeds, and the range of errors."""
    goals = " | ".join(f"{target:.0e}".replace("e-0", "e-") for target in TARGETS)
    lines = [
        f"| peer | unknowns | set up, s | ran, s | of processor | evaluations | error at the end | {goals} |",
        "|" + "---|" * (7 + len(TARGETS)),
    ]
    ours = {target: _median_time(_of(runs, MEASURE), target) for target in TARGETS}
    for peer in _each(runs, "peer"):
        own = _of(runs, peer)
        cells = [
            PEERS[peer].label,
            f"{own[-1]['unknowns']:,}",
            _middle(own, "setup", ".1f"),
            _middle(own, "seconds", ".1f"),
        ]
        cells += [
            _middle(own, "processor", ".0f"),
            _middle(own, "evaluations", ",.0f"),
            spread([run["errors"][-1] for run in own]),
        ]
        cells += [_timed(_median_time(own, target), ours[target]) for target in TARGETS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float]) -> str:
    """Return "median (least – greatest)", or the one value there is."""
    middle = f"{statistics.median(values):.1e}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.1e} – {max(values):.1e})"


def _timed(seconds: float, ours: float) -> str:
    """Return seconds, and how many times ours they are, "–" where the error was not reached."""
    if math.isinf(seconds):
        return "–"
    text = f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"
    return text if math.isinf(ours) else f"{text} ({seconds / ours:.2g}×)"


def _median_time(runs: Sequence[Run], target: float) -> float:
    times = [reached(run["times"], run["errors"], target) for run in runs]
    return statistics.median_high(times) if times else math.inf


def _middle(runs: Sequence[Run], name: str, form: str) -> str:
    value = statistics.median(run[name] for run in runs)
    return "–" if math.isnan(value) else format(value, form)


def _of(runs: Sequence[Run], peer: str) -> list[Run]:
    return [run for run in runs if run["peer"] == peer]


def _each(runs: Sequence[Run], name: str) -> list[str]:
    return list(dict.fromkeys(run[name] for run in runs))
