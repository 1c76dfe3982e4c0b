"""The trust-region subproblem in an eigenbasis, where it is an equation for one number."""

from __future__ import annotations

import math
from collections.abc import Sequence

SAME = 1e-14
"""Eigenvalues of B that differ by less than this share of the largest are one."""

NOTHING = 1e-13
"""A gradient without more than this share of itself in an eigenspace has nothing there."""

ACCURATE = 1e-13
"""How near to the radius a step at the boundary ends, as a share of it."""


def secular(values: Sequence[float], slopes: Sequence[float], radius: float) -> tuple[float, float, float]:
    """Minimise Σ gᵢsᵢ + ½λᵢsᵢ² where ‖s‖ ≤ Δ, for eigenvalues λᵢ and slopes gᵢ (Moré, Sorensen 1983).

    sᵢ = −gᵢ/(λᵢ − λ₁ + τ), with τ = σ + λ₁ kept rather than σ, which is lost in rounding where they nearly cancel.

    Returns
    -------
    tuple
        λ₁, the least eigenvalue; τ; and what is added to its own coordinate: 0, but in the hard case.
    """
    lowest, norm = min(values), math.hypot(*slopes)
    least = max(lowest, 0.0)
    tiny = SAME * max(map(abs, values))
    own = math.hypot(*(g for value, g in zip(values, slopes, strict=True) if value - lowest <= tiny))
    if own <= NOTHING * norm or least > tiny:
        length = math.hypot(*parts_of(values, slopes, lowest, least))
        if length <= radius:
            return lowest, least, 0.0 if least > tiny else math.sqrt(radius**2 - length**2) * (lowest < -tiny)
    tau = max(least, *(abs(g) / radius - (value - lowest) for value, g in zip(values, slopes, strict=True)))
    # from the left, where ‖s‖ ≥ Δ, Newton's method on 1/‖s‖ − 1/Δ never goes too far
    for _ in range(100):
        parts = parts_of(values, slopes, lowest, tau)
        length = math.hypot(*parts)
        slope = sum(s * s / (value - lowest + tau) for value, s in zip(values, parts, strict=True) if s)
        if length <= (1 + ACCURATE) * radius or not slope > 0:
            break
        tau += length**2 / slope * (length - radius) / radius
    return lowest, tau, 0.0


def parts_of(values: Sequence[float], slopes: Sequence[float], lowest: float, tau: float) -> list[float]:
    """Return −gᵢ/(λᵢ − λ₁ + τ), and zero where that is rounding divided by rounding."""
    tiny = SAME * max(map(abs, values))
    below = [value - lowest + tau for value in values]
    return [-g / b if b > tiny else 0.0 for g, b in zip(slopes, below, strict=True)]
