"""Hard conditions: u = g(x) + ℓ(x) N(θ, x) holds them by construction (Lagaris, Likas, Fotiadis 1998)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.problem.boundary import Value, bind_values, evaluated
from pinnml.problem.box import Box, Face, as_box
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.vocabulary import BoundFunction, Vocabulary, as_column

PointFunction = Callable[[Tensor], Tensor]
"""A function of points (n, d) with values of shape (n,)."""

MOST_AXES = 6
"""An extension from the faces of more axes, 3^6 terms, is left to the user."""

FaceData = dict[Face, BoundFunction | float]


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
        return self.offset is _zero and self.distance is _one


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
    """Derive a field's lifting from what the hard `Value` conditions prescribe for it on faces of a box."""
    prescribed = [
        (name, condition.on, value)
        for name, condition in hard.items()
        if isinstance(condition, Value)
        for symbol, value in bind_values(condition.fields, vocabulary, f"condition {name!r}")
        if vocabulary.fields[symbol.field] == field
    ]
    if not prescribed:
        return FieldLifting(_zero, _one)
    remedy = "hand over lifting=Lifting(u=(g, l)), or leave it out of hard"
    box = as_box(domain, f"hard condition {prescribed[0][0]!r}", remedy)
    data = {box.face(text, f"condition {name!r}"): value for name, on, value in prescribed for text in on}
    by_axis: dict[int, FaceData] = {}
    for face, value in data.items():
        by_axis.setdefault(face.axis, {})[face] = value
    constant, others = _one_constant(list(by_axis.values()))
    if len(others) > MOST_AXES:
        what = f"Values of {field!r} on faces across {len(others)} axes need 3^{len(others)} terms to be extended"
        raise DeclarationError(what, f"hard condition {prescribed[0][0]!r}", remedy)
    offset: PointFunction = _zero if constant == 0 else lambda x: torch.full_like(x[:, 0], constant)
    for faces in others:
        offset = _corrected(offset, faces, box)
    return FieldLifting(offset, _face_distance(tuple(data), box))


def _one_constant(axes: Sequence[FaceData]) -> tuple[float, list[FaceData]]:
    """Return one number that holds on all faces of some axes, and the axes where something else is prescribed.

    The number extends itself. Each of the other axes is corrected at three places of all that came before it.
    """
    numbers = [[value for value in faces.values() if isinstance(value, float)] for faces in axes]
    even = [len(found) == len(faces) and len(set(found)) == 1 for found, faces in zip(numbers, axes, strict=True)]
    constant = next((found[0] for found, is_even in zip(numbers, even, strict=True) if is_even), 0.0)
    others = [
        faces
        for faces, found, is_even in zip(axes, numbers, even, strict=True)
        if not (is_even and found[0] == constant)
    ]
    return constant, others


def _corrected(inner: PointFunction, faces: FaceData, domain: Box) -> PointFunction:
    """Correct an extension on the faces of one axis: g + Σ_faces blend·(value − g) (Gordon's Boolean sum, 1971).

    Where the data agree on the edges, earlier axes keep their values, so that all faces hold in the end.
    """

    def offset(x: Tensor) -> Tensor:
        total = inner(x)
        for face, value in faces.items():
            position = domain.position(face)
            on_face = x.index_copy(1, torch.tensor([face.axis], device=x.device), torch.full_like(x[:, :1], position))
            correction = evaluated(value, on_face) - inner(on_face)
            total = total + _blend(x[:, face.axis], face, faces, domain) * correction
        return total

    return offset


def _blend(x: Tensor, face: Face, faces: FaceData, domain: Box) -> Tensor:
    """Return 1 on the face and 0 on the opposite one, linear between; constantly 1 where that one is free."""
    if Face(face.axis, not face.upper) not in faces:
        return torch.ones_like(x)
    opposite = domain.position(Face(face.axis, not face.upper))
    return (x - opposite) / (domain.position(face) - opposite)


def _face_distance(faces: tuple[Face, ...], domain: Box) -> PointFunction:
    """Return ℓ = ∏ |x − face| / length, with a factor 4 for an axis with both ends so that its maximum is 1."""
    axes = [face.axis for face in faces]

    def distance(x: Tensor) -> Tensor:
        product = torch.ones_like(x[:, 0])
        for face in faces:
            both = 2.0 if axes.count(face.axis) == 2 else 1.0
            sign = -1.0 if face.upper else 1.0
            product = product * (both * sign / domain.lengths[face.axis]) * (x[:, face.axis] - domain.position(face))
        return product

    return distance


def _given(parts: Any, where: str, vocabulary: Vocabulary) -> FieldLifting:
    if not isinstance(parts, Sequence) or len(parts) != 2:
        raise DeclarationError(f"{parts!r} is no pair", where, "give two functions, as in Lifting(u=(g, l))")
    return FieldLifting(*(_bind(part, where, vocabulary) for part in parts))


def _bind(function: Callable[..., Any], where: str, vocabulary: Vocabulary) -> PointFunction:
    bound = vocabulary.bind(function, where)
    if bound.derivatives:
        raise DeclarationError("It depends on a field", where, "use coordinates and parameters only")
    if bound.unknowns:
        raise DeclarationError("It depends on an Unknown", where, "leave the condition out of hard")
    return lambda x: as_column(bound(x), x, where)


def _zero(x: Tensor) -> Tensor:
    return torch.zeros_like(x[:, 0])


def _one(x: Tensor) -> Tensor:
    return torch.ones_like(x[:, 0])
