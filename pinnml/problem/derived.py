"""g and ℓ of a field, derived from the hard conditions on parts of the boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pinnml.errors import DeclarationError
from pinnml.problem.boundary import Derivative, Value, bind_values, evaluated
from pinnml.problem.box import Box, Face
from pinnml.problem.curved import Piece, joined, piece_on
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.extension import AxisData, Held, PointFunction, corrected, extension, face_distance, one_constant
from pinnml.problem.symbols import FieldDerivative
from pinnml.problem.vocabulary import BoundFunction, Vocabulary

MOST_AXES = 6
"""An extension from the faces of more axes, 3^6 terms, is left to the user, but for one function on all of them."""

REMEDY = "hand over lifting=Lifting(u=(g, l)), or leave it out of hard"


def derived(
    field: str, hard: Mapping[str, Any], domain: AbstractDomain, vocabulary: Vocabulary
) -> tuple[PointFunction, PointFunction] | None:
    """Return g and ℓ of a field from the values and slopes that hard conditions prescribe; None where there are none.

    Faces on which a coordinate is constant at an end of its range are extended across, as those of a box. Values on
    other parts are joined with those of the faces that share coordinates with them; all other faces, such as a start
    in time, correct the whole. Raises `DeclarationError` where no lifting can be derived.
    """
    flat: dict[int, dict[tuple[Face, int], Held]] = {}
    curved: dict[str, Piece] = {}
    first = ""
    for name, condition in hard.items():
        if not isinstance(condition, Value | Derivative):
            continue
        where = f"hard condition {name!r}"
        for symbol, value in bind_values(condition.fields, vocabulary, f"condition {name!r}"):
            if vocabulary.fields[symbol.field] != field:
                continue
            first = first or where
            for part in [domain.part(text, f"condition {name!r}") for text in condition.on]:
                side = domain.side(part)
                if side is not None:
                    held = _held(Face(*side), symbol, value, where)
                    flat.setdefault(held.face.axis, {})[held.face, held.order] = held
                elif any(symbol.index):
                    what = f"No lifting can be derived for a Derivative condition on {part!r}"
                    raise DeclarationError(what, where, REMEDY)
                else:
                    curved[part] = piece_on(part, value, domain, where)
    if not flat and not curved:
        return None
    axes = [tuple(held.values()) for held in flat.values()]
    _check_slopes(axes, first)
    box = Box(**dict(zip(domain.names, zip(domain.lower, domain.upper, strict=True), strict=True)))
    if not curved:
        return _extended(axes, box, field, first), face_distance(axes, box)
    own = frozenset[int]().union(*(domain.axes_of(part) for part in curved))
    beside = [held for held in axes if held[0].face.axis in own]
    after = [held for held in axes if held[0].face.axis not in own]
    pieces = list(curved.values())
    if beside:
        constant, others = one_constant(beside)
        offset = _extended(beside, box, field, first)
        pieces.append(Piece(offset, face_distance(beside, box), None if others else constant))
    whole, start = joined(pieces, domain), face_distance(after, box)
    return corrected(whole.value, after, box), lambda x: whole.distance(x) * start(x)


def _held(face: Face, symbol: FieldDerivative, value: BoundFunction | float, where: str) -> Held:
    """Return what is prescribed on a face; raise `DeclarationError` unless it is a value or a slope across it."""
    order = sum(symbol.index)
    if order > 1 or order != symbol.index[face.axis]:
        what = "No lifting can be derived for a Derivative condition but the first, across its face"
        raise DeclarationError(what, where, REMEDY)
    return Held(face, order, value)


def _check_slopes(axes: Sequence[AxisData], where: str) -> None:
    """Raise `DeclarationError` where a slope is prescribed without a value."""
    for held in axes:
        if {one.face for one in held if one.order} - {one.face for one in held if not one.order}:
            what = "No lifting can be derived for a Derivative condition without a hard Value on the same face"
            raise DeclarationError(what, where, REMEDY)


def _extended(axes: Sequence[AxisData], box: Box, field: str, where: str) -> PointFunction:
    """Return the extension from faces of a box; raise `DeclarationError` for one of too many terms."""
    _, others = one_constant(axes)
    if len(others) <= MOST_AXES:
        return extension(axes, box)
    values = [one.value for held in axes for one in held]
    alike = {one.function if isinstance(one, BoundFunction) else one for one in values}
    if len(alike) > 1 or any(one.order for held in axes for one in held):
        what = f"Values of {field!r} on faces across {len(others)} axes need 3^{len(others)} terms to be extended"
        raise DeclarationError(what, where, REMEDY)
    return lambda x: evaluated(values[0], x)
