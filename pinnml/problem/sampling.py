"""Drawing so many points by a map of the unit cube that leaves some of them without an image."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

UnitPoints = Callable[[int, int], Tensor]
"""A number n and a dimension k to n points, or nearly so many, of the k-dimensional unit cube, shape (n, k)."""

GOLDEN = (math.sqrt(5) - 1) / 2

PROBES = 4096
"""Points from which the share of a cube that has images is measured."""

FEWEST_MORE, MOST_MORE = 1.02, 4.0
"""How many times more points are asked for, at least and at most, where those asked for before gave too few."""


def spread(count: int, kept: int) -> Tensor:
    """Return the numbers, in order, of `kept` of `count` points, which cover what all of them cover; deterministic.

    Those numbered i with the least fractional part of i·φ, φ the golden ratio, are spread evenly over any run of
    points and over every k-th point: every k-th of a low-discrepancy set would cover but a part of the region.
    """
    numbers = torch.arange(count, dtype=torch.float64, device="cpu")
    return (numbers * GOLDEN).frac().argsort(stable=True)[:kept].sort().values


def with_image(points: Tensor) -> Tensor:
    """Return the points (n, d) that are no NaN."""
    return points[~points.isnan().any(1)]


def drawn(place: Callable[[Tensor], Tensor], unit: UnitPoints, count: int, size: int, share: float) -> Tensor:
    """Return `count` images of points of the `size`-dimensional cube, of which about a share has any.

    More points are asked for until there are enough, and what is too many is left out evenly. Where all have an image,
    or nearly all, as many are returned as `unit` gives.
    """
    if size == 0:
        return with_image(place(torch.zeros(1, 0, dtype=torch.float64, device="cpu")))
    if share == 1.0:
        return with_image(place(unit(count, size)))
    asked = math.ceil(count / share)
    while True:
        points = with_image(place(unit(asked, size)))
        if len(points) >= count:
            return points[spread(len(points), count)]
        more = FEWEST_MORE * count / max(len(points), 1)
        asked = math.ceil(asked * min(more, MOST_MORE))


def measured_share(place: Callable[[Tensor], Tensor], size: int) -> float:
    """Return the share of the `size`-dimensional unit cube that a map gives images, from `PROBES` Sobol' points."""
    if size == 0:
        return float(len(with_image(place(torch.zeros(1, 0, dtype=torch.float64, device="cpu")))))
    unit = torch.quasirandom.SobolEngine(size, scramble=True, seed=0).draw(PROBES, dtype=torch.float64)
    return len(with_image(place(unit))) / PROBES
