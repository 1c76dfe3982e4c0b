"""The history of a run as CSV: one row an outer iteration."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from typing import Any

from pinnml.errors import DeclarationError, printable
from pinnml.io.files import path_of, write_bytes
from pinnml.io.untrusted import read_text
from pinnml.setup import COLUMNS, INTEGERS, LATER, HistoryRow

LEARNED = "parameter_"
"""What the columns of learned parameters begin with, so that no name is taken for another column's."""


def _cells(row: HistoryRow) -> list[str]:
    """The row as text; `repr` of a Python float is the shortest text that reads back to the same number."""
    cells = []
    for name in COLUMNS:
        value = getattr(row, name)
        if value is None:
            cells.append("")
        else:
            cells.append(str(int(value)) if name in INTEGERS else repr(float(value)))
    return cells + [repr(float(value)) for value in row.parameters.values()]


def write_history(path: str | os.PathLike[str], rows: Iterable[HistoryRow]) -> None:
    """Write the rows atomically as CSV with a header; floats read back exactly, None is an empty cell.

    Raises OSError.
    """
    text, rows = io.StringIO(), list(rows)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(LEARNED + name for name in (rows[0].parameters if rows else ()))])
    writer.writerows(_cells(row) for row in rows)
    write_bytes(path, text.getvalue().encode("utf-8"))


def _row(cells: dict[str, str]) -> HistoryRow:
    return HistoryRow(
        iteration=int(cells["iteration"]),
        seconds=float(cells["seconds"]),
        work=float(cells["work"]),
        loss=float(cells["loss"]),
        gradient_norm=float(cells["gradient_norm"]),
        evaluations=int(cells["evaluations"]),
        relative_l2=float(cells["relative_l2"]) if cells["relative_l2"] else None,
        estimate=float(cells["estimate"]) if cells.get("estimate") else None,
        neurons=int(cells.get("neurons", 0)),
        parameters={key.removeprefix(LEARNED): float(cells[key]) for key in cells if key.startswith(LEARNED)},
    )


def read_history(path: str | os.PathLike[str]) -> list[HistoryRow]:
    """Read the rows that `write_history` wrote, columns in any order; further columns are passed over.

    Raises OSError, or DeclarationError that names the line where the file is no history.
    """
    lines = csv.reader(io.StringIO(read_text(path_of(path))))
    header = _next(lines, path) or []
    missing = [name for name in COLUMNS if name not in header and name not in LATER]
    if missing:
        raise DeclarationError(
            f"The history lacks the columns {', '.join(missing)}",
            f"line 1 of {os.fspath(path)}",
            f"give a file whose first line is {','.join(COLUMNS)}",
        )
    rows = []
    while (cells := _next(lines, path)) is not None:
        try:
            rows.append(_row(dict(zip(header, cells, strict=True))))
        except ValueError as error:
            raise _unreadable(lines, path, str(error)) from error
    return rows


def _next(lines: Any, path: str | os.PathLike[str]) -> list[str] | None:
    """Return the cells of the next line, None after the last one."""
    try:
        return next(lines, None)
    except csv.Error as error:  # a cell without an end
        raise _unreadable(lines, path, str(error)) from error


def _unreadable(lines: Any, path: str | os.PathLike[str], reason: str) -> DeclarationError:
    return DeclarationError(
        f"A row of the history cannot be read: {printable(reason, 200)}",
        f"line {lines.line_num} of {os.fspath(path)}",
        "remove the line, or let a new run write the file again",
    )
