"""Settings and solver states as plain data, and back: nothing but records (`pinnml.settings`) is ever built."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, printable, suggestion
from pinnml.network import Compiled
from pinnml.settings import RECORDS, misfits, name_of

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


def escaped(data: Any) -> Any:
    """Return encoded data with texts as they can be shown; names, by which things are found, stay as they are."""
    if isinstance(data, Mapping):
        return {key: item if key == "type" else escaped(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [escaped(item) for item in data]
    return printable(data) if isinstance(data, str) else data


def has_compiler(data: Any) -> bool:
    """Return whether anything in encoded data would start a compiler."""
    if isinstance(data, Mapping):
        return data.get("type") == name_of(Compiled) or any(map(has_compiler, data.values()))
    return isinstance(data, list | tuple) and any(map(has_compiler, data))


def decode(data: Any, where: str, compiles: bool = False) -> Any:
    """Build records from what `encode` made; fields of the package's own are held to their types.

    Raises `DeclarationError` for a kind that is not known, for wrong fields, and, unless one `compiles`, for what
    would start a compiler.
    """
    if isinstance(data, list | tuple):
        return tuple(decode(item, where, compiles) for item in data)
    if not isinstance(data, Mapping):
        return _DTYPES.get(data, data) if isinstance(data, str) else data
    if "type" not in data:
        return {key: decode(item, where, compiles) for key, item in data.items()}
    kind = data["type"]
    if kind == STRANGE:
        what = f"{data.get('description')} is an object of your own, which a run folder does not hold"
        raise DeclarationError(what, where, "hand it over, as in load(folder, problem, network, solver, stop=stop)")
    if not isinstance(kind, str) or kind not in RECORDS:
        raise DeclarationError(f"Unknown kind {kind!r}", where, _remedy(str(kind)))
    if RECORDS[kind] is Compiled and not compiles:
        what, remedy = f"{kind} would start a compiler, which no file may", "hand the network over"
        raise DeclarationError(what, where, f"{remedy}, as in load(folder, problem, network)")
    return _built(kind, {key: decode(item, where, compiles) for key, item in data.items() if key != "type"}, where)


def _built(kind: str, parts: Mapping[str, Any], where: str) -> Any:
    known = RECORDS[kind]
    kept = {part.name for part in dataclasses.fields(known) if part.init and part.metadata.get("kept", True)}
    if not kept >= set(parts):
        what = f"{kind} has wrong arguments: {', '.join(sorted(set(parts) - kept))}"
        raise DeclarationError(what, where, "restore the file")
    try:
        found = known(**parts)
    except (TypeError, KeyError) as error:
        raise DeclarationError(f"{kind} has wrong arguments: {error}", where, "restore the file") from error
    if ":" not in kind:  # fields of a record of one's own are its owner's
        for name, value, wanted in misfits(found, known):
            raise DeclarationError(f"{name} of {kind} is {value}", where, f"restore the file: it takes {wanted}")
    return found


def _remedy(kind: str) -> str:
    """How to mend a kind that is not known: a record of the user's own is known by its module's name, too."""
    module, colon, name = kind.partition(":")
    return f"import {module} before, where {name} is a record" if colon else suggestion(kind, RECORDS)
