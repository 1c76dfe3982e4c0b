"""Whether a solution has layers at walls: by what neurons on stretched coordinates leave in a try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial

from torch import Tensor

from pinnml.adapt.neurons import Widening
from pinnml.adapt.stretching import Stretching, gathered
from pinnml.adapt.tries import axes_alone, may_gather, tried_where_narrow
from pinnml.loss import PinnObjective

WIDTHS = (0.1, 0.01)
"""w at first: of layers as in many textbooks, and of thin ones."""

FINER = 3.0
"""A width is tried that is so many times as small, or as large, …"""

NARROWEST = 1e-5
"""… but no smaller than this."""

GAIN, LEAST = 0.5, 1e-3
"""What is left with stretches, at most, as a share of what is left without; where that is less nothing is tried."""

Stretches = tuple[Stretching, ...]


def with_layers(objective: PinnObjective, theta: Tensor, rule: Widening) -> Widening:
    """Return a rule for neurons with coordinates stretched at walls where that leaves far less, or the same rule.

    Neurons are fitted to a least-squares problem, linear at θ, and compared between its points; these gather at all
    walls, so that layers are seen by both. All ends of all coordinates are stretched at first, then those are left out
    that leave no more without, and the width is refined.
    """
    every = stretched_at_all_walls(objective, WIDTHS[-1])
    if not every:
        return rule
    tryout, few = tried_where_narrow(objective, theta, rule, partial(gathered, objective.problem, stretchings=every))
    tanh = replace(few, spectrum=None)

    @cache
    def left(stretches: Stretches) -> float:
        return tryout.left(replace(tanh, stretches=stretches))

    without = tryout.first.left if few.spectrum is None else min(tryout.first.left, left(()))
    if without <= LEAST:
        return rule
    best = min((_of_width(every, width) for width in WIDTHS), key=left)
    if left(best) > GAIN * without:
        return rule
    return replace(rule, spectrum=None, stretches=_refined(best, left))


def stretched_at_all_walls(objective: PinnObjective, width: float) -> Stretches:
    """Return the stretches of all coordinates of a box at both ends, but for periodic ones; none elsewhere."""
    if not may_gather(objective):
        return ()
    return tuple(Stretching(axis, (-1.0, 1.0), width) for axis in axes_alone(objective))


def _refined(best: Stretches, left: Callable[[Stretches], float]) -> Stretches:
    """Return stretches without ends that leave no more when they are left out, of the width that leaves least."""
    for end in [(one.axis, end) for one in best for end in one.ends]:
        fewer = tuple(_without(best, *end))
        if fewer and left(fewer) <= left(best):
            best = fewer
    for factor in (1 / FINER, FINER):
        other = _of_width(best, best[0].width * factor)
        while other[0].width >= NARROWEST and left(other) < left(best):
            best, other = other, _of_width(other, other[0].width * factor)
    return best


def _without(stretches: Stretches, axis: int, end: float) -> Iterator[Stretching]:
    for one in stretches:
        ends = tuple(other for other in one.ends if (one.axis, other) != (axis, end))
        if ends:
            yield replace(one, ends=ends)


def _of_width(stretches: Stretches, width: float) -> Stretches:
    return tuple(replace(one, width=width) for one in stretches)
