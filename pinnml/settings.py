"""Records of settings that hold what they are given to their declared types, before anything is trained."""

from __future__ import annotations

import math
import numbers
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Any, TypeVar, dataclass_transform

from pinnml.errors import DeclarationError

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def setting(kind: type[T]) -> type[T]:
    """Make a frozen dataclass of a class; a field that is not of its declared type raises `DeclarationError`.

    Floats may be given as integers, and are never NaN; tuples and sequences are held to the type of their entries.
    What a number may be beyond its type is up to the class' `__post_init__`, which comes after.
    """
    own = kind.__dict__.get("__post_init__")

    def hold(self: Any) -> None:
        _check(self, kind)
        following = getattr(super(kind, self), "__post_init__", None) if own is None else partial(own, self)
        if following is not None:
            following()

    kind.__post_init__ = hold  # type: ignore[attr-defined]
    return dataclass(frozen=True)(kind)


def at_least(record: Any, least: float, *names: str, above: bool = False) -> None:
    """Raise `DeclarationError` for the first of a record's numbers below `least`, or not `above` it."""
    for name in names:
        value = getattr(record, name)
        if not (value > least if above else value >= least):
            bound = f"a number above {least:g}" if above else f"a number of at least {least:g}"
            raise DeclarationError(f"{name} is {value!r}; where: {type(record).__name__}; give {bound}.")


def _check(record: Any, kind: Any) -> None:
    hints = _hints(kind)
    for part in fields(kind):
        value, hint = getattr(record, part.name), hints[part.name]
        if not _fits(value, hint):
            shown = repr(value) if len(repr(value)) <= 60 else f"a {type(value).__name__}"
            raise DeclarationError(f"{part.name} is {shown}; where: {type(record).__name__}; give {_described(hint)}.")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value is of a type; only the types that settings have are known."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(inner) == 2 and inner[1] is Ellipsis:
            return all(_fits(one, inner[0]) for one in value)
        return len(value) == len(inner) and all(map(_fits, value, inner))
    if origin is Sequence:
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str | bytes)
            and all(_fits(v, inner[0]) for v in value)
        )
    if origin in (Mapping, Callable):
        return isinstance(value, origin)
    if hint in (int, float):
        kind = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, kind) and not isinstance(value, bool) and _is_number(value)
    return hint is Any or isinstance(value, hint or types.NoneType)


def _is_number(value: Any) -> bool:
    """Tell whether a value is a number of the machine's own size, infinity among them, and not NaN."""
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False


def _described(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_described(one) for one in inner)
    if origin in (tuple, Sequence):
        return f"a tuple of {', '.join(_described(one) for one in inner if one is not Ellipsis)}"
    named = {float: "a number", int: "a whole number", bool: "True or False", types.NoneType: "None", str: "a string"}
    return named.get(hint) or f"a {getattr(hint, '__name__', str(hint)).removeprefix('Abstract')}"
