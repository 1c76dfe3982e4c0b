"""Records that hold what they are given to their declared types and bounds, and that can be kept as plain data."""

from __future__ import annotations

import math
import numbers
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Annotated, Any, Literal, Protocol, TypeVar, dataclass_transform

from pinnml.errors import DeclarationError, shown

T = TypeVar("T")

RECORDS: dict[str, type] = {}
"""Every record by the name under which files keep it; filled where a record is defined, by `record` and `setting`."""


LONGEST = 20
"""Entries of a list that `briefly` shows."""

UNKEPT: Mapping[str, bool] = {"kept": False}
"""Metadata of a field that files do not keep, such as a clock; it comes back with its default."""


class Bound(Protocol):
    """What a number may be beyond its type, declared beside it: `Annotated[int, AtLeast(1)]`."""

    def holds(self, value: Any) -> bool:
        """Return whether a number is within the bound."""

    def __str__(self) -> str:
        """Return what to give, as in "a number of at least 1"."""


@dataclass(frozen=True)
class AtLeast:
    """Numbers of at least `least`."""

    least: float

    def holds(self, value: Any) -> bool:
        """Return whether a number is large enough."""
        return bool(value >= self.least)

    def __str__(self) -> str:
        return f"a number of at least {self.least:g}"


@dataclass(frozen=True)
class Above:
    """Numbers above `bound`."""

    bound: float

    def holds(self, value: Any) -> bool:
        """Return whether a number is large enough."""
        return bool(value > self.bound)

    def __str__(self) -> str:
        return f"a number above {self.bound:g}"


@dataclass(frozen=True)
class Between:
    """Numbers from `low` to `high`, the ends among them where they are `closed`."""

    low: float
    high: float
    closed: tuple[bool, bool] = (True, True)

    def holds(self, value: Any) -> bool:
        """Return whether a number lies between the ends."""
        above = value >= self.low if self.closed[0] else value > self.low
        return bool(above and (value <= self.high if self.closed[1] else value < self.high))

    def __str__(self) -> str:
        match self.closed:
            case (True, True):
                return f"a number from {self.low:g} to {self.high:g}"
            case (False, True):
                return f"a number above {self.low:g}, up to {self.high:g}"
            case (True, False):
                return f"a number of at least {self.low:g}, below {self.high:g}"
        return f"a number between {self.low:g} and {self.high:g}"


Count = Annotated[int, AtLeast(1)]
"""A whole number of at least 1."""


@dataclass_transform(frozen_default=True)
def record(kind: type[T]) -> type[T]:
    """Make a frozen dataclass of a class and enter it among `RECORDS`, so that checkpoints can keep it.

    Solver states are such records, of tensors, numbers and other records. The package's own are known by their name,
    all others by that of their module, too; raises `TypeError` where two of the package share a name.
    """
    if "__repr__" not in kind.__dict__:
        kind.__repr__ = briefly  # type: ignore[method-assign]
    return _entered(dataclass(frozen=True)(kind))


@dataclass_transform(frozen_default=True)
def setting(kind: type[T]) -> type[T]:
    """Make a `record` of a class; a field that is not of its declared type raises `DeclarationError`.

    Floats may be given as integers, and are never NaN; tuples, lists, sequences and mappings are held to the types of
    their entries, and a number to the bound declared beside its type, as in `Annotated[float, Above(0)]`. What fields
    may be together is up to the class' `__post_init__`, which comes after.
    """
    own = kind.__dict__.get("__post_init__")

    def hold(self: Any) -> None:
        check_types(self, kind)
        following = getattr(super(kind, self), "__post_init__", None) if own is None else partial(own, self)
        if following is not None:
            following()

    kind.__post_init__ = hold  # type: ignore[attr-defined]
    return record(kind)


def briefly(record: Any) -> str:
    """Return a dataclass as `repr` shows it, with tensors and arrays as their shapes and long lists cut."""
    parts = ", ".join(f"{part.name}={_brief(getattr(record, part.name))}" for part in fields(record) if part.repr)
    return f"{type(record).__qualname__}({parts})"


def _brief(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__}{tuple(value.shape)}" if len(value.shape) else repr(value.item())
    if type(value) is dict:
        return "{" + _cut([f"{key!r}: {_brief(item)}" for key, item in value.items()]) + "}"
    if type(value) is list:
        return "[" + _cut([_brief(item) for item in value]) + "]"
    if type(value) is tuple:
        return "(" + _cut([_brief(item) for item in value]) + ("," if len(value) == 1 else "") + ")"
    return repr(value)


def _cut(parts: list[str]) -> str:
    more = [f"… {len(parts)} in all"] if len(parts) > LONGEST else []
    return ", ".join(parts[: LONGEST - 2 * len(more)] + more)


def name_of(kind: type) -> str:
    """Return the name under which files keep a record of this kind."""
    own = kind.__module__.startswith("pinnml.")
    return kind.__qualname__ if own else f"{kind.__module__}:{kind.__qualname__}"


def _entered(kind: type[T]) -> type[T]:
    name, known = name_of(kind), RECORDS.get(name_of(kind))
    if known is not None and known.__module__ != kind.__module__:
        raise TypeError(f"Two records are called {name}: in {known.__module__} and in {kind.__module__}.")
    RECORDS[name] = kind
    return kind


def check_types(record: Any, kind: Any) -> None:
    """Raise `DeclarationError` for the first field of a dataclass of a kind that is not of its declared type."""
    hints = _hints(kind)
    for part in fields(kind):
        value, hint = getattr(record, part.name), hints[part.name]
        if not fits(value, hint):
            raise DeclarationError(f"{part.name} is {shown(value)}", type(record).__name__, f"give {_described(hint)}")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of a type, with its bounds; a type that is not known here takes everything."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return fits(value, inner[0]) and all(bound.holds(value) for bound in inner[1:] if hasattr(bound, "holds"))
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return any(value is one or (type(value) is type(one) and value == one) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple) and _each_fits(value, inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, origin) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if isinstance(origin, type) and issubclass(origin, Collection):
        listed = isinstance(value, origin) and not isinstance(value, str | bytes)
        return listed and all(fits(one, inner[0]) for one in value)
    if hint in (int, float):
        kind = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, kind) and not isinstance(value, bool) and _is_number(value)
    if origin is not None:
        return not isinstance(origin, type) or isinstance(value, origin)
    return not isinstance(hint, type | None) or isinstance(value, hint or types.NoneType)


def _each_fits(value: Sequence[Any], inner: tuple[Any, ...]) -> bool:
    if len(inner) == 2 and inner[1] is Ellipsis:
        return all(fits(one, inner[0]) for one in value)
    return len(value) == len(inner) and all(map(fits, value, inner))


def _is_number(value: Any) -> bool:
    """Return whether a value is a number of the machine's own size, infinity among them, and not NaN."""
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False


def _described(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        bounds = " and ".join(str(bound) for bound in inner[1:] if hasattr(bound, "holds"))
        return bounds.replace("a number", _described(inner[0]), 1) if bounds else _described(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_described(one) for one in inner)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if origin in (tuple, list) or origin is Sequence:
        return f"a {'list' if origin is list else 'tuple'} of {', '.join(_described(i) for i in inner if i is not ...)}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a dictionary from {_described(inner[0])} to {_described(inner[1])}"
    if origin is Callable:
        return "a function"
    named = {float: "a number", int: "a whole number", bool: "True or False", types.NoneType: "None", str: "a string"}
    return named.get(hint) or f"a {getattr(hint, '__name__', str(hint)).removeprefix('Abstract')}"
