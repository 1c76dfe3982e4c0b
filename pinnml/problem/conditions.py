"""Conditions that a user declares, and the terms that they become once bound to a problem's names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.problem.domain import Box, check_inside
from pinnml.problem.errors import DeclarationError, suggestion
from pinnml.problem.regions import Everywhere, Faces, Given, Pair, Region
from pinnml.problem.vocabulary import BoundFunction, FieldDerivative, Vocabulary, as_column

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

        def residual(x: Tensor, values: Values) -> Tensor:
            result = function(x, values)
            parts = result if isinstance(result, tuple | list) else (result,)
            return torch.stack([as_column(part, x, function.where) for part in parts])

        return Term(name, _positive(self.weight, name), Everywhere(), function.derivatives, residual)


class Value(AbstractCondition):
    """Dirichlet data: a field equals a function of the coordinates, or a number, on faces of the box.

    `Value(u=lambda x: -torch.sin(math.pi * x), on="t=0")`; several fields may be given, `on` may be a list of faces.
    """

    def __init__(self, *, on: str | Sequence[str], weight: float = 1.0, **fields: FieldValue) -> None:
        self.on = (on,) if isinstance(on, str) else tuple(on)
        self.weight = weight
        self.fields = fields

    def bind(self, name: str, domain: Box, vocabulary: Vocabulary) -> Term:
        """Bind the field names, the faces, and the names in each value function."""
        data = bind_data(self.fields, vocabulary, f"condition {name!r}")
        for symbol, _ in data:
            if any(symbol.index):
                raise DeclarationError(
                    f"Value prescribes a derivative; where: condition {name!r}; use Derivative(...) for it."
                )
        return _face_term(self, name, domain, data)


class Derivative(AbstractCondition):
    """Neumann data: a derivative, named by its suffix, equals a function or a number on faces of the box.

    `Derivative(u_x=0.0, on=["x=-1", "x=1"])` or, for an initial velocity, `Derivative(u_t=0.0, on="t=0")`.
    """

    def __init__(self, *, on: str | Sequence[str], weight: float = 1.0, **fields: FieldValue) -> None:
        self.on = (on,) if isinstance(on, str) else tuple(on)
        self.weight = weight
        self.fields = fields

    def bind(self, name: str, domain: Box, vocabulary: Vocabulary) -> Term:
        """Bind the derivative names, the faces, and the names in each value function."""
        return _face_term(self, name, domain, bind_data(self.fields, vocabulary, f"condition {name!r}"))


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
        if self.along not in domain.names:
            raise DeclarationError(
                f"Unknown coordinate {self.along!r}; where: {where}. {suggestion(self.along, domain.names)}"
            )
        symbols: list[FieldDerivative] = []
        for field, highest in self.orders.items():
            for order in range(highest + 1):
                symbol = vocabulary.symbol(f"{field}_{self.along * order}" if order else field, where)
                if not isinstance(symbol, FieldDerivative):
                    raise DeclarationError(f"{field!r} is no field; where: {where}; give fields as in Periodic(u=1).")
                symbols.append(symbol)

        def residual(x: Tensor, values: Values) -> Tensor:
            half = len(x) // 2
            return torch.stack([values[symbol][half:] - values[symbol][:half] for symbol in symbols])

        region = Pair(domain.names.index(self.along))
        return Term(name, _positive(self.weight, name), region, tuple(symbols), residual)


class Data(AbstractCondition):
    """Measured values at given points: `Data({"t": t, "x": x}, u=values)` with arrays of one length n."""

    def __init__(self, at: Mapping[str, Any], *, weight: float = 1.0, **fields: Any) -> None:
        self.at = at
        self.weight = weight
        self.fields = fields

    def bind(self, name: str, domain: Box, vocabulary: Vocabulary) -> Term:
        """Bind coordinates and fields; every point must lie in the domain."""
        where = f"condition {name!r}"
        missing = [coordinate for coordinate in domain.names if coordinate not in self.at]
        if missing or len(self.at) != domain.dimension:
            raise DeclarationError(
                f"Data has coordinates {sorted(self.at)}; where: {where}; give exactly {list(domain.names)}."
            )
        points = torch.stack([torch.as_tensor(self.at[c], dtype=torch.float64).flatten() for c in domain.names], 1)
        check_inside(points, domain, where)
        given = {field: torch.as_tensor(value, dtype=torch.float64).flatten() for field, value in self.fields.items()}
        for field, value in given.items():
            if len(value) != len(points) or len(points) == 0:
                raise DeclarationError(
                    f"{len(value)} values of {field!r} for {len(points)} points; where: {where}; give one a point."
                )
        symbols = [_field_symbol(field, vocabulary, where) for field in given]
        stacked = torch.stack(list(given.values()))

        def residual(x: Tensor, values: Values) -> Tensor:
            return torch.stack([values[symbol] for symbol in symbols]) - x[:, domain.dimension :].T

        return Term(name, _positive(self.weight, name), Given(points, stacked.T), tuple(symbols), residual)


def bind_data(
    fields: Mapping[str, FieldValue], vocabulary: Vocabulary, where: str
) -> list[tuple[FieldDerivative, BoundFunction | float]]:
    """Bind prescribed values to the fields (or derivatives) they prescribe; values may name coordinates only."""
    if not fields:
        raise DeclarationError(f"No field is prescribed; where: {where}; give one, as in Value(u=0.0, on=…).")
    data: list[tuple[FieldDerivative, BoundFunction | float]] = []
    for name, value in fields.items():
        symbol = _field_symbol(name, vocabulary, where)
        if callable(value):
            function = vocabulary.bind(value, f"the value of {name!r} in {where}")
            if function.derivatives:
                raise DeclarationError(
                    f"The value of {name!r} depends on a field; where: {where}; use coordinates and parameters only."
                )
            data.append((symbol, function))
        elif isinstance(value, int | float):
            data.append((symbol, float(value)))
        else:
            raise DeclarationError(
                f"The value of {name!r} is a {type(value).__name__}; where: {where}; give a function or a number."
            )
    return data


def _face_term(
    condition: Value | Derivative,
    name: str,
    domain: Box,
    data: list[tuple[FieldDerivative, BoundFunction | float]],
) -> Term:
    where = f"condition {name!r}"
    if not condition.on:
        raise DeclarationError(f"No face is named; where: {where}; give on= one of {', '.join(domain.faces)}.")
    faces = tuple(domain.face(text, where) for text in condition.on)

    def residual(x: Tensor, values: Values) -> Tensor:
        return torch.stack([values[symbol] - prescribed(value, x) for symbol, value in data])

    derivatives = tuple(symbol for symbol, _ in data)
    return Term(name, _positive(condition.weight, name), Faces(faces), derivatives, residual)


def prescribed(value: BoundFunction | float, x: Tensor) -> Tensor:
    """Return prescribed values at points (n, d) as a tensor of shape (n,)."""
    return as_column(value(x), x, value.where) if isinstance(value, BoundFunction) else as_column(value, x, "")


def _field_symbol(name: str, vocabulary: Vocabulary, where: str) -> FieldDerivative:
    symbol = vocabulary.symbol(name, where)
    if not isinstance(symbol, FieldDerivative):
        raise DeclarationError(f"{name!r} is no field; where: {where}. {suggestion(name, vocabulary.fields)}")
    return symbol


def _positive(weight: float, name: str) -> float:
    if not (isinstance(weight, int | float) and weight > 0 and weight < float("inf")):
        raise DeclarationError(f"The weight {weight!r} is not positive; where: condition {name!r}; give a number > 0.")
    return float(weight)
