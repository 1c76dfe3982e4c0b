"""Half-spaces, which cut other domains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.composable import ComposableDomain
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.shapes.sphere import checked_number, written

ROUNDING = 1e-9
"""Points so far from the plane are still on it, relative to the numbers they are made of (dimensionless)."""


class HalfSpace(ComposableDomain):
    """The half-space a·x ≤ b, whose boundary is its "plane"; unbounded, and there to cut bounded domains.

    `Ball(1.0, x=0.0, y=0.0) & HalfSpace(0.5, x=1.0, y=1.0)` is what of the unit disc has x + y ≤ 0.5.

    Parameters
    ----------
    offset : float
        b.
    **normal : float
        a by the names of the coordinates, all of which have one unit; not zero.

    Raises
    ------
    DeclarationError
        For a normal that is zero or not finite; and by `place`, since it is unbounded.
    """

    def __init__(self, offset: float, /, **normal: float) -> None:
        self.offset = checked_number("HalfSpace", "the offset", offset)
        self.coefficients = tuple(checked_number("HalfSpace", name, value) for name, value in normal.items())
        self.size = math.hypot(*self.coefficients)
        if self.size == 0:
            raise DeclarationError("The normal is zero", "HalfSpace", "give a coefficient, as in HalfSpace(0.5, x=1.0)")
        self.names, self.parts = tuple(normal), ("plane",)
        # bounded on one side where the normal is along an axis
        along = [a if abs(a) == self.size else 0.0 for a in self.coefficients]
        self.lower = tuple(self.offset / a if a < 0 else -math.inf for a in along)
        self.upper = tuple(self.offset / a if a > 0 else math.inf for a in along)
        self._window: tuple[Tensor, Tensor] | None = None

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Compare the distance from the plane with zero."""
        distance = self.signed_distance(points)
        slack = ROUNDING * (points.abs().amax(1) + abs(self.offset) / self.size)
        return distance <= slack if part is None else distance.abs() <= slack

    def within(self, lower: Sequence[float], upper: Sequence[float]) -> AbstractDomain:
        """Return the same half-space with points on a square of the plane that covers it in the box."""
        box = torch.tensor([lower, upper], dtype=torch.float64, device="cpu")
        middle, radius = box.mean(0), float((box[1] - box[0]).norm()) / 2
        a = torch.tensor(self.coefficients, dtype=torch.float64, device="cpu")
        foot = middle + (self.offset - a @ middle) / self.size**2 * a
        # the columns of Q after the first are an orthonormal basis of the plane
        basis = torch.linalg.qr(a[:, None], mode="complete").Q[:, 1:]
        bounded = HalfSpace(self.offset, **dict(zip(self.names, self.coefficients, strict=True)))
        bounded._window = (foot, radius * basis)
        return bounded

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Place points on the plane within a box; raise `DeclarationError` for others, since they have no bounds."""
        if self._window is None or part is None:
            raise DeclarationError(f"{self} is unbounded", "domain", "cut a bounded domain with it, as in Box(…) & it")
        foot, basis = (one.to(unit) for one in self._window)
        return foot + (2 * unit - 1) @ basis.T

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return a/‖a‖."""
        return (points.new_tensor(self.coefficients) / self.size).expand_as(points).clone()

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return the distance from the plane."""
        return -self.signed_distance(points)

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return (a·x − b)/‖a‖."""
        return (points @ points.new_tensor(self.coefficients) - self.offset) / self.size

    def __repr__(self) -> str:
        return f"HalfSpace({self.offset!r}, {written(dict(zip(self.names, self.coefficients, strict=True)))})"
