"""Hard conditions: u = g(x) + ℓ(x) N(θ, x) holds them by construction (Lagaris, Likas, Fotiadis 1998)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.problem.derived import derived
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.extension import PointFunction, zero
from pinnml.problem.vocabulary import Vocabulary, as_column


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
    """Return one lifting per field: the user's where given, else derived from the hard conditions."""
    chosen = given.fields if given is not None else {}
    for name in chosen:
        if name not in vocabulary.fields:
            raise DeclarationError(f"Lifting of {name!r}", "lifting", suggestion(name, vocabulary.fields))
    liftings = []
    for field in vocabulary.fields:
        if field in chosen:
            liftings.append(_given(chosen[field], field, vocabulary))
        else:
            found = derived(field, hard, domain, vocabulary)
            liftings.append(FieldLifting(zero, _one) if found is None else FieldLifting(*found))
    return tuple(liftings)


def _given(parts: Any, field: str, vocabulary: Vocabulary) -> FieldLifting:
    where = f"the lifting of {field!r}"
    if not isinstance(parts, Sequence) or len(parts) != 2:
        raise DeclarationError(f"{parts!r} is no pair", where, "give two functions, as in Lifting(u=(g, l))")
    return FieldLifting(*(_bind(part, field, where, vocabulary) for part in parts))


def _bind(function: Callable[..., Any], field: str, where: str, vocabulary: Vocabulary) -> PointFunction:
    bound = vocabulary.bind(function, where)
    vocabulary.check_along(vocabulary.fields.index(field), bound.axes, "A function", where)
    if bound.derivatives:
        raise DeclarationError("It depends on a field", where, "use coordinates and parameters only")
    if bound.unknowns:
        raise DeclarationError("It depends on an Unknown", where, "leave the condition out of hard")
    return lambda x: as_column(bound(x), x, where)


def _one(x: Tensor) -> Tensor:
    return torch.ones_like(x[:, 0])
