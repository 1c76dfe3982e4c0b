"""Conditions that a user declares, and the terms that they become once bound to a problem's names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, finite, suggestion
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.regions import AbstractRegion, Everywhere, Pair, PointData
from pinnml.problem.stencils import AbstractStencil, OnePoint
from pinnml.problem.symbols import FieldDerivative, Learned, UnknownParameter
from pinnml.problem.vocabulary import MAX_ORDER, BoundFunction, Vocabulary, as_column

NEAR = 0.1
"""Functions are tried with unknown parameters that differ from their starts by about this share."""

Values = Mapping[Any, Tensor]
"""Derivatives of fields and unknown parameters, shape (n,) each, by `Learned`."""


@dataclass(frozen=True)
class Term:
    """A condition whose names are bound: where its points lie, what it needs, and its residual.

    `residual(x, values, data)` maps points (n, d), derivatives of fields with the `unknowns` among the parameters, and
    named point data, of shape (n,) each, to residuals of shape (q, n'). These are the points that the `stencil` makes
    of those of the region. The weight of a term that is `balanced` may be replaced by a run's rule of balance.
    Derivatives are prescribed each by itself, or tied to one another, `tied`. Residuals of a term that is `noisy` have
    a variance of one; a `prior` is no equation, and yields to measurements.
    """

    name: str
    weight: float
    region: AbstractRegion
    derivatives: tuple[FieldDerivative, ...]
    residual: Callable[[Tensor, Values, PointData], Tensor]
    balanced: bool = False
    tied: bool = False
    unknowns: tuple[UnknownParameter, ...] = ()
    noisy: bool = False
    stencil: AbstractStencil = field(default_factory=OnePoint)
    prior: bool = False

    @property
    def is_equation(self) -> bool:
        """Whether it holds at any point of the domain."""
        return self.region.whole_domain and not self.prior

    @property
    def learned(self) -> tuple[Learned, ...]:
        """All that the residual needs and θ decides: derivatives of fields, then unknown parameters."""
        return (*self.derivatives, *self.unknowns)

    def drawn(self, count: int, generator: torch.Generator) -> dict[Learned, Tensor]:
        """Return random values to try the residual with, shape (n,) each: parameters near their starts."""

        def numbers() -> Tensor:
            return torch.rand(count, generator=generator, dtype=torch.float64, device="cpu")

        fields: dict[Learned, Tensor] = {symbol: numbers() for symbol in self.derivatives}
        return fields | {symbol: symbol.unknown.value(NEAR * numbers()) for symbol in self.unknowns}


class AbstractCondition(ABC):
    """A condition of a problem; it binds its names to the problem's."""

    weight: float | None

    @abstractmethod
    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Return the term of this condition; raise `DeclarationError` where a name or a shape is wrong."""


@dataclass(frozen=True)
class Interior(AbstractCondition):
    """The equation itself: `residual(u, u_t, …, x, nu)` vanishes everywhere in the domain.

    Parameters
    ----------
    residual : callable
        A function whose argument names say what it gets: fields, derivatives such as `u_xx`, coordinates (tensors of
        shape (n,)) and parameters (numbers, or tensors of shape (n,) where they are `Unknown`). It returns a tensor of
        shape (n,), or a tuple of them for a system.
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0; it makes up for the units of r. None is 1.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an argument that names nothing, for a residual without a field, and for
        a weight that is not positive.
    """

    residual: Callable[..., Any]
    weight: float | None = None

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind the residual's argument names."""
        function = bound_residual(self.residual, vocabulary, name)

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            return stacked(function(x, values), x, function.where)

        weight, unknowns = factor(self.weight, name), function.unknowns
        return Term(name, weight, Everywhere(), function.derivatives, residual, unknowns=unknowns)


def bound_residual(residual: Callable[..., Any], vocabulary: Vocabulary, name: str) -> BoundFunction:
    """Bind a residual's argument names; raise `DeclarationError` where it names no field."""
    function = vocabulary.bind(residual, f"the residual of condition {name!r}")
    if not function.derivatives:
        remedy = suggestion("", [*vocabulary.fields, *vocabulary.coordinates, *vocabulary.parameters])
        raise DeclarationError("The residual names no field", f"condition {name!r}", remedy)
    return function


def stacked(result: Any, x: Tensor, where: str) -> Tensor:
    """Return what a residual has returned at points (n, d), a tensor or several, as a tensor (q, n)."""
    parts = result if isinstance(result, tuple | list) else (result,)
    if not parts:
        raise DeclarationError("No residual came out", where, "return one tensor an equation")
    if any(isinstance(part, int | float) or (isinstance(part, Tensor) and part.ndim == 0) for part in parts):
        what = "One number came out for all points"
        raise DeclarationError(what, where, "return a residual for each point, not their mean or sum")
    return torch.stack([as_column(part, x, where) for part in parts])


class Periodic(AbstractCondition):
    """A field and its derivatives along one coordinate, up to the order given, agree at both ends.

    `Periodic(u=1, along="x")` asks for u and u_x.

    Parameters
    ----------
    along : str
        The coordinate.
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0. None leaves it to the run's rule of balance, and is 1 without one.
    **orders : int
        The highest order of differentiation along the coordinate by field, from 0 to 4.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an unknown coordinate or field, for an order out of range, for a weight
        that is not positive, and where the domain has no two opposite sides across the coordinate.
    """

    def __init__(self, /, *, along: str, weight: float | None = None, **orders: int) -> None:
        self.along = along
        self.weight = weight
        self.orders = orders

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind the fields and the coordinate."""
        where = f"condition {name!r}"
        if not isinstance(self.along, str) or self.along not in domain.names:
            raise DeclarationError(f"Unknown coordinate {self.along!r}", where, suggestion(self.along, domain.names))
        axis = domain.names.index(self.along)
        sides = domain.sides(axis)
        if not sides:
            what = f"{domain} has no two opposite sides across {self.along}"
            raise DeclarationError(what, where, "use a Box, or leave the condition out")
        symbols = [
            symbol
            for field, highest in self.orders.items()
            for symbol in _along(field_symbol(field, vocabulary, where), axis, highest, where)
        ]
        for symbol in symbols:
            vocabulary.check_along(symbol.field, [axis], "A periodic condition", where)
        if not symbols:
            raise DeclarationError("No field is named", where, "give one, as in Periodic(u=1, along=…)")

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            half = len(x) // 2
            return torch.stack([values[symbol][half:] - values[symbol][:half] for symbol in symbols])

        region, weight = Pair(axis, sides), factor(self.weight, name)
        return Term(name, weight, region, tuple(symbols), residual, balanced=self.weight is None)


def field_symbol(name: str, vocabulary: Vocabulary, where: str) -> FieldDerivative:
    """Return the field or derivative of a name; raise `DeclarationError` where it is neither."""
    symbol = vocabulary.symbol(name, where)
    if not isinstance(symbol, FieldDerivative):
        raise DeclarationError(f"{name!r} is no field", where, suggestion(name, vocabulary.fields))
    return symbol


def _along(symbol: FieldDerivative, axis: int, highest: Any, where: str) -> list[FieldDerivative]:
    """Return a field and its derivatives along one axis up to an order."""
    most = MAX_ORDER - sum(symbol.index)
    if not isinstance(highest, int) or not 0 <= highest <= most:
        raise DeclarationError(f"The order is {highest!r}", where, f"give a whole number from 0 to {most}")
    steps = range(highest + 1)
    return [
        FieldDerivative(symbol.field, tuple(n + step * (i == axis) for i, n in enumerate(symbol.index)))
        for step in steps
    ]


def factor(weight: float | None, name: str) -> float:
    """Return a condition's weight, 1 for None; raise `DeclarationError` where it is no positive number."""
    number = 1.0 if weight is None else finite(weight)
    if number is None or number <= 0:
        raise DeclarationError(f"The weight {weight!r} is not positive", f"condition {name!r}", "give a number > 0")
    return number
