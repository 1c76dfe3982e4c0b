"""Derivatives by reverse mode applied again and again: slow, general, the reference for the jets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnml.network.indices import MultiIndex


def nested(values: Tensor, points: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
    """Return the derivatives of values (n,) by points (n, d), shape (C, n), with a graph back to what they came from.

    Each is taken from one of an order below, so `indices` must be closed and sorted by order (see `closure`).
    """
    known: dict[MultiIndex, Tensor] = {}
    for index in indices:
        if sum(index) == 0:
            known[index] = values
            continue
        axis = next(axis for axis, order in enumerate(index) if order)
        below = known[tuple(order - (position == axis) for position, order in enumerate(index))]
        gradient = None
        if below.requires_grad:
            gradient = torch.autograd.grad(below.sum(), points, create_graph=True, allow_unused=True)[0]
        known[index] = torch.zeros_like(values) if gradient is None else gradient[:, axis]
    return torch.stack([known[index] for index in indices])


def derivatives(function: Callable[[Tensor], Tensor], x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
    """Return those of a function of points (n, d), shape (n,), as constants of shape (C, n); see `nested`."""
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        return nested(function(points), points, indices).detach()
