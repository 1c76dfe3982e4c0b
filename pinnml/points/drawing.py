"""Drawing points from candidates by a density, spread as evenly as the density allows."""

from __future__ import annotations

import torch
from torch import Tensor

BITS = 62
"""Bits of a Z-order code, shared by the coordinates."""


def z_order(unit: Tensor) -> Tensor:
    """Return the places of points of the unit cube (n, d) along Morton's Z-shaped curve, whole numbers (n,)."""
    dimension = unit.shape[1]
    bits = min(20, BITS // dimension)
    cells = (unit * 2**bits).long().clamp(0, 2**bits - 1)
    code = torch.zeros(len(unit), dtype=torch.long, device=unit.device)
    for bit in range(bits):
        for axis in range(dimension):
            code |= ((cells[:, axis] >> bit) & 1) << (bit * dimension + axis)
    return code


def systematic(unit: Tensor, density: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return the numbers of `count` candidates drawn by systematic sampling along a Z-shaped curve, shape (count,).

    With the candidates (n, d) in the order of the curve, the k-th is the one at which the cumulated density (n,) passes
    (k + ω)/count of its sum, with one ω in [0, 1) for all (Madow, Madow 1944): any stretch of the curve, and so any
    neighbourhood, gets its share to within one point, where independent draws leave gaps and clusters. A candidate may
    be drawn more than once where its density is large.
    """
    order = z_order(unit).argsort(stable=True)
    cumulated = density[order].cumsum(0)
    start = torch.rand((), generator=generator, dtype=torch.float64, device="cpu")
    places = (torch.arange(count, dtype=torch.float64, device="cpu") + start) / count
    chosen = torch.searchsorted(cumulated / cumulated[-1], places).clamp_max(len(order) - 1)
    return order[chosen]
