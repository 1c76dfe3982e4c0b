"""Fields that depend on some of the coordinates only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pinnml.errors import DeclarationError, suggestion


@dataclass(frozen=True)
class Field:
    """A field of fewer coordinates: `fields=["u", Field("a", of=["x", "y"])]` for u(t, x, y) beside a(x, y).

    All fields of the same coordinates share a network, which is fed nothing else. Readouts need one network for all
    fields, so that the default method goes without them here, and no error is estimated.

    Parameters
    ----------
    name : str
        The field's name.
    of : sequence of str
        The coordinates that it depends on, by name, in any order: one at least.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for no or unknown coordinates, and one that is named twice. Also where a
        residual names a derivative along another coordinate, where a value or a lifting depends on one, and where a
        value is prescribed on a part of the boundary that only another one tells from the rest.
    """

    name: str
    of: Sequence[str]


def names_of(fields: Sequence[Any]) -> tuple[Any, ...]:
    """Return the names of fields that are declared by name or as a `Field`."""
    return tuple(field.name if isinstance(field, Field) else field for field in fields)


def coordinates_of(fields: Sequence[Any], names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the coordinates of every `Field` that does not depend on all of them, in the domain's order."""
    found = {}
    for field in fields:
        if not isinstance(field, Field):
            continue
        where, of = f"field {field.name!r}", [] if isinstance(field.of, str) else list(field.of)
        if not of or len(set(of)) < len(of):
            raise DeclarationError(f"of is {field.of!r}", where, f"give a list of some of {list(names)}")
        for name in of:
            if name not in names:
                raise DeclarationError(f"Unknown coordinate {name!r}", where, suggestion(name, names))
        if len(of) < len(names):
            found[field.name] = tuple(name for name in names if name in of)
    return found
