"""Where what is left of a domain has holes, and corners."""

from __future__ import annotations

import torch

from pinnml.problem.domain import AbstractDomain, Cavity, Corner

NEAR = 1e-6
"""What is subtracted takes a corner away where it is so near, as a share of the shortest side."""


def cavities(whole: AbstractDomain, subtracted: AbstractDomain) -> tuple[Cavity, ...]:
    """Return a ball within every piece that is subtracted from the inside of a domain, and those that there were.

    What reaches to the domain's bounds makes a notch, and no hole.
    """
    found = [_within(piece) for piece in subtracted.pieces if _is_inside(whole, piece)]
    return (*whole.cavities, *(one for one in found if one is not None))


def corners_left(whole: AbstractDomain, subtracted: AbstractDomain) -> tuple[Corner, ...]:
    """Return the corners of a domain of two coordinates that are not near to what is subtracted."""
    if not whole.corners or whole.dimension > 2:
        return ()
    points = torch.tensor([[one.place[name] for name in whole.names] for one in whole.corners], device="cpu")
    away = subtracted.signed_distance(points.double()) > NEAR * min(whole.lengths)
    return tuple(one for one, left in zip(whole.corners, away.tolist(), strict=True) if left)


def _is_inside(whole: AbstractDomain, piece: AbstractDomain) -> bool:
    lower = all(low < own for low, own in zip(whole.lower, piece.lower, strict=True))
    return lower and all(own < high for own, high in zip(piece.upper, whole.upper, strict=True))


def _within(piece: AbstractDomain) -> Cavity | None:
    """Return the largest ball around the middle of a piece that lies in it, None where that is outside."""
    middle = [(low + high) / 2 for low, high in zip(piece.lower, piece.upper, strict=True)]
    point = torch.tensor([middle], dtype=torch.float64, device="cpu")
    radius = -float(piece.signed_distance(point))
    return Cavity(radius, dict(zip(piece.names, middle, strict=True))) if radius > 0 else None
