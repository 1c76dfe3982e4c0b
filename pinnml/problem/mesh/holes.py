"""The holes of what a closed line or surface bounds."""

from __future__ import annotations

import numpy as np
import torch

from pinnml.problem.domain import AbstractDomain, Cavity
from pinnml.problem.mesh.closed import together


def enclosed(domain: AbstractDomain, points: np.ndarray, facets: np.ndarray) -> tuple[Cavity, ...]:
    """Return a ball within each hole that facets (f, d), by the numbers of points (n, d), leave in what they bound.

    A hole is bounded by facets that hang together, touch no side of the box about all of them, and whose middle is
    outside.
    """
    part = together(np.repeat(facets[:, 0], facets.shape[1]), facets.ravel(), len(points))[facets[:, 0]]
    lower, upper, found = points.min(0), points.max(0), []
    for number in np.unique(part):
        own = points[np.unique(facets[part == number])]
        middle = (own.min(0) + own.max(0)) / 2
        if (own > lower).all() and (own < upper).all():
            radius = float(domain.signed_distance(torch.from_numpy(middle[None])))
            found += [Cavity(radius, dict(zip(domain.names, middle.tolist(), strict=True)))] if radius > 0 else []
    return tuple(found)
