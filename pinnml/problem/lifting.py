"""Hard conditions: u = g(x) + ℓ(x) N(θ, x) holds them by construction (Lagaris, Likas, Fotiadis 1998)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.problem.boundary import Derivative, Value, bind_values
from pinnml.problem.box import Face, as_box
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.extension import (
    AxisData,
    Held,
    PointFunction,
    extension,
    face_distance,
    has_slopes,
    one_constant,
    zero,
)
from pinnml.problem.symbols import FieldDerivative
from pinnml.problem.vocabulary import BoundFunction, Vocabulary, as_column

MOST_AXES = 6
"""An extension from the faces of more axes, 3^6 terms, is left to the user."""

REMEDY = "hand over lifting=Lifting(u=(g, l)), or leave it out of hard"


class Lifting:
    """g and ℓ given by the user for some fields: `Lifting(u=(lambda t, x: …, lambda t, x: …))`.

    Parameters
    ----------
    **fields : pair of callables
        For each field by its name g, which meets the data, in the field's units, and ℓ, which vanishes where they are
        prescribed, dimensionless: functions of coordinates (tensors of shape (n,)) and parameters.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an unknown field, and for anything but two functions of coordinates.
    """

    def __init__(self, /, **fields: tuple[Callable[..., Any], Callable[..., Any]]) -> None:
        self.fields = fields


@dataclass(frozen=True)
class FieldLifting:
    """g and ℓ of one field as functions of points (n, d): g in the field's units, ℓ dimensionless."""

    offset: PointFunction
    distance: PointFunction

    @property
    def trivial(self) -> bool:
        """Whether the field is the network's output itself, g = 0 and ℓ = 1."""
        return self.offset is zero and self.distance is _one


def bind_lifting(
    given: Lifting | None, hard: Mapping[str, Any], domain: AbstractDomain, vocabulary: Vocabulary
) -> tuple[FieldLifting, ...]:
    """Return one lifting per field: the user's where given, else derived from the hard `Value` conditions."""
    chosen = given.fields if given is not None else {}
    for name in chosen:
        if name not in vocabulary.fields:
            raise DeclarationError(f"Lifting of {name!r}", "lifting", suggestion(name, vocabulary.fields))
    liftings = []
    for field in vocabulary.fields:
        if field in chosen:
            liftings.append(_given(chosen[field], f"the lifting of {field!r}", vocabulary))
        else:
            liftings.append(_derived(field, hard, domain, vocabulary))
    return tuple(liftings)


def _derived(field: str, hard: Mapping[str, Any], domain: AbstractDomain, vocabulary: Vocabulary) -> FieldLifting:
    """Derive a field's lifting from the values and slopes that hard conditions prescribe for it on faces of a box."""
    prescribed = [
        (name, condition.on, symbol, value)
        for name, condition in hard.items()
        if isinstance(condition, Value | Derivative)
        for symbol, value in bind_values(condition.fields, vocabulary, f"condition {name!r}")
        if vocabulary.fields[symbol.field] == field
    ]
    if not prescribed:
        return FieldLifting(zero, _one)
    where = f"hard condition {prescribed[0][0]!r}"
    box = as_box(domain, where, REMEDY)
    by_axis: dict[int, dict[tuple[Face, int], Held]] = {}
    for name, on, symbol, value in prescribed:
        for text in on:
            held = _held(box.face(text, f"condition {name!r}"), symbol, value, f"hard condition {name!r}")
            by_axis.setdefault(held.face.axis, {})[held.face, held.order] = held
    axes = [tuple(faces.values()) for faces in by_axis.values()]
    _check_axes(field, axes, where)
    return FieldLifting(extension(axes, box), face_distance(axes, box))


def _held(face: Face, symbol: FieldDerivative, value: BoundFunction | float, where: str) -> Held:
    """Return what is prescribed on a face; raise `DeclarationError` unless it is a value or a slope across it."""
    order = sum(symbol.index)
    if order > 1 or order != symbol.index[face.axis]:
        what = "No lifting can be derived for a Derivative condition but the first, across its face"
        raise DeclarationError(what, where, REMEDY)
    return Held(face, order, value)


def _check_axes(field: str, axes: Sequence[AxisData], where: str) -> None:
    """Raise `DeclarationError` where there is no extension from the faces, or one of too many terms."""
    for held in axes:
        if {one.face for one in held if one.order} - {one.face for one in held if not one.order}:
            what = "No lifting can be derived for a Derivative condition without a hard Value on the same face"
            raise DeclarationError(what, where, REMEDY)
    _, others = one_constant(axes)
    if sum(map(has_slopes, others)) > 1:
        what = f"No lifting can be derived for slopes of {field!r} that are not zero across several coordinates"
        raise DeclarationError(what, where, REMEDY)
    if len(others) > MOST_AXES:
        what = f"Values of {field!r} on faces across {len(others)} axes need 3^{len(others)} terms to be extended"
        raise DeclarationError(what, where, REMEDY)


def _given(parts: Any, where: str, vocabulary: Vocabulary) -> FieldLifting:
    if not isinstance(parts, Sequence) or len(parts) != 2:
        raise DeclarationError(f"{parts!r} is no pair", where, "give two functions, as in Lifting(u=(g, l))")
    return FieldLifting(*(_bind(part, where, vocabulary) for part in parts))


def _bind(function: Callable[..., Any], where: str, vocabulary: Vocabulary) -> PointFunction:
    bound = vocabulary.bind(function, where)
    if bound.derivatives:
        raise DeclarationError("It depends on a field", where, "use coordinates and parameters only")
    return lambda x: as_column(bound(x), x, where)


def _one(x: Tensor) -> Tensor:
    return torch.ones_like(x[:, 0])
