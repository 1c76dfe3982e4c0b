"""Bounds of a coarse level, within which no correction leads out of those of the finer one."""

from __future__ import annotations

from torch import Tensor

from pinnml.objective import AbstractRestriction
from pinnml.optim import Bounds


def coarse_bounds(restriction: AbstractRestriction, bounds: Bounds, fine: Tensor, coarse: Tensor) -> Bounds:
    """Return bounds of y such that θ + P(y − y₀) is within those of θ, up to rounding, for every y within them.

    With the row sums a_i = Σ_j|P_ij|, and the maximum over all i with P_ij > 0, of which those with P_ij < 0 change the
    roles of the bounds, lower_j = y₀_j + max (lower_i − θ_i)/a_i; upper_j likewise. y₀ itself is within them.

    Source: Gelman, Mandel, Math. Program. 48, 1990; Gratton, Mouffe, Toint, Weber-Mendonça, IMA J. Numer. Anal. 28,
    2008, with each row's own sum in place of ‖P‖_∞.

    Parameters
    ----------
    restriction : AbstractRestriction
        Pᵀ, from p to k entries.
    bounds : Bounds
        Those of θ.
    fine, coarse : Tensor
        θ within them, shape (p,), and y₀, shape (k,).

    Returns
    -------
    Bounds
        Of shape (k,).
    """
    matrix = restriction.matrix(fine).coalesce()
    kept = matrix.values() != 0  # products of sparse matrices can hold zeros
    (columns, rows), weights = matrix.indices()[:, kept], matrix.values()[kept]
    sums = fine.new_zeros(len(fine)).index_add(0, rows, weights.abs())[rows]
    lower, upper = bounds.on(fine)
    down, up = ((fine - lower).expand_as(fine)[rows] / sums, (upper - fine).expand_as(fine)[rows] / sums)
    falls, rises = down.where(weights > 0, up), up.where(weights > 0, down)
    free = fine.new_full(coarse.shape, float("inf"))
    fall, rise = (free.scatter_reduce(0, columns, room, "amin") for room in (falls, rises))
    return Bounds(coarse - fall, coarse + rise)
