"""Values, derivatives and other equations on parts of the boundary."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, finite
from pinnml.problem.conditions import (
    AbstractCondition,
    Term,
    Values,
    bound_residual,
    factor,
    field_symbol,
    stacked,
)
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.regions import Parts, PointData
from pinnml.problem.symbols import FieldDerivative, UnknownParameter
from pinnml.problem.vocabulary import BoundFunction, Vocabulary, as_column

FieldValue = Callable[..., Any] | float


class BoundaryCondition(AbstractCondition):
    """Something is prescribed on parts of the boundary, each field or derivative by a number or a function."""

    def __init__(self, /, *, on: str | Sequence[str], weight: float | None = None, **fields: FieldValue) -> None:
        self.on = listed(on)
        self.weight = weight
        self.fields = fields

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind the names of fields or derivatives, the parts, and the names in each value function."""
        where = f"condition {name!r}"
        prescribed = bind_values(self.fields, vocabulary, where)
        for symbol, _ in prescribed:
            self._check(symbol, where)
        parts = bound_parts(self.on, domain, where)

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            return torch.stack([values[symbol] - evaluated(value, x, values) for symbol, value in prescribed])

        derivatives, unknowns = tuple(symbol for symbol, _ in prescribed), unknowns_of(prescribed)
        weight, balanced = factor(self.weight, name), self.weight is None
        return Term(name, weight, Parts(parts), derivatives, residual, balanced=balanced, unknowns=unknowns)

    @abstractmethod
    def _check(self, symbol: FieldDerivative, where: str) -> None:
        """Raise `DeclarationError` where this kind of condition does not prescribe such a symbol."""


class Value(BoundaryCondition):
    """Dirichlet data: a field equals a function of the coordinates, or a number, on parts of the boundary.

    `Value(u=lambda x: -torch.sin(math.pi * x), on="t=0")`.

    Parameters
    ----------
    on : str or sequence of str
        The parts of the boundary by name; of a box its faces, such as "t=0".
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0. None leaves it to the run's rule of balance, and is 1 without one.
    **fields : float or callable
        The value of each field by its name, in the field's units: a number, or a function of coordinates (tensors of
        shape (n,)) and parameters.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an unknown part or field, a value that is no finite number and no such
        function, a derivative, and a weight that is not positive.
    """

    def _check(self, symbol: FieldDerivative, where: str) -> None:
        if any(symbol.index):
            raise DeclarationError("Value prescribes a derivative", where, "use Derivative(...) for it")


class Derivative(BoundaryCondition):
    """Neumann data: a derivative, named by its suffix, equals a function or a number on parts of the boundary.

    `Derivative(u_x=0.0, on=["x=-1", "x=1"])` or, for an initial velocity, `Derivative(u_t=0.0, on="t=0")`.

    Parameters
    ----------
    on : str or sequence of str
        The parts of the boundary by name; of a box its faces, such as "x=1".
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0. None leaves it to the run's rule of balance, and is 1 without one.
    **fields : float or callable
        The value of each derivative by its name, such as `u_x`, in the units of the derivative: a number, or a
        function of coordinates (tensors of shape (n,)) and parameters.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an unknown part or derivative, a value that is no finite number and no
        such function, a field itself, and a weight that is not positive.
    """

    def _check(self, symbol: FieldDerivative, where: str) -> None:
        if not any(symbol.index):
            raise DeclarationError("Derivative prescribes a field itself", where, "use Value(...) for it")


class Boundary(AbstractCondition):
    """Any equation on parts of the boundary: Robin data, a flux, an absorbing or a nonlinear condition.

    `Boundary(lambda u, u_n, h: u_n + h * u, on="x=1")` lets heat out through a wall.

    Parameters
    ----------
    residual : callable
        A function as that of `Interior`, whose arguments may also be `u_n`, the derivative n·∇u of a field `u` along
        the outward unit normal, and `n_x`, the normal's component along a coordinate `x` (dimensionless).
    on : str or sequence of str
        The parts of the boundary by name; of a box its faces, such as "x=1".
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0. None leaves it to the run's rule of balance, and is 1 without one.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an unknown part, for an argument that names nothing, for a residual
        without a field, and for a weight that is not positive.
    """

    def __init__(self, residual: Callable[..., Any], *, on: str | Sequence[str], weight: float | None = None) -> None:
        self.residual = residual
        self.on = listed(on)
        self.weight = weight

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind the parts and the residual's argument names."""
        function = bound_residual(self.residual, replace(vocabulary, on_boundary=True), name)
        parts = bound_parts(self.on, domain, f"condition {name!r}")

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            normals = normals_on(parts, domain, x) if function.needs_normals else None
            return stacked(function(x, values, normals), x, function.where)

        region, weight, balanced = Parts(parts), factor(self.weight, name), self.weight is None
        known = function.derivatives, residual, balanced, True, function.unknowns
        return Term(name, weight, region, *known)


def listed(on: str | Sequence[str]) -> tuple[Any, ...]:
    """Return whatever was given as parts, one or several; each is looked at when it is bound."""
    return tuple(on) if isinstance(on, Iterable) and not isinstance(on, str) else (on,)


def bound_parts(on: Sequence[Any], domain: AbstractDomain, where: str) -> tuple[str, ...]:
    """Return the names of parts; raise `DeclarationError` where there are none, or one is unknown or named twice."""
    if not on:
        raise DeclarationError("No part of the boundary is named", where, f"give on= one of {', '.join(domain.parts)}")
    parts = tuple(domain.part(text, where) for text in on)
    if len(set(parts)) < len(parts):
        raise DeclarationError(f"A part is named twice in {list(on)}", where, "name each part once")
    return parts


def normals_on(parts: Sequence[str], domain: AbstractDomain, x: Tensor) -> Tensor:
    """Return the outward unit normals (n, d) at points (n, d) of some parts; where two meet, that of the first."""
    normals = domain.normal(parts[-1], x)
    for part in reversed(parts[:-1]):
        normals = torch.where(domain.contains(x, part)[:, None], domain.normal(part, x), normals)
    return normals


def bind_values(
    fields: Mapping[str, FieldValue], vocabulary: Vocabulary, where: str
) -> list[tuple[FieldDerivative, BoundFunction | float]]:
    """Bind prescribed values to the fields (or derivatives) they prescribe; values may name coordinates only."""
    if not fields:
        raise DeclarationError("No field is prescribed", where, "give one, as in Value(u=0.0, on=…)")
    bound: list[tuple[FieldDerivative, BoundFunction | float]] = []
    for name, value in fields.items():
        symbol = field_symbol(name, vocabulary, where)
        if callable(value):
            function = vocabulary.bind(value, f"the value of {name!r} in {where}")
            if function.derivatives:
                what = f"The value of {name!r} depends on a field"
                raise DeclarationError(what, where, "use coordinates and parameters only")
            vocabulary.check_along(symbol.field, function.axes, f"The value of {name!r}", where)
            bound.append((symbol, function))
        elif (number := finite(value)) is not None:
            bound.append((symbol, number))
        else:
            what = f"The value of {name!r} is {value!r}"
            raise DeclarationError(what, where, "give a function or a finite number")
    return bound


def unknowns_of(prescribed: Iterable[tuple[FieldDerivative, BoundFunction | float]]) -> tuple[UnknownParameter, ...]:
    """Return the unknown parameters that prescribed values name, without repetition."""
    functions = [value for _, value in prescribed if isinstance(value, BoundFunction)]
    return tuple(dict.fromkeys(symbol for function in functions for symbol in function.unknowns))


def evaluated(value: BoundFunction | float, x: Tensor, values: Values = MappingProxyType({})) -> Tensor:
    """Return prescribed values at points (n, d), and with unknown parameters, as a tensor of shape (n,)."""
    return as_column(value(x, values), x, value.where) if isinstance(value, BoundFunction) else as_column(value, x, "")
