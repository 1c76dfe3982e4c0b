"""Settings and solver states as plain data, and back: nothing but records (`pinnml.settings`) is ever built."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.settings import RECORDS, name_of

STRANGE = "not the package's own"
"""The kind of everything that is no record, and only described."""

_DTYPES = {str(dtype): dtype for dtype in (torch.float64, torch.float32)}


def encode(value: Any) -> Any:
    """Return records as dictionaries with their kind under "type"; tensors, numbers and strings are unchanged.

    Of an object that is no record, only the description is kept.
    """
    if is_known(value):
        kept = [part.name for part in dataclasses.fields(value) if part.metadata.get("kept", True)]
        parts = {name: encode(getattr(value, name)) for name in kept}
        return {"type": name_of(type(value))} | parts
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, torch.dtype):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str | Tensor):
        return value
    return {"type": STRANGE, "description": repr(value)}


def is_known(value: Any) -> bool:
    """Return whether a value is a record; a class that only has the name of one is not."""
    return RECORDS.get(name_of(type(value))) is type(value)


def strangers(data: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield place and description of what `decode` cannot build of encoded data; a place is as in "inner.trials"."""
    if isinstance(data, Mapping) and data.get("type") == STRANGE:
        yield path, str(data.get("description"))
    elif isinstance(data, Mapping | list):
        items = data.items() if isinstance(data, Mapping) else enumerate(data)
        for key, item in items:
            yield from strangers(item, f"{path}.{key}" if path else str(key))


def is_complete(data: Any) -> bool:
    """Return whether `decode` can build all of what `encode` made."""
    return next(strangers(data), None) is None


def decode(data: Any, where: str) -> Any:
    """Build records from what `encode` made; raise `DeclarationError` for a kind that is not known."""
    if isinstance(data, list):
        return tuple(decode(item, where) for item in data)
    if not isinstance(data, Mapping):
        return _DTYPES.get(data, data) if isinstance(data, str) else data
    if "type" not in data:
        return {key: decode(item, where) for key, item in data.items()}
    kind = data["type"]
    if kind == STRANGE:
        what = f"{data.get('description')} is an object of your own, which a run folder does not hold"
        raise DeclarationError(what, where, "hand it over, as in load(folder, problem, network, solver, stop=stop)")
    if not isinstance(kind, str) or kind not in RECORDS:
        raise DeclarationError(f"Unknown kind {kind!r}", where, _remedy(str(kind)))
    parts = {key: decode(item, where) for key, item in data.items() if key != "type"}
    try:
        return RECORDS[kind](**parts)
    except (TypeError, KeyError) as error:
        raise DeclarationError(f"{kind} has wrong arguments: {error}", where, "restore the file") from error


def _remedy(kind: str) -> str:
    """How to mend a kind that is not known: a record of the user's own is known by its module's name, too."""
    module, colon, name = kind.partition(":")
    return f"import {module} before, where {name} is a record" if colon else suggestion(kind, RECORDS)
