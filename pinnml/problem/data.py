"""Measured values as a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.conditions import AbstractCondition, Term, Values, field_symbol, positive
from pinnml.problem.domain import AbstractDomain, check_inside
from pinnml.problem.regions import Given, PointData
from pinnml.problem.vocabulary import Vocabulary


class Data(AbstractCondition):
    """Measured values at given points: `Data({"t": t, "x": x}, u=values)` with arrays of one length n.

    Parameters
    ----------
    at : mapping of str to array
        The points: n numbers for every coordinate of the domain, in its units.
    weight : float, default 1.0
        The factor of ½‖r‖² in the loss, above 0; it makes up for the units of r.
    **fields : array
        The n measured values of each field or derivative by its name, in its units.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for coordinates that are not the domain's, an unknown field, arrays that are
        not numeric, not finite or of different lengths, a point outside the domain, and a weight that is not positive.
    """

    def __init__(self, at: Mapping[str, Any], *, weight: float = 1.0, **fields: Any) -> None:
        self.at = at
        self.weight = weight
        self.fields = fields

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind coordinates and fields; every point must lie in the domain."""
        where = f"condition {name!r}"
        if not isinstance(self.at, Mapping) or set(self.at) != set(domain.names):
            named = list(self.at) if isinstance(self.at, Mapping) else type(self.at).__name__
            raise DeclarationError(f"Data has coordinates {named}", where, f"give exactly {list(domain.names)}")
        if not self.fields:
            raise DeclarationError("No field is measured", where, "give one, as in Data(at, u=values)")
        at = {coordinate: _column(self.at[coordinate], coordinate, where) for coordinate in domain.names}
        measured = {field: _column(value, field, where) for field, value in self.fields.items()}
        count = len(next(iter(at.values())))
        for key, column in (at | measured).items():
            if len(column) != count or count == 0:
                what = f"{len(column)} values of {key!r} for {count} points"
                raise DeclarationError(what, where, "give one a point")
        points = torch.stack(list(at.values()), 1)
        check_inside(points, domain, where)
        symbols = {field: field_symbol(field, vocabulary, where) for field in measured}

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            return torch.stack([values[symbol] - data[field] for field, symbol in symbols.items()])

        region = Given(points, measured)
        return Term(name, positive(self.weight, name), region, tuple(symbols.values()), residual)


def _column(values: Any, name: str, where: str) -> Tensor:
    """Return an array of any shape as finite numbers (n,) in double precision."""
    try:
        array = values.detach().cpu() if isinstance(values, Tensor) else torch.as_tensor(np.ascontiguousarray(values))
        if array.is_complex():
            raise TypeError("complex")
    except (TypeError, ValueError):
        raise DeclarationError(f"{name!r} is no array of numbers", where, "give a NumPy array") from None
    column = array.to(torch.float64).flatten()
    bad = (~torch.isfinite(column)).nonzero()
    if len(bad):
        first = int(bad[0, 0])
        raise DeclarationError(
            f"{name!r} holds {float(column[first])} at position {first}", where, "leave that point out"
        )
    return column
