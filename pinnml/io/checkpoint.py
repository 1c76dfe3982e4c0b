"""checkpoint.pt: everything that a run needs to continue as if it had never been stopped."""

from __future__ import annotations

import io
import math
import os
import pickle
import textwrap
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pinnml._version import __version__
from pinnml.errors import DeclarationError, printable, sentence
from pinnml.io.container import check_written, packed, read_container
from pinnml.io.declared import describe_run
from pinnml.io.files import atomic_path
from pinnml.io.plain import encode, is_complete, strangers
from pinnml.io.stored import NEEDED
from pinnml.io.untrusted import CHECKPOINT_BYTES, REMEDY, open_regular
from pinnml.network import growth_of
from pinnml.setup import COLUMNS, INTEGERS, HistoryRow, Run, machine_memory, size_text

CHECKPOINT, PREVIOUS = "checkpoint.pt", "checkpoint-previous.pt"

FORMAT = 3
"""Raised by one when older checkpoints can no longer be read."""


class CheckpointWarning(UserWarning):
    """A checkpoint that could not be written or read, where the run goes on without it."""


class UnsavedWarning(CheckpointWarning):
    """The end of a run that could not be written to its folder."""


def write_checkpoint(run: Run, folder: Path) -> None:
    """Write checkpoint.pt atomically and keep the one before it; raise `OSError` where that fails.

    A state of the solver that is more than `read_container` reads is left out, with a `CheckpointWarning`. Raises
    `DeclarationError` where the rest is too much, too.
    """
    content = _content(run)
    written = _written(content)
    if (fault := _fault(content, written)) is not None:
        what = "so that checkpoints go without the solver's state, and a run that goes on begins with a fresh one"
        where, content = f"the state of {type(run.setup.solver).__name__}", content | {"state": None}
        written = _written(content)
        if (other := _fault(content, written)) is not None:
            what = f"It could not be read again: {other}"
            raise DeclarationError(what, str(folder / CHECKPOINT), "give settings of fewer numbers and texts")
        text = sentence(f"It could not be read again: {fault}, {what}", where, "take fewer blocks")
        warnings.warn(text, CheckpointWarning, stacklevel=3)
    with atomic_path(folder / CHECKPOINT, keep=folder / PREVIOUS) as file:
        file.write_bytes(written.getbuffer())


def _written(content: dict[str, Any]) -> io.BytesIO:
    """Return a checkpoint in memory: on a full disk torch raises an error without its reason."""
    written = io.BytesIO()
    torch.save(packed(content), written)
    return written


def _fault(content: dict[str, Any], written: io.BytesIO) -> str | None:
    """Return why a checkpoint would not be read again; None where it would."""
    try:
        check_written(content, written)
    except (ValueError, pickle.UnpicklingError) as error:
        return str(error)
    return None


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
        "learned": _learned(run),
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
        except DeclarationError as error:
            complaints.append(f"{name} cannot be read: {error.what[:1].lower()}{error.what[1:]}")
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
        if os.path.lexists(path):
            try:
                found.append(str(_read(path).get("identity", "")))  # the first of this format have none
            except (DeclarationError, OSError):
                found.append(None)
    return found


def _read(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds; raise `DeclarationError` for what is none, OSError where it cannot be opened."""
    with open_regular(path, CHECKPOINT_BYTES) as file:
        size, room = file.seek(0, os.SEEK_END), machine_memory("cpu")
        if room is not None and size > room:
            what = f"The file has {size_text(size)}, the machine has room for {size_text(room)}"
            raise DeclarationError(what, str(path), "read it on a larger machine")
        try:
            return read_container(file)
        except pickle.UnpicklingError as error:
            what = f"It holds more than tensors and plain data: {error}"
            raise DeclarationError(what, str(path), REMEDY) from error
        except Exception as error:  # in damaged files the parsers of archives and pickles fail in many ways
            known = isinstance(error, ValueError | zipfile.BadZipFile)
            what = printable(str(error) if known else f"its parser fails, {type(error).__name__} {error}", 200)
            raise DeclarationError(what, str(path), REMEDY) from error


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
    return torch.tensor(cells, dtype=torch.float64, device="cpu").reshape(len(rows), len(COLUMNS))


def _learned(run: Run) -> Tensor | None:
    """The values of the unknown parameters after each iteration, shape (rows, k); None without any."""
    if not run.problem.unknowns:
        return None
    return torch.tensor([list(row.parameters.values()) for row in run.history], dtype=torch.float64, device="cpu")


def history_of(table: Tensor, names: Sequence[str] = (), learned: Tensor | None = None) -> list[HistoryRow]:
    """Return the rows that a checkpoint holds as numbers, with the parameters of these names that were learned."""
    rows, values = [], [[]] * len(table) if learned is None else learned.tolist()
    for cells, own in zip(table.tolist(), values, strict=True):
        named = dict(zip(COLUMNS[: max(len(cells), NEEDED)], cells, strict=True))
        row = {name: int(cell) if name in INTEGERS else cell for name, cell in named.items()}
        known = {name: None if math.isnan(row[name]) else row[name] for name in ("relative_l2", "estimate")}
        rows.append(HistoryRow(**row | known, parameters=dict(zip(names, own, strict=True))))
    return rows
