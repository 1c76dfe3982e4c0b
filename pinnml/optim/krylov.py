"""Krylov methods for linear systems that are known by their products only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from pinnml.objective import read
from pinnml.optim.inverse import REPEATS

Product = Callable[[Tensor], Tensor]


class KrylovStatus(Enum):
    """How a solve ended; the value is its sentence."""

    CONVERGED = "The residual fell below the tolerance."
    LIMIT = "The limit of iterations was reached."
    BOUNDARY = "The boundary of the trust region was reached."
    BREAKDOWN = "The matrix or its preconditioner is not positive definite, or not finite, along a direction."


@dataclass(frozen=True)
class Solved:
    """x (p,) with its residual b − Ax (p,) as the recursion knows it, the iterations taken, and how they ended."""

    x: Tensor
    residual: Tensor
    iterations: int
    status: KrylovStatus


@dataclass(frozen=True)
class Ellipsoid:
    """All x (p,) with ‖D^½x‖ ≤ Δ, for D = `scale` (p,), a trust region of conjugate gradients."""

    scale: Tensor
    radius: float

    def left(self, x: Tensor) -> Tensor:
        """Return ‖D^½x‖² − Δ², a 0-dimensional tensor."""
        return (self.scale * x).dot(x) - self.radius**2

    def step(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the τ ≥ 0 with ‖D^½(x + τ·direction)‖ = Δ for an x within."""
        held = self.scale * direction
        a, b, c = held.dot(direction), held.dot(x), self.left(x).clamp_max(0)
        # without cancellation for either sign of b
        root = (b * b - a * c).sqrt()
        return torch.where(b > 0, -c / (b + root), (root - b) / a)


def solve_by_conjugate_gradients(
    matvec: Product, b: Tensor, inverse: Product, rtol: float, max_iterations: int, region: Ellipsoid | None = None
) -> Solved:
    """Solve Ax = b from x = 0 by preconditioned conjugate gradients (Hestenes, Stiefel 1952).

    The iteration ends once √(r·M⁻¹r) ≤ `rtol`·√(b·M⁻¹b), a measure that does not depend on the scaling of the unknowns;
    within a region also where x would leave it, at its boundary, and there along a direction without positive curvature
    (Steihaug, SIAM J. Numer. Anal. 20, 1983; Toint 1981).

    Parameters
    ----------
    matvec : callable
        v ↦ Av for v of shape (p,), symmetric and positive definite.
    b : tensor (p,)
        The right-hand side.
    inverse : callable
        v ↦ M⁻¹v, symmetric and positive definite.
    rtol : float
        The relative tolerance (dimensionless).
    max_iterations : int
        Iterations after which the solve ends in any case.
    region : Ellipsoid or None, default None
        Where x has to stay.

    Returns
    -------
    Solved
        After a limit or a breakdown with the last x that was finite: a direction of descent all the same.
    """
    x, residual = torch.zeros_like(b), b
    z = inverse(residual)
    direction, size = z, residual.dot(z)
    begin, something = read(size, b.any())
    goal = rtol**2 * begin
    if not goal < float("inf") or not begin > 0:
        nothing = not something
        return Solved(x, residual, 0, KrylovStatus.CONVERGED if nothing else KrylovStatus.BREAKDOWN)
    iteration, repeats = 1, 0
    while iteration <= max_iterations:
        along = matvec(direction)
        curvature = direction.dot(along)
        step = size / curvature
        following = residual - step * along
        z = inverse(following)
        following_size = following.dot(z)
        # one reading of the device for each iteration
        bent, left, *beyond = read(curvature, following_size, *_beyond(region, x + step * direction))
        if repeats < REPEATS and not math.isfinite(bent + left):
            repeats += 1
            continue
        if region is not None and math.isfinite(bent) and (bent <= 0 or beyond[0] > 0):
            step = region.step(x, direction)
            return Solved(x + step * direction, residual - step * along, iteration, KrylovStatus.BOUNDARY)
        if not (bent > 0 and 0 <= left < float("inf")):
            return Solved(x, residual, iteration, KrylovStatus.BREAKDOWN)
        x, residual = x + step * direction, following
        if left <= goal:
            return Solved(x, residual, iteration, KrylovStatus.CONVERGED)
        direction, size = z + (following_size / size) * direction, following_size
        iteration, repeats = iteration + 1, 0
    return Solved(x, residual, max_iterations, KrylovStatus.LIMIT)


def _beyond(region: Ellipsoid | None, x: Tensor) -> tuple[Tensor, ...]:
    """Return how far x is beyond a region, to be read; nothing without one."""
    return () if region is None else (region.left(x),)
