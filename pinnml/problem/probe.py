"""Probes of the functions that a problem is declared with: each point for itself, nothing changed, all of it followed.

A residual that mixes points, changes its arguments, or leaves torch on the way still has values, and wrong derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, Finding
from pinnml.problem.conditions import Term, Values
from pinnml.problem.lifting import FieldLifting
from pinnml.problem.regions import PointData
from pinnml.problem.symbols import UnknownParameter

DISAGREEMENT = 0.03
"""Derivatives and difference quotients that differ by this share of their size are not those of one function."""


def probe_term(term: Term, x: Tensor, values: Values) -> list[Finding]:
    """Call a term's function at points (n, d) with field derivatives (n,), and return what makes it useless.

    It is called twice, on half of the points, and beside the values given; all on their dtype and device. The points
    are those of the term's stencil.
    """
    where, data = f"condition {term.name!r}", term.region.data
    if term.region.count(x) != len(x):  # a pair of points has no function of the user's
        return []

    def residual(at: Tensor, given: Values, known: PointData = data) -> Tensor:
        return term.residual(at, given, known)

    try:
        changed = _changed(term, x, values, where)
        if changed:
            return changed
        first = residual(x, values)
        return (
            _varying(first, residual(x, values), where)
            or _mixing(term, x, values, first, where)
            or _not_followed(term, residual, x, values, where)
        )
    except DeclarationError as error:
        return [Finding(error.what, error.where or where, error.remedy)]
    except Exception as error:
        return [Finding(f"Its function raises {type(error).__name__}: {error}", where, "mend the function")]


def _changed(term: Term, x: Tensor, values: Values, where: str) -> list[Finding]:
    """Call the function on copies, which it must leave as they are."""
    copy, copies = x.clone(), {symbol: value.clone() for symbol, value in values.items()}
    data = {name: value.clone() for name, value in term.region.data.items()}
    term.residual(copy, copies, data)
    kept = torch.equal(copy, x) and all(torch.equal(copies[symbol], value) for symbol, value in values.items())
    if kept and all(torch.equal(data[name], value) for name, value in term.region.data.items()):
        return []
    what = "Its function changes its arguments, which belong to the run"
    return [Finding(what, where, "write x = 2 * x in place of x *= 2, and use no method whose name ends with _")]


def _varying(first: Tensor, second: Tensor, where: str) -> list[Finding]:
    if bool(((first == second) | (first.isnan() & second.isnan())).all()):
        return []
    what = "Its function gives another result when it is called again"
    return [Finding(what, where, "leave out random numbers and all that is counted or changed from call to call")]


def _mixing(term: Term, x: Tensor, values: Values, whole: Tensor, where: str) -> list[Finding]:
    """Compare the residuals of half of the points with those that they had among all."""
    if whole.shape[1] == 1:
        return []
    half, chosen = (
        slice(1, None, 2),
        term.stencil.chosen,
    )  # neither the first ones, of which sums may begin, nor neighbours
    halves = {symbol: chosen(value, half) for symbol, value in values.items()}
    part = term.residual(chosen(x, half), halves, {name: value[half] for name, value in term.region.data.items()})
    tolerance = 1e3 * torch.finfo(x.dtype).eps * float(whole.abs().max())
    if float((part - whole[:, half]).abs().max()) <= tolerance:
        return []
    what = "Its function gives a point another value among other points"
    return [Finding(what, where, "let each point stand for itself: no mean, sum, sort or difference of neighbours")]


def _not_followed(
    term: Term, residual: Callable[[Tensor, Values], Tensor], x: Tensor, values: Values, where: str
) -> list[Finding]:
    """Compare derivatives by each named field, and each unknown parameter, with difference quotients.

    Values are shifted at all points of a stencil at once.
    """
    with torch.enable_grad():
        leaves = {symbol: value.detach().clone().requires_grad_() for symbol, value in values.items()}
        found = residual(x, leaves)
        if not found.requires_grad:
            what = "Its function does not depend on any field in a way that torch can follow"
            return [Finding(what, where, "compute with torch functions, without detach, item or NumPy")]
        rows = [
            torch.autograd.grad(row.sum(), list(leaves.values()), retain_graph=True, allow_unused=True) for row in found
        ]
    for number, (symbol, value) in enumerate(values.items()):
        size = symbol.unknown.size if isinstance(symbol, UnknownParameter) else 1.0
        step = size * torch.finfo(x.dtype).eps ** (1 / 3)
        shifted = [residual(x, dict(values) | {symbol: value + sign * step}) for sign in (1, -1)]
        quotient = (shifted[0] - shifted[1]) / (2 * step)
        zero = torch.zeros_like(value)
        slope = torch.stack([zero if row[number] is None else row[number] for row in rows])
        slope = slope.unflatten(1, (term.stencil.count, -1)).sum(1)
        if not agree(slope, quotient, float(found.detach().abs().max()), step):
            what = "Its derivatives are not those that its values have"
            return [Finding(what, where, "compute with torch functions, without detach, item or NumPy")]
    return []


def agree(slope: Tensor, quotient: Tensor, size: float, step: float) -> bool:
    """Return whether derivatives are those of values of some size, whose difference quotients have an error, too.

    Norms are compared, so that a kink between two points does not matter.
    """
    rounding = 100 * torch.finfo(slope.dtype).eps * size / step * slope.numel() ** 0.5
    largest = max(float(slope.norm()), float(quotient.norm()))
    return not float((slope - quotient).norm()) > DISAGREEMENT * largest + rounding


def probe_lifting(field: str, lifting: FieldLifting, x: Tensor, lengths: Sequence[float], order: int) -> list[Finding]:
    """Compare the derivatives of g and ℓ with difference quotients at points (n, d) of a domain with these lengths.

    Orders above two are taken to be as good as the second.
    """
    remedy = "compute values with torch functions, without detach, NumPy or interpolation in tables"
    for letter, function in (("g", lifting.offset), ("ℓ", lifting.distance)):
        where = f"{letter} of {field!r}, from its hard values or lifting=…"
        for number, derivative in zip(range(order), (function, _slopes(function)), strict=False):
            if not _follows(derivative, x, lengths):
                what = f"Derivatives of order {number + 1} are not those of its values"
                return [Finding(what, where, remedy)]
    return []


def _follows(function: Callable[[Tensor], Tensor], x: Tensor, lengths: Sequence[float]) -> bool:
    """Return whether derivatives of (n,) or (n, k) values along each axis, in units of its length, are as quotients."""
    values, step = function(x).detach(), torch.finfo(x.dtype).eps ** (1 / 3)
    size = float(values.abs().max())
    units = torch.diag(x.new_tensor(lengths))
    slopes = [(column * x.new_tensor(lengths)).T for column in _rows_of_derivatives(function, x)]
    for axis, unit in enumerate(units):
        quotient = ((function(x + step * unit) - function(x - step * unit)) / (2 * step)).detach()
        slope = torch.stack([slope[axis] for slope in slopes], -1).reshape(quotient.shape)
        if not agree(slope, quotient, size, step):
            return False
    return True


def _rows_of_derivatives(function: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    """Return the gradient (n, d) of each value of a function of points, zero where torch cannot follow it."""
    with torch.enable_grad():
        at = x.detach().clone().requires_grad_()
        values = function(at).reshape(len(x), -1)
        if not values.requires_grad:
            return [torch.zeros_like(x)] * values.shape[1]
        found = [torch.autograd.grad(column.sum(), at, retain_graph=True, allow_unused=True)[0] for column in values.T]
    return [torch.zeros_like(x) if gradient is None else gradient for gradient in found]


def _slopes(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the gradient (n, d) as a function that torch can follow, where it can."""

    def gradient(x: Tensor) -> Tensor:
        with torch.enable_grad():
            at = x if x.requires_grad else x.detach().clone().requires_grad_()
            values = function(at)
            if not values.requires_grad:
                return torch.zeros_like(x)
            found = torch.autograd.grad(values.sum(), at, create_graph=True, allow_unused=True)[0]
        return torch.zeros_like(x) if found is None else found

    return gradient
