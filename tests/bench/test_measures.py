"""Times to errors, errors at times, medians and ranges, on histories made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench_runs import made

from pinnml.bench import measures, spread, summary
from pinnml.bench.curves import band
from pinnml.bench.trial import complete
from pinnml.optim import Status

FALLING = [(0.5, 1.0), (9.0, 2e-2), (11.0, None), (20.0, 1e-2), (40.0, 9e-4), (59.0, 5e-3), (61.0, None)]


def test_an_error_is_reached_at_the_first_scored_row_that_is_as_good() -> None:
    found = measures(made(FALLING))
    assert found.seconds_to == {"1e-2": 20.0, "1e-3": 40.0, "1e-4": None, "1e-5": None, "1e-6": None}
    assert found.work_to == {"1e-2": 200.0, "1e-3": 400.0, "1e-4": None, "1e-5": None, "1e-6": None}


def test_the_error_at_a_time_is_that_of_the_iterate_held_then() -> None:
    found = measures(made(FALLING))
    assert found.error_at == {"10": 2e-2, "30": 1e-2, "60": 5e-3, "180": None, "600": None}
    assert (found.final_error, found.best_error) == (5e-3, 9e-4)
    assert (found.seconds, found.work, found.iterations) == (61.0, 610.0, 61)
    assert found.evaluations == {"gradients": 7, "residuals": 0, "products": 0, "jacobians": 0}


@pytest.mark.parametrize(
    ("status", "at_30", "at_60"),
    [(Status.AT_ROUNDING, 2e-2, 2e-2), (Status.STOPPED, None, None), (Status.INTERRUPTED, None, None)],
)
def test_a_solver_that_ends_of_itself_keeps_its_result_for_the_rest_of_its_time(
    status: Status, at_30: float | None, at_60: float | None
) -> None:
    found = measures(made(FALLING[:2], status=status)).error_at
    assert (found["30"], found["60"], found["180"]) == (at_30, at_60, None)


def test_errors_that_are_not_finite_are_neither_reached_nor_best() -> None:
    found = measures(made([(1.0, 1e-1), (2.0, math.nan), (12.0, math.inf)]))
    assert found.seconds_to["1e-2"] is None
    assert (found.best_error, found.final_error, found.error_at["10"]) == (1e-1, None, None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 1.0, 2.0], (2.0, 1.0, 3.0, 3)),
        ([3.0, None, 1.0], (3.0, 1.0, None, 2)),
        ([3.0, None, None], (None, 3.0, None, 1)),
        ([None, None], (None, None, None, 0)),
        ([4.0, 1.0], (2.5, 1.0, 4.0, 2)),
        ([4.0, None], (None, 4.0, None, 1)),
        ([4.0, None, 2.0, 1.0], (3.0, 1.0, None, 3)),
        ([4.0, None, None, 1.0], (None, 1.0, None, 2)),
    ],
)
def test_a_median_needs_more_than_half_of_the_runs(values: list[float | None], expected: tuple[float, ...]) -> None:
    found = spread(values)
    assert (found.median, found.low, found.high, found.reached) == expected


def test_summaries_leave_interrupted_runs_and_other_solvers_out() -> None:
    runs = [
        made([(1.0, 1e-1), (10.0, 1e-2)], seed=0),
        made([(1.0, 1e-1), (30.0, 1e-2)], seed=1),
        made([(1.0, 1e-1), (20.0, 1e-2)], seed=2),
        made([(1.0, 1e-1), (2.0, 1e-2)], seed=3, status=Status.INTERRUPTED),
        made([(1.0, 1e-1), (3.0, 1e-2)], "adam"),
        made([(1.0, 1e-1), (4.0, 1e-2)], problem="burgers"),
    ]
    found = summary(complete(runs, "poisson", "lbfgs"))
    assert found.runs == 3
    assert found.seconds_to["1e-2"] == spread([10.0, 20.0, 30.0])
    assert found.evaluations["gradients"] == spread([2, 2, 2])
    assert found.final_error.median == 1e-2


def test_a_band_is_median_and_range_between_the_scored_rows() -> None:
    runs = [
        made([(0.1, 1.0), (1.0, 1e-1), (100.0, 1e-3)]),
        made([(0.1, 1.0), (1.0, 1e-2), (100.0, 1e-4)]),
        made([(0.1, 1.0), (2.0, 1e-1), (50.0, 1e-1)]),
    ]
    found = band(runs, "seconds")
    assert found is not None
    assert (found.at[0], found.at[-1]) == (pytest.approx(2.0), pytest.approx(50.0))
    # the first two fall like 1/t, from 0.1 and from 0.01 at t = 1
    middle = np.abs(found.at - 10).argmin()
    assert found.low[middle] == pytest.approx(10**-3.0, rel=0.02)
    assert found.median[middle] == pytest.approx(10**-2.0, rel=0.02)
    assert found.high == pytest.approx(np.full(found.at.shape, 1e-1))
    in_work = band(runs, "work")
    assert in_work is not None and in_work.at[0] == pytest.approx(20.0)


def test_there_is_no_band_where_a_run_was_never_scored() -> None:
    assert band([made(FALLING), made([(1.0, None), (2.0, None)])], "seconds") is None
