"""Functions that take prescribed values on parts of any boundary, and functions that vanish there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.boundary import evaluated
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.extension import PointFunction, constantly
from pinnml.problem.vocabulary import BoundFunction

PROBES = 4096
"""Points at which the largest ℓ is looked for."""


@dataclass(frozen=True)
class Piece:
    """A function with the prescribed values on some parts of the boundary, and one ℓ that vanishes on them."""

    value: PointFunction
    distance: PointFunction
    number: float | None = None  # where the values are one number


def piece_on(part: str, value: BoundFunction | float, domain: AbstractDomain, where: str) -> Piece:
    """Return the piece of one part, with φ/√(φ² + L²) for ℓ: φ the approximate distance, L half the longest side.

    The value is taken as it stands away from the part, too. Raises `DeclarationError` where no distance is known.
    """
    middle = [(low + high) / 2 for low, high in zip(domain.lower, domain.upper, strict=True)]
    try:
        domain.approximate_distance(part, torch.tensor([middle], dtype=torch.float64, device="cpu"))
    except DeclarationError as error:
        raise DeclarationError(error.what, where, error.remedy) from None
    length = max(domain.lengths[axis] for axis in domain.axes_of(part)) / 2

    def distance(x: Tensor) -> Tensor:
        away = domain.approximate_distance(part, x)
        return away / (away.square() + length**2).sqrt()

    return Piece(lambda x: evaluated(value, x), distance, value if isinstance(value, float) else None)


def joined(pieces: Sequence[Piece], domain: AbstractDomain) -> Piece:
    """Return g = Σ g_k/ℓ_k / Σ 1/ℓ_k, which is g_k where ℓ_k = 0, and ℓ = c/Σ 1/ℓ_k with a largest value of one.

    Both are smooth where pieces do not meet. Source: transfinite interpolation by inverse distances and
    R-equivalence, Rvachev, Sheiko, Shapiro, Tsukanov, CAGD 18, 2001; for networks Sukumar, Srivastava, CMAME 389, 2022.
    """

    def shares(x: Tensor) -> tuple[Tensor, Tensor]:
        """Return Π_{j≠k} ℓ_j, shape (k, n), and the product of all."""
        distances = torch.stack([piece.distance(x) for piece in pieces])
        without = [torch.cat([distances[:k], distances[k + 1 :]]).prod(0) for k in range(len(pieces))]
        # where pieces meet in a corner, their values agree, and each has the same share
        return torch.stack(without) + torch.finfo(x.dtype).tiny, distances.prod(0)

    def value(x: Tensor) -> Tensor:
        others, _ = shares(x)
        return (others * torch.stack([piece.value(x) for piece in pieces])).sum(0) / others.sum(0)

    def distance(x: Tensor) -> Tensor:
        others, product = shares(x)
        return product / others.sum(0)

    points = domain.place(torch.quasirandom.SobolEngine(domain.dimension).draw(PROBES, dtype=torch.float64))
    largest = float(distance(points[~points.isnan().any(1)]).max())
    numbers = {piece.number for piece in pieces}
    number = numbers.pop() if len(numbers) == 1 else None
    return Piece(value if number is None else constantly(number), lambda x: distance(x) / largest, number)
