"""Measured values as a condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.errors import DeclarationError, finite
from pinnml.problem.conditions import AbstractCondition, Term, Values, factor, field_symbol
from pinnml.problem.domain import AbstractDomain, check_inside
from pinnml.problem.regions import Given, PointData
from pinnml.problem.vocabulary import Vocabulary


class Data(AbstractCondition):
    """Measured values at given points: `Data({"t": t, "x": x}, u=values)` with arrays of one length n.

    Parameters
    ----------
    at : mapping of str to array
        The points: n numbers for every coordinate of the domain, in its units.
    sigma : float, mapping from str to float, or None, default None
        The standard deviation of the noise in the measurements, in the field's units, above 0: one number, or one for
        each field by its name. Residuals are divided by it, and every measurement of every condition with a `sigma`
        counts alike; how much all of them count against the equations is found on the way (`Discrepancy`). 0 says that
        the values are exact: then they are balanced as other conditions are. None says nothing about the noise;
        measurements are never balanced.
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0, in place of `sigma`; None is 1.
    **fields : array
        The n measured values of each field or derivative by its name, in its units.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for coordinates that are not the domain's, an unknown field, arrays that are
        not numeric, not finite or of different lengths, a point outside the domain, a weight that is not positive, a
        `sigma` that is no such number or does not name the fields measured, and where both are given.
    """

    def __init__(
        self,
        /,
        at: Mapping[str, Any],
        *,
        sigma: float | Mapping[str, float] | None = None,
        weight: float | None = None,
        **fields: Any,
    ) -> None:
        self.at = at
        self.sigma = sigma
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
        exact, noise = self._noise(where)
        noisy = self.sigma is not None and not exact

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            return torch.stack([(values[symbol] - data[field]) / noise[field] for field, symbol in symbols.items()])

        region, weight = Given(points, measured), factor(self.weight, name)
        return Term(name, weight, region, tuple(symbols.values()), residual, balanced=exact, noisy=noisy)

    def _noise(self, where: str) -> tuple[bool, dict[str, float]]:
        """Return whether the values are exact, and what the residual of each field is divided by."""
        if self.sigma is not None and self.weight is not None:
            raise DeclarationError("Both weight and sigma are given", where, "give one: sigma is a weight of 1/sigma²")
        if self.sigma is None or (not isinstance(self.sigma, Mapping) and finite(self.sigma) == 0):
            return self.sigma is not None, dict.fromkeys(self.fields, 1.0)
        given = self.sigma if isinstance(self.sigma, Mapping) else dict.fromkeys(self.fields, self.sigma)
        if set(given) != set(self.fields):
            raise DeclarationError(f"sigma names {list(given)}", where, f"give one for each of {list(self.fields)}")
        noise = {field: finite(value) for field, value in given.items()}
        for field, value in noise.items():
            if value is None or value <= 0:
                what = f"The noise {given[field]!r} of {field!r} is not positive"
                raise DeclarationError(what, where, "give a standard deviation > 0, or sigma=0 for exact values")
        return False, {field: value for field, value in noise.items() if value is not None}


def alike(terms: Mapping[str, Term]) -> dict[str, Term]:
    """Return the noisy terms with weights by which every measurement counts alike, whatever condition it is in.

    Their losses are means over their points; with weights in proportion to the numbers of points, of mean one, their
    sum is in proportion to Σ(r/σ)²/2, the negative log-likelihood of all measurements.
    """
    counts = {name: len(next(iter(term.region.data.values()))) for name, term in terms.items() if term.noisy}
    mean = sum(counts.values()) / max(1, len(counts))
    return {name: replace(terms[name], weight=count / mean) for name, count in counts.items()}


def as_numbers(values: Any, where: str, what: str) -> Tensor:
    """Return an array or a tensor of real numbers as a tensor; raise `DeclarationError` for anything else."""
    try:
        array = values.detach() if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
        if array.is_complex() or array.is_meta:
            raise TypeError("complex, or without numbers")
    except (TypeError, ValueError):
        raise DeclarationError(f"{what} is no array of numbers", where, "give a NumPy array") from None
    # one that was made in inference mode cannot be differentiated at
    return array.clone() if array.is_inference() else array


def _column(values: Any, name: str, where: str) -> Tensor:
    """Return an array of any shape as finite numbers (n,) in double precision."""
    column = as_numbers(values, where, repr(name)).cpu().to(torch.float64).flatten()
    bad = (~torch.isfinite(column)).nonzero()
    if len(bad):
        first = int(bad[0, 0])
        raise DeclarationError(
            f"{name!r} holds {float(column[first])} at position {first}", where, "leave that point out"
        )
    return column
