"""A network that is periodic where the problem is, with harmonics as its data ask for, and looks into its holes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.network import MLP, Architecture, Hole, Inverted, PeriodicEmbedding, ResNet
from pinnml.problem import FieldDerivative, Pair, Problem, Term

MOST = 4
"""Most harmonics: each coordinate along which the problem is periodic enters by at most eight features."""

MIXING = 3
"""Fewest harmonics where the equation makes further ones of those in the data (docs/benchmarks.md)."""

ENERGY = 0.99
LINES = 8
SAMPLES = 128
TOLERANCE = 1e-9


def fit_network(network: Architecture, problem: Problem) -> Architecture:
    """Return the network with a periodic embedding where the problem is periodic, and inversions where it has holes.

    A problem is periodic along a coordinate where its `Periodic` conditions name every field there, and no value on the
    sides stands in for a derivative that they leave out. Networks of other kinds than `ResNet` and `MLP` stay.
    """
    axes, holes = _periodic_axes(problem), problem.domain.cavities
    if not (axes or holes) or not isinstance(network, ResNet | MLP):
        return network
    embedding = network.embedding
    if axes:
        along = tuple(problem.domain.names[axis] for axis in axes)
        harmonics = max(harmonics_of(problem, axis) for axis in axes)
        embedding = PeriodicEmbedding(along[0] if len(along) == 1 else along, harmonics)
    if holes:
        embedding = Inverted(tuple(Hole(one.radius, dict(one.centre)) for one in holes), embedding)
    return replace(network, embedding=embedding)


def harmonics_of(problem: Problem, axis: int) -> int:
    """Return how many harmonics along a periodic coordinate hold 99 % of the energy of the data, from 1 to 4.

    The data are what conditions on the boundary prescribe, and the equations' residuals of u = 0. A linear equation
    whose coefficients do not vary along the coordinate keeps each harmonic by itself; any other makes further ones, so
    that there are at least three.
    """
    terms = [term for term in problem.terms.values() if not isinstance(term.region, Pair) and not term.region.data]
    try:
        needed = max((_harmonics(problem, term, axis) for term in terms), default=0)
        alone = all(_keeps_harmonics(problem, term, axis) for term in problem.equations.values())
    except Exception:  # a function of the declaration raises: its check says which, and how to mend it
        return MIXING
    return min(MOST, max(needed, 1 if alone and needed else MIXING))


def _periodic_axes(problem: Problem) -> list[int]:
    """Return the axes along which the problem is periodic."""
    return [axis for axis in range(problem.domain.dimension) if _is_periodic(problem, axis)]


def _is_periodic(problem: Problem, axis: int) -> bool:
    """Return whether every field is, with all derivatives that its equation has a say in, or nothing else is said."""
    sides, fields = problem.domain.sides(axis), [n for n, own in enumerate(problem.axes) if axis in own]
    pairs = [term for term in problem.terms.values() if isinstance(term.region, Pair) and term.region.axis == axis]

    def order(terms: Iterable[Term], field: int) -> int:
        return max((s.index[axis] for term in terms for s in term.derivatives if s.field == field), default=-1)

    others = any(part in sides for term in problem.terms.values() for part in term.region.parts)
    named = bool(fields) and all(order(pairs, field) >= 0 for field in fields)
    whole = all(order(pairs, field) + 1 >= order(problem.equations.values(), field) for field in fields)
    return named and (whole or not others)


def _lines(problem: Problem, term: Term, axis: int) -> Tensor:
    """Return `SAMPLES` points along a coordinate through each of some points of a term's region, (lines·samples, d)."""
    generator = torch.Generator().manual_seed(0)

    def unit(count: int, dimension: int) -> Tensor:
        return torch.rand(count, dimension, generator=generator, dtype=torch.float64, device="cpu")

    points = term.region.sample(unit, problem.domain, inside=LINES, boundary=LINES)
    grid = (
        problem.domain.lower[axis]
        + problem.domain.lengths[axis] * torch.arange(SAMPLES, dtype=torch.float64, device="cpu") / SAMPLES
    )
    lines = points.repeat_interleave(SAMPLES, 0)
    lines[:, axis] = grid.repeat(len(points))
    return lines


def _residual(term: Term, x: Tensor, values: Mapping[FieldDerivative, Tensor]) -> Tensor:
    """Return a term's residuals (q, n), with unknown parameters at their starts.

    Values are those at all points of the term's stencils. Residuals are zero where they are not finite: checks of the
    declaration tell of these.
    """
    read = term.stencil(x)
    starts = [(symbol, x.new_full((len(read),), symbol.unknown.start)) for symbol in term.unknowns]
    return term.residual(read, dict([*values.items(), *starts]), {}).detach().nan_to_num(0.0, 0.0, 0.0)


def _harmonics(problem: Problem, term: Term, axis: int) -> int:
    """Return how many harmonics hold the energy of what a term prescribes, 0 where that is constant."""
    sides = problem.domain.sides(axis)
    if any(part in sides for part in term.region.parts):
        return 0
    x = _lines(problem, term, axis)
    count = len(x) * term.stencil.count
    zero = {symbol: torch.zeros(count, dtype=torch.float64, device="cpu") for symbol in term.derivatives}
    lines = _residual(term, x, zero).view(-1, SAMPLES)
    energy = torch.fft.rfft(lines)[:, 1:].abs().square().sum(0)
    scale = SAMPLES**2 * len(lines) * float(lines.square().max())
    if not float(energy.sum()) > TOLERANCE**2 * scale:
        return 0
    return int((energy.cumsum(0) < ENERGY * energy.sum()).sum()) + 1


def _keeps_harmonics(problem: Problem, term: Term, axis: int) -> bool:
    """Return whether a residual is linear in the fields, with coefficients that do not vary along a coordinate."""
    x = _lines(problem, term, axis)
    generator, count = torch.Generator().manual_seed(1), len(x) * term.stencil.count
    first, second = (
        {
            symbol: torch.randn(count, generator=generator, dtype=torch.float64, device="cpu")
            for symbol in term.derivatives
        }
        for _ in range(2)
    )
    moved = x.clone()
    moved[:, axis] = x.view(-1, SAMPLES, x.shape[1]).roll(1, 1).view_as(x)[:, axis]
    zero = {symbol: 0 * values for symbol, values in first.items()}

    def linear(at: Tensor, values: Mapping[FieldDerivative, Tensor]) -> Tensor:
        return _residual(term, at, values) - _residual(term, at, zero)

    together = linear(x, {symbol: first[symbol] + second[symbol] for symbol in first})
    alone, scale = linear(x, first), 1 + float(together.abs().max())
    gap = max(
        float((together - alone - linear(x, second)).abs().max()), float((linear(moved, first) - alone).abs().max())
    )
    return gap <= TOLERANCE * scale
