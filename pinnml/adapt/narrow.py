"""Whether a solution is narrow in places of a box: by where the residual lies, and what neurons there leave."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, product

import torch
from torch import Tensor

from pinnml.adapt.gathering import scaled, unscaled
from pinnml.adapt.neurons import Widening
from pinnml.adapt.patches import Patch, gathered_in
from pinnml.adapt.tries import axes_alone, begun_on, drawn, may_gather, tried_where_narrow
from pinnml.approximation import residual_values
from pinnml.loss import PinnObjective
from pinnml.network import Workspace
from pinnml.points import Sobol
from pinnml.problem import Box, Everywhere, Parts

LOOK = 8192
"""Points of every equation at which the residual is looked at, and a quarter of them within a place."""

BINS, SHARE, NARROW = 64, 0.95, 1 / 3
"""A place is narrow along a coordinate, cut into so many bins, where at most this share of them has so much of r²."""

LITTLE = 0.02
"""Places with less than this share of r² of a condition are left out, and conditions with no more of all."""

MOST = 4
"""The most places."""

THINNEST = 1e-3
"""The least deviation, as a share of a cell: of few points nothing is known."""

ALL = (-1.0, 1.0)
"""The ends of a coordinate."""

WIDE = 2.5
"""Widths of a patch, in deviations of r² from its centre."""

WIDER = 1.6
"""Patches are tried that are so many times as wide, or as narrow."""

GAIN, LEAST = 0.2, 0.05
"""What is left with patches, at most, as a share of what is left without, or of the residual of N = 0; where usual
neurons leave less than the second share nothing is tried: many of them resolve the solution."""


def with_patches(objective: PinnObjective, theta: Tensor, rule: Widening) -> Widening:
    """Return a rule for neurons half of which lie in patches where that leaves far less, or the same rule.

    Patches lie where nearly all of r² of a condition is, r being its residual at θ. Neurons are fitted to a
    least-squares problem, linear at θ, and compared between its points, which gather in the patches. There are none
    outside of boxes, where parameters are sought, and beside stretched coordinates.
    """
    if rule.stretches or not may_gather(objective):
        return rule
    found = narrow_places(objective, theta)
    if not found:
        return rule
    tryout, few = tried_where_narrow(objective, theta, rule, partial(gathered_in, objective.problem, patches=found))
    if tryout.first.left <= LEAST:
        return rule
    others = [tuple(_wider(one, factor) for one in found) for factor in (1.0, WIDER, 1 / WIDER)]
    left = {patches: tryout.left(replace(few, spectrum=None, patches=patches)) for patches in others}
    best = min(left, key=lambda patches: left[patches])
    return replace(rule, spectrum=None, patches=best) if left[best] <= GAIN * min(1.0, tryout.first.left) else rule


def narrow_places(objective: PinnObjective, theta: Tensor) -> tuple[Patch, ...]:
    """Return where nearly all of r² of the equations or of conditions on walls lies, if such places are narrow."""
    objective, theta = begun_on(objective, theta, drawn(objective, LOOK, 1))
    places: list[tuple[float, Patch]] = []
    alone = axes_alone(objective)
    for name, s, energy in _energies(objective, theta):
        for cell in _cells(s, energy, alone):
            narrow = [axis for axis, (low, high) in enumerate(cell) if (low, high) != ALL]
            patch, share = _patch(s, energy, cell, narrow)
            if patch is not None and share >= LITTLE:
                places.append((share, _finer(objective, theta, name, patch)))
    places.sort(key=lambda place: -place[0])
    return tuple(dict.fromkeys(patch for _, patch in places[:MOST]))


def _energies(objective: PinnObjective, theta: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield for every condition on the box or its walls the points (n, d), scaled to [−1, 1], and r² there (n,)."""
    domain = objective.problem.domain
    assert isinstance(domain, Box)
    found: dict[str, list[tuple[Tensor, Tensor]]] = {}
    objective.count()
    for chunk in objective.chunks:
        if isinstance(chunk.term.region, Everywhere | Parts):
            residual = chunk.at(theta, Workspace()).residual
            if residual.shape[1] == len(chunk.x):  # each has its own point
                found.setdefault(chunk.term.name, []).append((chunk.x, residual.square().sum(0)))
    whole = sum(float(energy.sum()) for parts in found.values() for _, energy in parts)
    for name, parts in found.items():
        x, energy = (torch.cat(both) for both in zip(*parts, strict=True))
        if float(energy.sum()) > LITTLE * whole:
            yield name, scaled(domain, x), energy


def _cells(s: Tensor, energy: Tensor, axes: Sequence[int]) -> Iterator[tuple[tuple[float, float], ...]]:
    """Yield the cells with nearly all of r², narrow along a coordinate at least, by their ends along each."""
    runs = [_runs(s[:, axis], energy) if axis in axes else [] for axis in range(s.shape[1])]
    if any(runs):
        yield from product(*(found or [ALL] for found in runs))


def _runs(s: Tensor, energy: Tensor) -> list[tuple[float, float]]:
    """Return the intervals of a coordinate that hold nearly all of r², none where these are not narrow."""
    number = ((s + 1) / 2 * BINS).long().clamp(0, BINS - 1)
    inside = energy * (s.abs() < 1)  # a wall across the coordinate says nothing about it
    shares = torch.zeros(BINS, dtype=energy.dtype, device=energy.device).index_add(0, number, inside) / energy.sum()
    order = shares.argsort(descending=True)
    count = int((shares[order].cumsum(0) < SHARE).sum()) + 1
    if count > NARROW * BINS:
        return []
    chosen = sorted(order[:count].tolist())
    begins = [chosen[0], *(after for before, after in pairwise(chosen) if after > before + 2)]
    ends = [*(before for before, after in pairwise(chosen) if after > before + 2), chosen[-1]]
    return [
        (2 * begin / BINS - 1 - 1 / BINS, 2 * (end + 1) / BINS - 1 + 1 / BINS)
        for begin, end in zip(begins, ends, strict=True)
    ]


def _patch(
    s: Tensor, energy: Tensor, cell: Sequence[tuple[float, float]], narrow: Sequence[int]
) -> tuple[Patch | None, float]:
    """Return a patch in a cell, narrow along some coordinates, if r² is finite there, and the share of r².

    It is rounded, so that it is the same whatever the order of sums.
    """
    inside = torch.stack([(s[:, axis] >= low) & (s[:, axis] <= high) for axis, (low, high) in enumerate(cell)]).all(0)
    own, x = energy[inside], s[inside]
    if not 0 < float(own.sum()) < math.inf:
        return None, 0.0
    mean = own @ x / own.sum()
    deviation = (own @ (x - mean).square() / own.sum()).sqrt()
    centre, widths = [0.0] * len(cell), [math.inf] * len(cell)
    for axis in narrow:
        low, high = cell[axis]
        centre[axis] = round(min(max(float(mean[axis]), -1.0), 1.0), 4)
        widths[axis] = float(f"{WIDE * max(float(deviation[axis]), THINNEST * (high - low)):.2g}")
    return Patch(tuple(centre), tuple(widths)), float(own.sum() / energy.sum())


def _finer(objective: PinnObjective, theta: Tensor, name: str, patch: Patch) -> Patch:
    """Return a patch of an equation by more points within it; one of another condition stays."""
    problem, domain = objective.problem, objective.problem.domain
    assert isinstance(domain, Box)
    if name not in problem.equations:
        return patch
    cell = [
        (max(-1.0, centre - 2 * width), min(1.0, centre + 2 * width))
        for centre, width in zip(patch.centre, patch.widths, strict=True)
    ]
    unit = Sobol().unit(LOOK // 4, len(cell), torch.Generator().manual_seed(1)).to(theta)
    low, high = torch.tensor(cell, dtype=theta.dtype, device=theta.device).T
    s = low + unit * (high - low)
    objective.count(points=len(s))
    x = unscaled(domain, s)
    energy = residual_values(problem, objective.network, theta, name, x).square().sum(0)
    return _patch(s, energy, cell, patch.axes)[0] or patch


def _wider(patch: Patch, factor: float) -> Patch:
    return replace(patch, widths=tuple(width * factor for width in patch.widths))
