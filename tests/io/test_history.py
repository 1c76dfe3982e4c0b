from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pinnml.errors import DeclarationError
from pinnml.io import read_history, write_history
from pinnml.io.checkpoint import history_of
from pinnml.setup import HistoryRow

REAL = st.floats(allow_nan=False)
ROWS = st.builds(
    HistoryRow,
    iteration=st.integers(0, 2**62),
    seconds=REAL,
    work=REAL,
    loss=REAL,
    gradient_norm=REAL,
    evaluations=st.integers(0, 2**62),
    relative_l2=st.none() | REAL,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, max_size=5))
def test_rows_read_back_exactly(tmp_path: Path, rows: list[HistoryRow]) -> None:
    write_history(tmp_path / "history.csv", rows)
    assert read_history(tmp_path / "history.csv") == rows


def test_the_file_is_plain_csv(tmp_path: Path) -> None:
    row = HistoryRow(3, np.float64(0.1), 7.5, 1e-9, 2e-5, 12, None)
    write_history(
        tmp_path / "history.csv",
        [row, dataclasses.replace(row, relative_l2=np.float64(0.25), estimate=0.5, neurons=1000)],
    )
    assert (tmp_path / "history.csv").read_bytes() == (
        b"iteration,seconds,work,loss,gradient_norm,evaluations,relative_l2,estimate,neurons\n"
        b"3,0.1,7.5,1e-09,2e-05,12,,,0\n"
        b"3,0.1,7.5,1e-09,2e-05,12,0.25,0.5,1000\n"
    )
    assert [(row.estimate, row.neurons) for row in read_history(tmp_path / "history.csv")] == [(None, 0), (0.5, 1000)]


def test_a_checkpoint_from_before_there_were_neurons_is_read_and_one_of_another_width_is_not() -> None:
    row = HistoryRow(3, 0.5, 7.5, 1e-9, 2e-5, 12, None, 0.5, neurons=70)
    cells = [math.nan if cell is None else cell for cell in dataclasses.astuple(row)[:-1]]
    table = torch.tensor([cells], dtype=torch.float64)
    assert history_of(table) == [row]
    assert history_of(table[:, :-1]) == [dataclasses.replace(row, neurons=0)]
    for other in (table[:, :-2], torch.cat([table, table[:, :1]], 1)):
        with pytest.raises(ValueError, match="zip"):
            history_of(other)


def test_a_diverged_run_keeps_its_nan(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", [HistoryRow(1, 1.0, 1.0, math.nan, math.inf, 1, math.nan)])
    (row,) = read_history(tmp_path / "history.csv")
    assert math.isnan(row.loss) and row.gradient_norm == math.inf
    assert row.relative_l2 is not None and math.isnan(row.relative_l2)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(
        "loss,iteration,note,seconds,work,gradient_norm,relative_l2,evaluations\n0.5,1,hello,2.0,3.0,4.0,,6\n"
    )
    assert read_history(path) == [HistoryRow(1, 2.0, 3.0, 0.5, 4.0, 6, None)]


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("iteration,seconds\n1,2\n")
    with pytest.raises(DeclarationError, match="work, loss, gradient_norm, evaluations, relative_l2"):
        read_history(path)
    path.write_text("")
    with pytest.raises(DeclarationError, match="lacks the columns"):
        read_history(path)


@pytest.mark.parametrize("line", ["1,2.0,3.0,oops,5.0,6,", "1,2.0,3.0", "1.5,2.0,3.0,4.0,5.0,6,"])
def test_a_broken_row_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "history.csv"
    write_history(path, [HistoryRow(1, 2.0, 3.0, 4.0, 5.0, 6, None)])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DeclarationError, match=r"line 3 of .*history\.csv"):
        read_history(path)
