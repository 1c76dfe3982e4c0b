"""The uniform grid on which errors, figures and files are made."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from pinnml.problem import AbstractDomain, Reference

GRID_POINTS = {1: 1001, 2: 201, 3: 41}
"""Points a coordinate of the grid on which errors and figures are made where no reference names one; of more
coordinates there are eleven, …"""

MOST_POINTS = 200_000
"""… or as many as make no more points than these in all."""


def uniform_axes(domain: AbstractDomain, reference: Reference | None) -> dict[str, np.ndarray]:
    """Return the coordinates of the grid for errors and figures: the reference's where there is one."""
    count = GRID_POINTS.get(domain.dimension, min(11, int(MOST_POINTS ** (1 / domain.dimension))))
    given: Mapping[str, int] = {} if reference is None else reference.grid
    counts = given or dict.fromkeys(domain.names, count)
    bounds = zip(domain.names, domain.lower, domain.upper, strict=True)
    return {name: np.linspace(low, high, counts[name]) for name, low, high in bounds}


def inside(domain: AbstractDomain, points: np.ndarray) -> np.ndarray:
    """Return for each point (n, d) of a grid whether the domain contains it."""
    return np.asarray(domain.contains(torch.from_numpy(points)).numpy())


def filled(values: np.ndarray, known: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return values (…, k) at the k points of a grid of a shape that are known, NaN at the others, as (…, *shape)."""
    whole = np.full((*values.shape[:-1], known.size), np.nan, dtype=values.dtype)
    whole[..., known.ravel()] = values
    return whole.reshape(*values.shape[:-1], *shape)
