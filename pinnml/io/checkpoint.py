"""checkpoint.pt: everything that a run needs to continue as if it had never been stopped."""

from __future__ import annotations

import io
import math
import pickle
import textwrap
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import default_restore_location

from pinnml._version import __version__
from pinnml.errors import DeclarationError, sentence
from pinnml.io.declared import describe_run, located
from pinnml.io.files import atomic_path
from pinnml.io.plain import encode, is_complete, strangers
from pinnml.network import growth_of
from pinnml.setup import COLUMNS, INTEGERS, HistoryRow, Run

CHECKPOINT, PREVIOUS = "checkpoint.pt", "checkpoint-previous.pt"

FORMAT = 3
"""Raised by one when older checkpoints can no longer be read."""


class CheckpointWarning(UserWarning):
    """A checkpoint that could not be written or read, where the run goes on without it."""


class UnsavedWarning(CheckpointWarning):
    """The end of a run that could not be written to its folder."""


def write_checkpoint(run: Run, folder: Path) -> None:
    """Write checkpoint.pt atomically and keep the one before it; raise `OSError` where that fails."""
    content = io.BytesIO()
    torch.save(_content(run), content)  # into memory: on a full disk torch raises an error without its reason
    with atomic_path(folder / CHECKPOINT, keep=folder / PREVIOUS) as file:
        file.write_bytes(content.getbuffer())


def left_out(run: Run) -> str | None:
    """Return a message on what a checkpoint cannot hold of the solver's state; None where it holds all."""
    found = next(strangers(encode(run.result.state)), None)
    if found is None:
        return None
    path, description = found
    place = f"{path} of " if path else ""
    return sentence(
        f"{textwrap.shorten(description, 80)} is neither plain data, nor a tensor, nor a record, so that checkpoints "
        "go without the solver's state, and a run that goes on begins with a fresh one",
        f"{place}the state of {type(run.setup.solver).__name__}",
        "make its class a record by @pinnml.settings.record",
    )


def _content(run: Run) -> dict[str, Any]:
    result = run.result
    iterate, state = result.iterate, encode(result.state)
    return {
        "format": FORMAT,
        "version": __version__,
        "identity": run.identity,
        "config": describe_run(run),
        "theta": iterate.theta,
        "f": iterate.f,
        "grad": iterate.grad,
        "state": state if is_complete(state) else None,  # see `left_out`
        "status": result.status.name,
        "message": result.message,
        "iteration": result.nit,
        "seconds": result.seconds,
        "counts": encode(result.counts),
        "points": {name: [p.x, p.weights, dict(p.data)] for name, p in run.collocation.items()},
        "weights": dict(run.discretisation.weights),
        "scales": run.discretisation.network.scales,
        "growth": encode(growth_of(run.discretisation.network)),
        "estimate": encode(result.estimate),
        "assessed": encode(run.assessed),
        "exhausted": result.exhausted,
        "pending": result.pending,
        "unassessed": result.unassessed,
        "adaptation": encode(run.adaptation),
        "refinements": encode(run.refinements),
        "generator": run.generator,
        "history": _table(run.history),
    }


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the newest checkpoint that can be read, with a `CheckpointWarning` where it is not the last one.

    Only tensors and plain data are read, never code. Raises `DeclarationError` where there is none, or where another
    version wrote it.
    """
    complaints = []
    for name in (CHECKPOINT, PREVIOUS):
        try:
            content = _read(folder / name)
        except (FileNotFoundError, NotADirectoryError):
            complaints.append(f"There is no {name}")
            continue
        except pickle.UnpicklingError:
            complaints.append(f"{name} cannot be read: it holds more than tensors and plain data")
            continue
        except Exception as error:  # damaged files fail in many ways
            complaints.append(f"{name} cannot be read: {str(error).partition(chr(10))[0]}")
            continue
        if complaints:
            text = sentence(complaints[0], str(folder), "the checkpoint before it is taken, made a little earlier")
            warnings.warn(text, CheckpointWarning, stacklevel=3)
        _check_format(content, folder / name)
        return content
    raise DeclarationError(". ".join(complaints), str(folder), "name a folder that a run has left")


def identities(folder: Path) -> list[str | None]:
    """Return whose the checkpoints of a folder are, None for one that cannot be read; none where there are none."""
    found: list[str | None] = []
    for path in (folder / CHECKPOINT, folder / PREVIOUS):
        if path.exists():
            try:
                found.append(str(_read(path).get("identity", "")))  # the first of this format have none
            except Exception:  # damaged files fail in many ways
                found.append(None)
    return found


def _read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        if (damaged := archive.testzip()) is not None:  # the loader takes changed bytes for data
            raise ValueError(f"the checksum of {damaged} is wrong")
    content = torch.load(path, map_location=_placed, weights_only=True)
    if not isinstance(content, dict):
        raise ValueError("it holds no run")
    return content


def _placed(storage: Any, location: str) -> Any:
    """Put the numbers of a tensor where the run goes on."""
    return default_restore_location(storage, located(location))


def _check_format(content: dict[str, Any], path: Path) -> None:
    found = content.get("format")
    if found != FORMAT:
        raise DeclarationError(
            f"The checkpoint has format {found} of pinnml {content.get('version')}; "
            f"this is pinnml {__version__}, which reads format {FORMAT}",
            str(path),
            "go on with the version that wrote it",
        )


def _table(rows: Sequence[HistoryRow]) -> Tensor:
    """The history as numbers, shape (rows, columns); NaN stands for None."""
    cells = [[math.nan if (cell := getattr(row, name)) is None else cell for name in COLUMNS] for row in rows]
    return torch.tensor(cells, dtype=torch.float64).reshape(len(rows), len(COLUMNS))


NEEDED = len(COLUMNS) - 1
"""Columns that every checkpoint of this format has; those of the first such had no `neurons`."""


def history_of(table: Tensor) -> list[HistoryRow]:
    """Return the rows that a checkpoint holds as numbers."""
    rows = []
    for cells in table.tolist():
        named = dict(zip(COLUMNS[: max(len(cells), NEEDED)], cells, strict=True))
        row = {name: int(cell) if name in INTEGERS else cell for name, cell in named.items()}
        known = {name: None if math.isnan(row[name]) else row[name] for name in ("relative_l2", "estimate")}
        rows.append(HistoryRow(**row | known))
    return rows
