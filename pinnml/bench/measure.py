"""What is measured of a run, and its median and range over runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pinnml.bench.trial import Trial
from pinnml.setup import HistoryRow

THRESHOLDS = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4, "1e-5": 1e-5, "1e-6": 1e-6}
"""Relative L2 errors for which the time to reach them is reported."""

MARKS = {"10": 10.0, "30": 30.0, "60": 60.0, "180": 180.0, "600": 600.0}
"""Seconds at which the error is reported."""

Number = float | None


@dataclass(frozen=True)
class Measures:
    """The numbers of one run; None is what was not reached, or not known."""

    seconds_to: Mapping[str, Number]
    work_to: Mapping[str, Number]
    error_at: Mapping[str, Number]
    final_error: Number
    best_error: Number
    loss: Number
    seconds: Number
    work: Number
    iterations: Number
    evaluations: Mapping[str, Number]


@dataclass(frozen=True)
class Spread:
    """Median and range over runs. What a run did not reach counts as infinitely large, and is shown as None."""

    median: Number
    low: Number
    high: Number
    reached: int


@dataclass(frozen=True)
class Summary:
    """The measures of several runs, each as its spread."""

    runs: int
    seconds_to: Mapping[str, Spread]
    work_to: Mapping[str, Spread]
    error_at: Mapping[str, Spread]
    final_error: Spread
    best_error: Spread
    loss: Spread
    seconds: Spread
    work: Spread
    iterations: Spread
    evaluations: Mapping[str, Spread]


def measures(run: Trial) -> Measures:
    """Return the numbers of a run.

    An error is reached at the first row that was scored with it or a smaller one. The error at a mark is that of the
    last row scored until then, which is what the user has, not the best so far.
    """
    errors = [error for _, error in scored(run.rows)]
    reached = {name: first_below(run.rows, limit) for name, limit in THRESHOLDS.items()}
    last = run.rows[-1]
    counts = run.counts
    return Measures(
        seconds_to={name: row.seconds if row else None for name, row in reached.items()},
        work_to={name: row.work if row else None for name, row in reached.items()},
        error_at={name: held(run.rows, at) if run.span >= at else None for name, at in MARKS.items()},
        final_error=held(run.rows, math.inf),
        best_error=min(errors, default=None),
        loss=_known(last.loss),
        seconds=run.seconds,
        work=counts.work,
        iterations=last.iteration,
        evaluations={
            "gradients": counts.gradients,
            "residuals": counts.residuals,
            "products": counts.products,
            "jacobians": counts.jacobians,
        },
    )


def scored(rows: Sequence[HistoryRow]) -> list[tuple[HistoryRow, float]]:
    """Return the rows that were compared with the reference and their errors, none that is not finite."""
    errors = [(row, _known(row.relative_l2)) for row in rows]
    return [(row, error) for row, error in errors if error is not None]


def first_below(rows: Sequence[HistoryRow], limit: float) -> HistoryRow | None:
    """Return the first scored row whose error is at most `limit`, None where there is none."""
    return next((row for row, error in scored(rows) if error <= limit), None)


def held(rows: Sequence[HistoryRow], seconds: float) -> Number:
    """Return the error of the last row scored until `seconds`, None where it is not finite or there is none."""
    until = [row.relative_l2 for row in rows if row.relative_l2 is not None and row.seconds <= seconds]
    return _known(until[-1]) if until else None


def spread(values: Sequence[Number]) -> Spread:
    """Return median and range; the median is None unless more than half of the values are there, the upper end of
    the range unless all are."""
    there = [value for value in values if value is not None]
    middle = statistics.median([math.inf if value is None else value for value in values]) if values else math.inf
    high = max(there) if there and len(there) == len(values) else None
    return Spread(_known(middle), min(there, default=None), high, len(there))


def summary(runs: Sequence[Trial]) -> Summary:
    """Return the spread of every measure over runs of one solver on one problem, at least one."""
    measured = [measures(run) for run in runs]
    parts = {part.name: _spread_of([getattr(one, part.name) for one in measured]) for part in fields(Measures)}
    return Summary(runs=len(measured), **parts)


def _spread_of(values: list[Any]) -> Any:
    """The spread of numbers, or of each entry of mappings with the same keys."""
    if isinstance(values[0], Mapping):
        return {key: spread([value[key] for value in values]) for key in values[0]}
    return spread(values)


def _known(value: Number) -> Number:
    return value if value is not None and math.isfinite(value) else None
