"""Points of the unit sphere made from points of the unit cube, and the numbers that declare round shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, finite

HALVINGS = 60
"""Steps of bisection after which an angle is known to rounding."""

FLAT = 1e-8
"""Where a density is smaller, its integral is constant to rounding, and Newton's step is left out."""

ROUNDING = 1e-9
"""Points so far from a surface are still on it, as a share of the shape's size (dimensionless)."""


def directions(unit: Tensor) -> Tensor:
    """Map points of the unit cube (n, d − 1) to the unit sphere of R^d, equal volumes to equal areas, shape (n, d).

    The last coordinate is an angle about the axis; each other one gives an angle φ in (0, π) of density ∝ sin^k φ.
    """
    angle = 2 * math.pi * unit[:, -1]
    points = torch.stack([angle.cos(), angle.sin()], 1)
    for axis in reversed(range(unit.shape[1] - 1)):
        polar = _polar(unit[:, axis], points.shape[1] - 1)
        points = torch.cat([polar.cos()[:, None], polar.sin()[:, None] * points], 1)
    return points


def _polar(share: Tensor, power: int) -> Tensor:
    """Return the angle φ in [0, π] below which a share of ∫ sin^k lies, k ≥ 1."""
    if power == 1:
        return torch.acos((1 - 2 * share).clamp(-1, 1))
    whole = _integral(share.new_full((), math.pi), power)
    with torch.no_grad():
        low, high = torch.zeros_like(share), torch.full_like(share, math.pi)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = _integral(middle, power) < share * whole
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        angle = (low + high) / 2
    # one step of Newton's method gives the angle its derivative
    density = angle.sin() ** power / whole
    step = (share - _integral(angle, power) / whole) / density.clamp_min(FLAT)
    return angle + torch.where(density > FLAT, step, 0)


def _integral(angle: Tensor, power: int) -> Tensor:
    """Return ∫₀^φ sin^k by k ∫ sin^k = −sin^(k−1) cos + (k − 1) ∫ sin^(k−2)."""
    if power == 0:
        return angle
    if power == 1:
        return 2 * (angle / 2).sin() ** 2  # 1 − cos without cancellation
    return ((power - 1) * _integral(angle, power - 2) - angle.sin() ** (power - 1) * angle.cos()) / power


def checked_centre(shape: str, centre: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the centre of a shape with at least two coordinates; raise `DeclarationError` for another one."""
    if len(centre) < 2:
        what = f"{shape} has the coordinates ({', '.join(centre)})"
        raise DeclarationError(what, shape, "give two or more, as in x=0, y=0; an interval is Box(x=(lower, upper))")
    return tuple(checked_number(shape, name, value) for name, value in centre.items())


def checked_number(shape: str, name: str, value: Any) -> float:
    """Return a finite number; raise `DeclarationError` for anything else."""
    number = finite(value)
    if number is None:
        raise DeclarationError(f"{name} is {value!r}", shape, "give a finite number")
    return number


def checked_length(shape: str, name: str, value: Any) -> float:
    """Return a positive length; raise `DeclarationError` for anything else."""
    number = checked_number(shape, name, value)
    if number <= 0:
        raise DeclarationError(f"{name} is {number:g}", shape, "give a positive length")
    return number


def written(numbers: Mapping[str, Any]) -> str:
    """Return arguments as they are written, `x=0.0, y=1.0`."""
    return ", ".join(f"{name}={number!r}" for name, number in numbers.items())
