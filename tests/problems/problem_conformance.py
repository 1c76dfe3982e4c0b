"""What a bundled problem must fulfil to be admitted: its reference satisfies all that the problem declares.

`defects(problem)` returns one sentence for each promise that is broken; none is the admission.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import factorial

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Boundary, Everywhere, FieldDerivative, Problem, Term

Array = np.ndarray

POINTS = 50
MARGIN = 0.05
"""Distance from the ends of every coordinate, as a part of its length, where derivatives are taken."""

EQUATION_TOLERANCE = 1e-9
"""Largest residual relative to the size of its terms; the bundled problems stay below 1e-10."""

VALUE_TOLERANCE = 1e-12
"""Largest deviation from prescribed values relative to the solution's size; below 1e-15 so far."""

SLOPE_TOLERANCE = 1e-7
"""The same for derivatives on faces, where differences are one-sided; below 1e-8 so far."""

STENCIL = 9
STEPS = 0.096 * 0.5 ** np.arange(0, 9.5, 0.5)
"""Steps of the finite differences as parts of the side's length; the best is found point by point."""


def defects(problem: Problem) -> list[str]:
    """Return what is wrong with a problem and its reference."""
    found = list(_declaration_defects(problem))
    if found:
        return found
    found += [str(finding) for finding in problem.check()]
    found += _grid_defects(problem)
    if found:
        return found
    sizes = _sizes(problem)
    for name, term in problem.terms.items():
        if term.prior:
            continue  # which the solution need not meet
        if term.region.whole_domain:
            gaps = {EQUATION_TOLERANCE: _residual(problem, term)}
        else:
            gaps = _misfits(problem, term, sizes)
        for limit, gap in gaps.items():
            if not gap <= limit:
                found.append(f"{name}: the reference misses it by {gap:.1e} of its terms, more than {limit:.0e}.")
    return found


def _declaration_defects(problem: Problem) -> Iterator[str]:
    if not problem.name.strip() or not problem.description.strip():
        yield "The name or the description is empty."
    reference = problem.reference
    if reference is None:
        yield "There is no reference."
        return
    if set(reference.fields) != set(problem.fields):
        yield f"The reference has fields {sorted(reference.fields)}, the problem {sorted(problem.fields)}."
    if set(reference.grid) != set(problem.domain.names) or min(reference.grid.values()) < 2:
        yield f"The reference's grid {dict(reference.grid)} does not fit {problem.domain}."
    if not 0 < reference.accuracy < 1e-8 or not reference.source.strip():
        yield "The reference tells no source, or no accuracy better than 1e-8."


def _grid_defects(problem: Problem) -> list[str]:
    """Check the reference's values on its grid: shape, dtype and finiteness."""
    assert problem.reference is not None
    sides = zip(problem.domain.names, problem.domain.lower, problem.domain.upper, strict=True)
    axes = [np.linspace(low, high, problem.reference.grid[name]) for name, low, high in sides]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    found = []
    for field, values in zip(problem.fields, _fields(problem, points), strict=True):
        if values.shape != (len(points),) or values.dtype != np.float64:
            given = f"{values.dtype} of shape {values.shape}"
            found.append(f"{field}: the reference gives {given} for {len(points)} points.")
        elif not np.isfinite(values).all():
            found.append(f"{field}: the reference is not finite on its grid.")
    return found


def _fields(problem: Problem, points: Array) -> list[Array]:
    """Return the reference's fields, in the problem's order, at points (n, d)."""
    assert problem.reference is not None
    values = problem.reference({name: points[:, axis] for axis, name in enumerate(problem.domain.names)})
    return [values[field] for field in problem.fields]


def derivative(problem: Problem, symbol: FieldDerivative, points: Array) -> Array:
    """Return a derivative of the reference at points (n, d) by differences with nine nodes an axis.

    Of a ladder of steps each point takes the one whose result changes least from the step before. Formulae are
    evaluated with more digits where the machine has them: some machines' cosh is off by four units in the last place,
    of which a third derivative makes 2e-9.
    """
    if not any(symbol.index):
        return _fields(problem, points)[symbol.field]
    exact = points.astype(np.longdouble)
    ladder = np.stack([_difference(problem, symbol, exact, step) for step in STEPS])
    change = np.abs(np.diff(ladder, axis=0))
    return np.take_along_axis(ladder[1:], change.argmin(axis=0)[None], axis=0)[0].astype(np.float64)


def _difference(problem: Problem, symbol: FieldDerivative, points: Array, relative_step: float) -> Array:
    """Return the derivative by a tensor product of stencils, shifted inwards where a face is near."""
    stencils = [(points, np.ones(len(points)))]
    for axis, order in enumerate(symbol.index):
        if order:
            low, length = problem.domain.lower[axis], problem.domain.lengths[axis]
            step = relative_step * length
            room_below = np.floor((points[:, axis] - low) / step + 1e-9)
            room_above = np.floor((low + length - points[:, axis]) / step + 1e-9)
            half = STENCIL // 2
            below = np.clip(half, STENCIL - 1 - np.minimum(room_above, STENCIL - 1), room_below).astype(int)
            rows = np.stack([_weights(count, order) for count in range(STENCIL)])[below] / step**order
            stencils = [
                (_moved(at, axis, (node - below) * step), weight * rows[:, node])
                for at, weight in stencils
                for node in range(STENCIL)
            ]
    values = _fields(problem, np.concatenate([at for at, _ in stencils]))[symbol.field]
    return sum(weight * part for (_, weight), part in zip(stencils, np.split(values, len(stencils)), strict=True))


def _moved(points: Array, axis: int, by: Array) -> Array:
    moved = points.copy()
    moved[:, axis] += by
    return moved


@cache
def _weights(below: int, order: int) -> Array:
    """Return the weights of a derivative at node `below` of nine nodes at unit distance, rounded once.

    They are `order`! times the coefficients of the Lagrange polynomials, in whole numbers: a solve in floating point
    would leave an error in each that a fourth derivative makes a millionth of, more or less of it by machine.
    """
    offsets = [node - below for node in range(STENCIL)]
    weights = []
    for node in offsets:
        coefficients, denominator = [1], 1
        for other in offsets:
            if other != node:
                longer = [0, *coefficients]
                coefficients = [a - other * b for a, b in zip(longer, [*coefficients, 0], strict=True)]
                denominator *= node - other
        weight = Fraction(factorial(order) * coefficients[order], denominator)
        weights.append(np.longdouble(weight.numerator) / np.longdouble(weight.denominator))
    return np.array(weights)


def _sample(problem: Problem, term: Term, margin: float) -> tuple[Tensor, dict[FieldDerivative, Tensor]]:
    """Return random points of a term's region and the reference's derivatives there."""
    generator = torch.Generator().manual_seed(0)

    def unit(count: int, dimension: int) -> Tensor:
        return margin + (1 - 2 * margin) * torch.rand(count, dimension, generator=generator, dtype=torch.float64)

    points = term.region.sample(unit, problem.domain, inside=POINTS, boundary=POINTS)
    found = {symbol: derivative(problem, symbol, points.numpy()) for symbol in term.derivatives}
    values = {symbol: torch.from_numpy(value).requires_grad_() for symbol, value in found.items()}
    return points, values


def _residual(problem: Problem, term: Term) -> float:
    """Return the largest |r| / Σ |terms| of an equation.

    The terms of r are told by its part without fields, |r(0)|, and |v ∂r/∂v| for every derivative v in it;
    their median is added to the sum, against points where all of them vanish.
    """
    points, values = _sample(problem, term, MARGIN)
    nothing = {symbol: torch.zeros_like(value) for symbol, value in values.items()}
    residual = term.residual(points, values, term.region.data)
    source = term.residual(points, nothing, term.region.data).detach().abs()
    worst = 0.0
    for row, free in zip(residual, source, strict=True):
        slopes = torch.autograd.grad(row.sum(), list(values.values()), retain_graph=True, allow_unused=True)
        size = free.clone()
        for value, slope in zip(values.values(), slopes, strict=True):
            size += 0 if slope is None else (value * slope).detach().abs()
        worst = max(worst, float((row.detach().abs() / (size + size.median())).max()))
    return worst


def _misfits(problem: Problem, term: Term, sizes: dict[FieldDerivative, float]) -> dict[float, float]:
    """Return by tolerance the largest residual of a boundary condition or data.

    Residuals are relative to the size of what is prescribed.
    """
    slopes = any(any(symbol.index) for symbol in term.derivatives)
    points, values = _sample(problem, term, MARGIN if slopes else 0.0)
    rows = term.residual(points, values, term.region.data).detach().abs().amax(dim=1)
    found: dict[float, float] = {}
    if isinstance(problem.conditions[term.name], Boundary):  # any equation of slopes
        return {SLOPE_TOLERANCE: float(rows.max()) / max(sizes[symbol] for symbol in term.derivatives)}
    for row, symbol in zip(rows, term.derivatives, strict=True):
        limit = SLOPE_TOLERANCE if any(symbol.index) else VALUE_TOLERANCE
        found[limit] = max(found.get(limit, 0.0), float(row) / sizes[symbol])
    return found


def _sizes(problem: Problem) -> dict[FieldDerivative, float]:
    """Return the largest absolute value inside the domain of every derivative that a condition names."""
    sizes: dict[FieldDerivative, float] = {}
    for term in problem.terms.values():
        if not term.region.whole_domain:
            inside = Term(term.name, 1.0, Everywhere(), term.derivatives, term.residual)
            for symbol, value in _sample(problem, inside, MARGIN)[1].items():
                sizes[symbol] = float(value.detach().abs().max())
    return sizes
