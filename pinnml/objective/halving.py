"""The ways between residual blocks and half as many of twice the step, as entries of sparse matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnml.objective.coarsening import AbstractTransfer

Pieces = list[tuple[Tensor, Tensor, Tensor]]
"""Entries of a sparse matrix (k, p): their rows, columns and values."""

Alike = Callable[[int, int], bool]
"""Whether two blocks, by their numbers, do the same thing with other parameters."""


def paired(count: int, are_alike: Alike) -> list[tuple[int, ...]]:
    """Return the numbers 0 … count − 1, in twos where neighbours are alike."""
    groups, number = list[tuple[int, ...]](), 0
    while number < count:
        is_pair = number + 1 < count and are_alike(number, number + 1)
        groups.append((number, number + 1) if is_pair else (number,))
        number += len(groups[-1])
    return groups


def halved_depth(
    sizes: Sequence[int], steps: Sequence[float], are_alike: Alike, transfer: AbstractTransfer
) -> tuple[Pieces, Pieces]:
    """Return the entries of Pᵀ and Π for θ and y that are stretches one after another, of which pairs become one.

    Parameters
    ----------
    sizes : sequence of int
        The entries of each stretch of θ.
    steps : sequence of float
        The step of each that is a residual block; of others it is not looked at.
    are_alike : callable
        Which stretches are blocks that may become one, and between which may be interpolated.
    transfer : AbstractTransfer
        How they become one, and one becomes two.

    Returns
    -------
    Pieces, Pieces
    """
    groups, down, across = paired(len(sizes), are_alike), Pieces(), Pieces()
    fine = _begins(sizes)
    coarse = _begins([sizes[group[0]] for group in groups])

    def enter(pieces: Pieces, number: int, stretch: int, weight: float) -> None:
        numbers = torch.arange(sizes[stretch], device="cpu")
        values = torch.full((sizes[stretch],), weight, dtype=torch.float64, device="cpu")
        if weight:
            pieces.append((coarse[number] + numbers, fine[stretch] + numbers, values))

    for number, group in enumerate(groups):
        enter(down, number, group[0], 1.0)
        if len(group) == 1:
            enter(across, number, group[0], 1.0)
            continue
        first, second = (steps[stretch] for stretch in group)
        has_next = number + 1 < len(groups) and are_alike(group[0], groups[number + 1][0])
        own, following = transfer.second(first, second) if has_next else (1.0, 0.0)
        enter(down, number, group[1], own)
        if following:
            enter(down, number + 1, group[1], following)
        for stretch, weight in zip(group, transfer.merged(first, second), strict=True):
            enter(across, number, stretch, weight)
    return down, across


def _begins(sizes: Sequence[int]) -> list[int]:
    """Return where each stretch begins."""
    return [sum(sizes[:number]) for number in range(len(sizes))]
