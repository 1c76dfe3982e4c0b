"""The names that a problem knows, and functions bound to them by their argument names."""

from __future__ import annotations

import dataclasses
import inspect
import keyword
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, shown, suggestion
from pinnml.problem.symbols import (
    At,
    Coordinate,
    FieldDerivative,
    Gradient,
    Laplacian,
    MultiIndex,
    Normal,
    NormalDerivative,
    Parameter,
    Position,
    Symbol,
    UnknownParameter,
)
from pinnml.problem.unknown import Unknown

V = TypeVar("V")

MAX_ORDER = 4
"""The highest order of a derivative that a name may ask for."""

RESERVED = ("on", "at", "along", "weight", "sigma")
"""Arguments of the conditions, which take fields by name beside them."""


@dataclass(frozen=True)
class Vocabulary:
    """Coordinates, fields and parameters of a problem by name.

    `grad_u` and `laplacian_u` of a field `u` are along all coordinates but one called "t", and `position` is the
    vector of these; along coordinates that a field does not depend on they are zero. On
    the boundary, `on_boundary`, there are a normal's components and normal derivatives, too: `n_x` and `u_n`. What the
    user has named comes first.

    Raises `DeclarationError` for a name that cannot be an argument's, or is given twice.
    """

    coordinates: tuple[str, ...]
    fields: tuple[str, ...]
    parameters: Mapping[str, float | Unknown]
    on_boundary: bool = False
    coordinates_of: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """The coordinates of those fields that do not depend on all of them."""

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for name in (*self.coordinates, *self.fields, *self.parameters):
            if not (isinstance(name, str) and name.isidentifier()):
                raise DeclarationError(f"{name!r} is no name", "Problem", "use letters, digits and underscores")
            if keyword.iskeyword(name) or (name in RESERVED and name in self.fields):
                raise DeclarationError(f"{name!r} is a reserved word", "Problem", "take another name")
            if (read := unicodedata.normalize("NFKC", name)) != name:
                raise DeclarationError(f"Python reads the name {name!r} as {read!r}", "Problem", f"write {read!r}")
            if name in seen:
                raise DeclarationError(f"The name {name!r} is given twice", "Problem", "rename one of the two")
            seen.add(name)

    def extended(self, kind: Callable[..., V], **more: Any) -> V:
        """Return a vocabulary of another kind with the same names, and more that this kind knows."""
        return kind(**{part.name: getattr(self, part.name) for part in dataclasses.fields(Vocabulary)} | more)

    @property
    def _normal_axes(self) -> tuple[int, ...]:
        """The axes along which a normal may have components."""
        return tuple(range(len(self.coordinates)))

    @property
    def unknowns(self) -> dict[str, Unknown]:
        """The parameters that are learned, by name."""
        return {name: value for name, value in self.parameters.items() if isinstance(value, Unknown)}

    def knows(self, name: str) -> bool:
        """Return whether a name stands for something."""
        return bool(self._readings(name)) or self._is_derivative(name)

    @property
    def described(self) -> list[str]:
        """The names of the fields, with the coordinates of those that do not depend on all."""
        some = {field: f"{field}({', '.join(own)})" for field, own in self.coordinates_of.items()}
        return [some.get(field, field) for field in self.fields]

    def axes(self, field: int) -> tuple[int, ...]:
        """Return the axes of the coordinates that a field, by number, depends on."""
        own = self.coordinates_of.get(self.fields[field], self.coordinates)
        return tuple(axis for axis, name in enumerate(self.coordinates) if name in own)

    def check_along(self, field: int, axes: Iterable[int], what: str, where: str) -> None:
        """Raise `DeclarationError` where `what` has to do with coordinates on which a field does not depend."""
        for axis in sorted(set(axes) - set(self.axes(field))):
            name, own = self.fields[field], self.coordinates_of[self.fields[field]]
            sentence = f"{what} has to do with {self.coordinates[axis]}, on which {name} does not depend"
            raise DeclarationError(sentence, where, f"keep to {', '.join(own)}, or declare {name} as a field of all")

    def symbol(self, name: str, where: str) -> Symbol:
        """Return what an argument name stands for; raise `DeclarationError` with the nearest valid name otherwise."""
        if not isinstance(name, str):
            raise DeclarationError(f"{shown(name)} is no name", where, suggestion("", self._examples()))
        found = self._readings(name)
        if len(found) == 1:
            one = found.pop()
            if isinstance(one, FieldDerivative):
                along = [axis for axis, order in enumerate(one.index) if order]
                self.check_along(one.field, along, f"The derivative {name!r}", where)
            return one
        if found:
            remedy = "rename a coordinate, field or parameter"
            raise DeclarationError(f"{name!r} can be read in several ways", where, remedy)
        if self._is_derivative(name):
            what = f"{name!r} is a derivative of an order above {MAX_ORDER}"
            remedy = f"orders go to {MAX_ORDER}, so make a lower derivative a field of its own"
            raise DeclarationError(what, where, remedy)
        raise DeclarationError(f"Unknown name {name!r}", where, suggestion(name, self._examples()))

    def _readings(self, name: str) -> set[Symbol]:
        zero = (0,) * len(self.coordinates)
        found: set[Symbol] = set()
        if name in self.coordinates:
            found.add(Coordinate(self.coordinates.index(name)))
        if name in self.parameters:
            value = self.parameters[name]
            if isinstance(value, Unknown):
                found.add(UnknownParameter(list(self.unknowns).index(name), value))
            else:
                found.add(Parameter(value))
        if self.on_boundary:
            axes, size = self._normal_axes, len(self.coordinates)
            found |= {Normal(axis) for axis in axes if name == f"n_{self.coordinates[axis]}"}
            normal = [NormalDerivative(number, axes, size) for number in range(len(self.fields))]
            found |= {one for one, field in zip(normal, self.fields, strict=True) if name == f"{field}_n"}
        for number, field in enumerate(self.fields):
            if name == field:
                found.add(FieldDerivative(number, zero))
            elif name.startswith(field + "_"):
                suffix = name[len(field) + 1 :]
                found |= {FieldDerivative(number, index) for index in self._indices(suffix, MAX_ORDER) if any(index)}
        return found or {symbol for known, symbol in self._vectors().items() if known == name}

    def _vectors(self) -> dict[str, Symbol]:
        """Return what is made of all coordinates in space by its name."""
        axes, size = tuple(i for i, x in enumerate(self.coordinates) if x != "t"), len(self.coordinates)
        known: dict[str, Symbol] = {"position": Position(axes)}
        for number, field in enumerate(self.fields):
            known |= {
                f"grad_{field}": Gradient(number, axes, size),
                f"laplacian_{field}": Laplacian(number, axes, size),
            }
        return known if axes else {}

    def _indices(self, suffix: str, orders: int) -> set[MultiIndex]:
        """Return every way to read a suffix such as "txx" as a product of at most `orders` coordinate names."""
        if not suffix:
            return {(0,) * len(self.coordinates)}
        found = set()
        for axis, coordinate in enumerate(self.coordinates):
            if orders and suffix.startswith(coordinate):
                for rest in self._indices(suffix[len(coordinate) :], orders - 1):
                    found.add(tuple(order + (position == axis) for position, order in enumerate(rest)))
        return found

    def _is_derivative(self, name: str) -> bool:
        """Return whether a name reads as a field's derivative of any order."""
        starts = [len(field) + 1 for field in self.fields if name.startswith(field + "_") and name != field + "_"]
        ends = set(starts)
        for start in range(len(name)):
            if start in ends:
                ends |= {
                    start + len(coordinate) for coordinate in self.coordinates if name.startswith(coordinate, start)
                }
        return bool(starts) and len(name) in ends

    def _examples(self) -> list[str]:
        first = [f"{field}_{x}" for field in self.fields for x in self.coordinates]
        second = [
            f"{field}_{x}{y}"
            for field in self.fields
            for number, x in enumerate(self.coordinates)
            for y in self.coordinates[number:]
        ]
        components = [f"n_{self.coordinates[axis]}" for axis in self._normal_axes]
        normal = [*[f"{field}_n" for field in self.fields], *components]
        boundary = normal if self.on_boundary else []
        return [*self.fields, *first, *second, *boundary, *self.coordinates, *self.parameters, *self._vectors()]

    def bind(self, function: Callable[..., Any], where: str) -> BoundFunction:
        """Read a function's signature once and bind each argument to what its name stands for."""
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            what = f"{function!r} is no function with named arguments"
            raise DeclarationError(what, where, "give a Python function") from None
        symbols: dict[str, Symbol] = {}
        for parameter in parameters:
            name, kind = parameter.name, parameter.kind
            if kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                what = f"The argument {parameter} cannot be given by name"
                raise DeclarationError(what, where, "name every argument")
            if self.knows(name) or parameter.default is parameter.empty:
                symbols[name] = self.symbol(name, where)
        return BoundFunction(function, symbols, where)


@dataclass(frozen=True)
class BoundFunction:
    """A user's function whose arguments are known: call it with coordinates and field derivatives."""

    function: Callable[..., Any]
    symbols: Mapping[str, Symbol]
    where: str

    @property
    def derivatives(self) -> tuple[FieldDerivative, ...]:
        """The field derivatives that the function needs, without repetition, in order of appearance."""
        return tuple(dict.fromkeys(part for symbol in self.symbols.values() for part in symbol.needs))

    @property
    def unknowns(self) -> tuple[UnknownParameter, ...]:
        """The learned parameters that the function names."""
        return tuple(symbol for symbol in self.symbols.values() if isinstance(symbol, UnknownParameter))

    @property
    def axes(self) -> set[int]:
        """The axes of the coordinates that the function names."""
        found = {symbol.axis for symbol in self.symbols.values() if isinstance(symbol, Coordinate)}
        return found.union(*(symbol.axes for symbol in self.symbols.values() if isinstance(symbol, Position)))

    @property
    def needs_normals(self) -> bool:
        """Whether the function asks for the normal, or for a derivative along it."""
        return any(symbol.needs_normals for symbol in self.symbols.values())

    def __call__(
        self, x: Tensor, values: Mapping[Any, Tensor] = MappingProxyType({}), normals: Tensor | None = None
    ) -> Any:
        """Evaluate at points x (n, d) with what is learned of shape (n,) each, and with normals (n, d)."""
        at = At(x, values, normals)
        return self.function(**{name: symbol.of(at) for name, symbol in self.symbols.items()})


def as_column(result: Any, x: Tensor, where: str) -> Tensor:
    """Return a function's result as a tensor of shape (n,), a number being spread over the n points.

    Raises `DeclarationError` where the result has another shape or dtype than the points.
    """
    if not isinstance(result, Tensor):
        if not isinstance(result, int | float):
            what = f"A {type(result).__name__} came out"
            raise DeclarationError(what, where, "return a tensor of shape (n,) or a number")
        return torch.full((len(x),), float(result), dtype=x.dtype, device=x.device)
    if result.ndim == 0:
        result = result.expand(len(x))
    if result.shape != (len(x),):
        what = f"The result has shape {tuple(result.shape)} for {len(x)} points"
        raise DeclarationError(what, where, "return one value per point, shape (n,)")
    if result.dtype != x.dtype or result.device != x.device:
        what = f"The result is {result.dtype} on {result.device}, the points are {x.dtype} on {x.device}"
        raise DeclarationError(what, where, "build tensors like the arguments (torch.full_like(x, …), x.new_tensor(…))")
    return result
