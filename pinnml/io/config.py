"""Settings and solver states as plain data, and back: only the package's own records are ever built."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pinnml.io.files import declaration_error
from pinnml.problem import suggestion

ROOMS = tuple(f"pinnml.{room}" for room in ("network", "points", "objective", "optim", "schwarz", "levels", "refine"))
"""Where settings and solver states come from."""

STRANGE = "not the package's own"
"""The kind of everything that is only described."""

_DTYPES = {str(dtype): dtype for dtype in (torch.float64, torch.float32)}


def encode(value: Any) -> Any:
    """Return records as dictionaries with their kind under "type"; tensors, numbers and strings stay as they are.

    Of an object that is not the package's own, only the description is kept.
    """
    if is_own(value):
        parts = {
            part.name: encode(getattr(value, part.name))
            for part in dataclasses.fields(value)
            if part.metadata.get("kept", True)
        }
        return {"type": type(value).__name__} | parts
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, torch.dtype):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str | Tensor):
        return value
    return {"type": STRANGE, "description": repr(value)}


@functools.cache
def records() -> dict[str, type]:
    """Return every record of the rooms above by its name."""
    found: dict[str, type] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith(ROOMS):
            kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == name]
            found |= {kind.__name__: kind for kind in kinds if dataclasses.is_dataclass(kind)}
    return found


def is_own(value: Any) -> bool:
    """Tell whether a value is one of the package's own records; a user's class of the same name is not."""
    return records().get(type(value).__name__) is type(value)


def is_complete(data: Any) -> bool:
    """Tell whether `decode` can build all of what `encode` made."""
    if isinstance(data, Mapping):
        return data.get("type") != STRANGE and all(is_complete(item) for item in data.values())
    return not isinstance(data, list) or all(is_complete(item) for item in data)


def decode(data: Any, where: str) -> Any:
    """Build records from what `encode` made; raise `DeclarationError` for a kind that is not the package's own."""
    if isinstance(data, list):
        return tuple(decode(item, where) for item in data)
    if not isinstance(data, Mapping):
        return _DTYPES.get(data, data) if isinstance(data, str) else data
    if "type" not in data:
        return {key: decode(item, where) for key, item in data.items()}
    kind = data["type"]
    if kind == STRANGE:
        what = f"{data.get('description')} is an object of your own, which a run folder does not hold."
        raise declaration_error(what, where, "hand it over, as in load(folder, problem, network, solver, stop=stop).")
    if not isinstance(kind, str) or kind not in records():
        raise declaration_error(f"Unknown kind {kind!r}.", where, suggestion(str(kind), records()))
    parts = {key: decode(item, where) for key, item in data.items() if key != "type"}
    try:
        return records()[kind](**parts)
    except (TypeError, KeyError) as error:
        raise declaration_error(f"{kind} has wrong arguments: {error}.", where, "restore the file.") from error
