"""What a problem's start says of the fields, of their derivatives, and of how fast they begin to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from pinnml.network import closure, nested
from pinnml.problem import FieldDerivative, Problem, Term

FITS = 1e-6
"""Residuals that are no larger than this share of the values in question are none (dimensionless)."""

Values = Mapping[FieldDerivative, Tensor]


class Beginning:
    """The fields at some points (n, d) of the start, as its conditions prescribe them: residuals linear in the fields.

    `time` is the number of the coordinate.
    """

    def __init__(self, problem: Problem, time: int, starts: Sequence[Term], x: Tensor) -> None:
        self._problem, self._time = problem, time
        self.x = x.detach().clone().requires_grad_()
        self._fields: dict[int, Tensor] = {}
        for start in starts:
            self._fields |= self._prescribed(start)

    def _prescribed(self, start: Term) -> dict[int, Tensor]:
        symbols, zero = start.derivatives, torch.zeros(len(self.x), dtype=torch.float64, device="cpu")
        if any(any(symbol.index) for symbol in symbols):
            return {}
        nothing = start.residual(self.x, dict.fromkeys(symbols, zero), {})
        if len(nothing) != len(symbols):
            return {}
        columns = [
            start.residual(self.x, {other: zero + (other == symbol) for other in symbols}, {}) - nothing
            for symbol in symbols
        ]
        # the columns of one matrix a point
        found = torch.linalg.solve(torch.stack(columns, -1).transpose(0, 1), -nothing.T)
        values = {symbol: found[:, number] for number, symbol in enumerate(symbols)}
        is_linear = largest(start.residual(self.x, values, {})) <= FITS * max(largest(nothing), largest(found))
        return {symbol.field: one for symbol, one in values.items()} if is_linear else {}

    def values(self, term: Term) -> Values | None:
        """Return what a term needs, zero for derivatives in time; None where the start does not say it."""
        if any(symbol.field not in self._fields for symbol in term.derivatives):
            return None
        found = {}
        for symbol in term.derivatives:
            indices = closure([symbol.index], len(symbol.index))
            found[symbol] = nested(self._fields[symbol.field], self.x, indices)[indices.index(symbol.index)].detach()
        return found

    def rates(self) -> dict[int, Tensor]:
        """Return u_t by field, for equations that are linear in it and name one rate."""
        found = {}
        for row, slopes in self._rows():
            own = [(symbol, one) for symbol, one in slopes.items() if symbol.index[self._time] and bool(one.all())]
            if len(own) == 1:
                symbol, slope = own[0]
                found[symbol.field] = -row / slope
        return found

    def diffusivities(self, fields: set[int], normals: Tensor) -> list[float]:
        """Return the means of −(∂r/∂u_nn)/(∂r/∂u_t) for some fields and normals (n, d), where they are above zero."""
        found = set()
        for _, slopes in self._rows():
            for field in fields:
                own = {symbol.index: one for symbol, one in slopes.items() if symbol.field == field}
                rates = [one for index, one in own.items() if index[self._time] == sum(index) == 1]
                across = -sum((one * _along(normals, index) for index, one in own.items()), 0 * normals[:, 0])
                kappa = float((across / rates[0]).mean()) if rates else 0.0
                found |= {float(f"{kappa:.6g}")} if 0 < kappa < float("inf") else set()
        return sorted(found)

    def _rows(self) -> Iterator[tuple[Tensor, dict[FieldDerivative, Tensor]]]:
        """Yield every residual (n,) of the equations with its slopes by what it names, u_t being zero."""
        for term in self._problem.equations.values():
            values = self.values(term)
            if values is None:
                continue
            free = {symbol: one.requires_grad_() for symbol, one in values.items()}
            for row in term.residual(self.x.detach(), free, {}):
                slopes = torch.autograd.grad(row.sum(), list(free.values()), retain_graph=True, allow_unused=True)
                known = {symbol: one for symbol, one in zip(free, slopes, strict=True) if one is not None}
                yield row.detach(), known


def _along(normals: Tensor, index: tuple[int, ...]) -> Tensor:
    """Return by how much a second derivative counts in u_nn, shape (n,); other derivatives do not."""
    axes = [axis for axis, order in enumerate(index) for _ in range(order)]
    return normals[:, axes].prod(1) if len(axes) == 2 else 0 * normals[:, 0]


def largest(*tensors: Tensor) -> float:
    """Return the largest absolute value of all entries, 0 without any."""
    return max((float(one.detach().abs().max()) for one in tensors if one.numel()), default=0.0)
