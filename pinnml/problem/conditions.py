"""Conditions that a user declares, and the terms that they become once bound to a problem's names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, finite, suggestion
from pinnml.problem.domain import Box
from pinnml.problem.regions import Everywhere, Faces, Pair, Region
from pinnml.problem.vocabulary import MAX_ORDER, BoundFunction, FieldDerivative, Vocabulary, as_column

Values = Mapping[FieldDerivative, Tensor]
FieldValue = Callable[..., Any] | float


@dataclass(frozen=True)
class Term:
    """A condition whose names are bound: where its points lie, what it needs, and its residual.

    `residual(x, values)` maps points (n, d) and derivatives of shape (n,) each to residuals of shape (q, n').
    """

    name: str
    weight: float
    region: Region
    derivatives: tuple[FieldDerivative, ...]
    residual: Callable[[Tensor, Values], Tensor]


class AbstractCondition(ABC):
    """A condition of a problem: knows how to bind its names to the problem's."""

    weight: float

    @abstractmethod
    def bind(self, name: str, domain: Box, vocabulary: Vocabulary) -> Term:
        """Return the term of this condition; raise `DeclarationError` where a name or a shape is wrong."""


@dataclass(frozen=True)
class Interior(AbstractCondition):
    """The equation itself: `residual(u, u_t, …, x, nu)` vanishes everywhere in the domain.

    The residual maps tensors of shape (n,) to one tensor of shape (n,) or a tuple of them; `weight` multiplies ½‖r‖².
    """

    residual: Callable[..., Any]
    weight: float = 1.0

    def bind(self, name: str, domain: Box, vocabulary: Vocabulary) -> Term:
        """Bind the residual's argument names."""
        function = vocabulary.bind(self.residual, f"the residual of condition {name!r}")
        if not function.derivatives:
            raise DeclarationError(
                f"The residual names no field; where: condition {name!r}; "
                f"{suggestion('', [*vocabulary.fields, *vocabulary.coordinates, *vocabulary.parameters])}"
            )

        def residual(x: Tensor, values: Values) -> Tensor:
            result = function(x, values)
            parts = result if isinstance(result, tuple | list) else (result,)
            if not parts:
                raise DeclarationError(f"No residual came out; where: {function.where}; return one tensor an equation.")
            return torch.stack([as_column(part, x, function.where) for part in parts])

        return Term(name, positive(self.weight, name), Everywhere(), function.derivatives, residual)


class FaceCondition(AbstractCondition):
    """Something is prescribed on faces of the box, each field or derivative by a number or a function."""

    def __init__(self, *, on: str | Sequence[str], weight: float = 1.0, **fields: FieldValue) -> None:
        self.on = _several(on)
        self.weight = weight
        self.fields = fields

    def bind(self, name: str, domain: Box, vocabulary: Vocabulary) -> Term:
        """Bind the names of fields or derivatives, the faces, and the names in each value function."""
        data = bind_data(self.fields, vocabulary, f"condition {name!r}")
        for symbol, _ in data:
            self._check(symbol, f"condition {name!r}")
        return _face_term(self, name, domain, data)

    @abstractmethod
    def _check(self, symbol: FieldDerivative, where: str) -> None:
        """Raise `DeclarationError` where this kind of condition does not prescribe such a symbol."""


class Value(FaceCondition):
    """Dirichlet data: a field equals a function of the coordinates, or a number, on faces of the box.

    `Value(u=lambda x: -torch.sin(math.pi * x), on="t=0")`; several fields may be given, `on` may be a list of faces.
    """

    def _check(self, symbol: FieldDerivative, where: str) -> None:
        if any(symbol.index):
            raise DeclarationError(f"Value prescribes a derivative; where: {where}; use Derivative(...) for it.")


class Derivative(FaceCondition):
    """Neumann data: a derivative, named by its suffix, equals a function or a number on faces of the box.

    `Derivative(u_x=0.0, on=["x=-1", "x=1"])` or, for an initial velocity, `Derivative(u_t=0.0, on="t=0")`.
    """

    def _check(self, symbol: FieldDerivative, where: str) -> None:
        if not any(symbol.index):
            raise DeclarationError(f"Derivative prescribes a field itself; where: {where}; use Value(...) for it.")


class Periodic(AbstractCondition):
    """A field and its derivatives along one coordinate, up to the order given, agree at both ends.

    `Periodic(u=1, along="x")` asks for u and u_x.
    """

    def __init__(self, *, along: str, weight: float = 1.0, **orders: int) -> None:
        self.along = along
        self.weight = weight
        self.orders = orders

    def bind(self, name: str, domain: Box, vocabulary: Vocabulary) -> Term:
        """Bind the fields and the coordinate."""
        where = f"condition {name!r}"
        if not isinstance(self.along, str) or self.along not in domain.names:
            raise DeclarationError(
                f"Unknown coordinate {self.along!r}; where: {where}. {suggestion(self.along, domain.names)}"
            )
        axis = domain.names.index(self.along)
        symbols = [
            symbol
            for field, highest in self.orders.items()
            for symbol in _along(field_symbol(field, vocabulary, where), axis, highest, where)
        ]
        if not symbols:
            raise DeclarationError(f"No field is named; where: {where}; give one, as in Periodic(u=1, along=…).")

        def residual(x: Tensor, values: Values) -> Tensor:
            half = len(x) // 2
            return torch.stack([values[symbol][half:] - values[symbol][:half] for symbol in symbols])

        return Term(name, positive(self.weight, name), Pair(axis), tuple(symbols), residual)


def bind_data(
    fields: Mapping[str, FieldValue], vocabulary: Vocabulary, where: str
) -> list[tuple[FieldDerivative, BoundFunction | float]]:
    """Bind prescribed values to the fields (or derivatives) they prescribe; values may name coordinates only."""
    if not fields:
        raise DeclarationError(f"No field is prescribed; where: {where}; give one, as in Value(u=0.0, on=…).")
    data: list[tuple[FieldDerivative, BoundFunction | float]] = []
    for name, value in fields.items():
        symbol = field_symbol(name, vocabulary, where)
        if callable(value):
            function = vocabulary.bind(value, f"the value of {name!r} in {where}")
            if function.derivatives:
                raise DeclarationError(
                    f"The value of {name!r} depends on a field; where: {where}; use coordinates and parameters only."
                )
            data.append((symbol, function))
        elif (number := finite(value)) is not None:
            data.append((symbol, number))
        else:
            raise DeclarationError(
                f"The value of {name!r} is {value!r}; where: {where}; give a function or a finite number."
            )
    return data


def _face_term(
    condition: FaceCondition,
    name: str,
    domain: Box,
    data: list[tuple[FieldDerivative, BoundFunction | float]],
) -> Term:
    where = f"condition {name!r}"
    if not condition.on:
        raise DeclarationError(f"No face is named; where: {where}; give on= one of {', '.join(domain.faces)}.")
    faces = tuple(domain.face(text, where) for text in condition.on)
    if len(set(faces)) < len(faces):
        raise DeclarationError(f"A face is named twice in {list(condition.on)}; where: {where}; name each face once.")

    def residual(x: Tensor, values: Values) -> Tensor:
        return torch.stack([values[symbol] - prescribed(value, x) for symbol, value in data])

    derivatives = tuple(symbol for symbol, _ in data)
    return Term(name, positive(condition.weight, name), Faces(faces), derivatives, residual)


def prescribed(value: BoundFunction | float, x: Tensor) -> Tensor:
    """Return prescribed values at points (n, d) as a tensor of shape (n,)."""
    return as_column(value(x), x, value.where) if isinstance(value, BoundFunction) else as_column(value, x, "")


def field_symbol(name: str, vocabulary: Vocabulary, where: str) -> FieldDerivative:
    """Return the field or derivative of a name; raise `DeclarationError` where it is neither."""
    symbol = vocabulary.symbol(name, where)
    if not isinstance(symbol, FieldDerivative):
        raise DeclarationError(f"{name!r} is no field; where: {where}. {suggestion(name, vocabulary.fields)}")
    return symbol


def _several(on: Any) -> tuple[Any, ...]:
    """Return faces as a tuple, whatever was given; each is looked at when it is bound."""
    return tuple(on) if isinstance(on, Iterable) and not isinstance(on, str) else (on,)


def _along(symbol: FieldDerivative, axis: int, highest: Any, where: str) -> list[FieldDerivative]:
    """Return a field and its derivatives along one axis up to an order."""
    most = MAX_ORDER - sum(symbol.index)
    if not isinstance(highest, int) or not 0 <= highest <= most:
        raise DeclarationError(f"The order is {highest!r}; where: {where}; give a whole number from 0 to {most}.")
    steps = range(highest + 1)
    return [
        FieldDerivative(symbol.field, tuple(n + step * (i == axis) for i, n in enumerate(symbol.index)))
        for step in steps
    ]


def positive(weight: float, name: str) -> float:
    """Return a condition's weight; raise `DeclarationError` where it is no positive number."""
    number = finite(weight)
    if number is None or number <= 0:
        raise DeclarationError(f"The weight {weight!r} is not positive; where: condition {name!r}; give a number > 0.")
    return number
