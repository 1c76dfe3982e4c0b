"""Functions that take prescribed values, and slopes, on faces of a box, and functions that vanish there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.problem.boundary import evaluated
from pinnml.problem.box import Box, Face
from pinnml.problem.vocabulary import BoundFunction

PointFunction = Callable[[Tensor], Tensor]
"""A function of points (n, d) with values of shape (n,)."""


@dataclass(frozen=True)
class Held:
    """What is prescribed on a face: a value, order 0, or the derivative along the face's own coordinate, order 1."""

    face: Face
    order: int
    value: BoundFunction | float


AxisData = Sequence[Held]
"""All that is prescribed on the faces across one coordinate; where there is a slope, there is a value, too."""


def extension(axes: Sequence[AxisData], domain: Box) -> PointFunction:
    """Return g with these values and slopes, as far as they agree on the edges.

    A number that holds on all faces of some axes, with slopes of zero, extends itself. Each of the other axes corrects
    what came before it by Hermite polynomials of its coordinate, g + Σ B·(value − g) (Gordon's Boolean sum, 1971).
    """
    constant, others = one_constant(axes)
    return corrected(constantly(constant), others, domain)


def corrected(offset: PointFunction, axes: Sequence[AxisData], domain: Box) -> PointFunction:
    """Correct an extension on the faces of some axes, one after the other; first where slopes are prescribed."""
    for held in sorted(axes, key=lambda held: not any(one.order for one in held)):
        offset = _corrected(offset, held, domain)
    return offset


def constantly(number: float) -> PointFunction:
    """Return the function of points that is one number."""
    return zero if number == 0 else lambda x: torch.full_like(x[:, 0], number)


def one_constant(axes: Sequence[AxisData]) -> tuple[float, list[AxisData]]:
    """Return one number that holds on all faces of some axes, and the axes where something else is prescribed."""
    own = [_number(held) for held in axes]
    constant = next((number for number in own if number is not None), 0.0)
    return constant, [held for held, number in zip(axes, own, strict=True) if number != constant]


def _number(held: AxisData) -> float | None:
    """Return the one number that is prescribed across an axis, with slopes of zero; None for anything else."""
    values = [one.value for one in held if not one.order]
    first = values[0] if values else None
    if not isinstance(first, float) or any(one.value != (0.0 if one.order else first) for one in held):
        return None
    return first


def _corrected(inner: PointFunction, held: AxisData, domain: Box) -> PointFunction:
    """Correct an extension on the faces of one axis.

    Where the data agree on the edges, earlier axes keep their values and slopes, so that all hold in the end.
    """
    blends = [_hermite(one, held) for one in held]
    axis = held[0].face.axis
    lower, length = domain.lower[axis], domain.lengths[axis]

    def offset(x: Tensor) -> Tensor:
        total, s = inner(x), (x[:, axis] - lower) / length
        for one, blend in zip(held, blends, strict=True):
            position = torch.full_like(x[:, :1], domain.position(one.face))
            on_face = torch.cat([x[:, :axis], position, x[:, axis + 1 :]], 1)
            present = length * _slope(inner, on_face, axis) if one.order else inner(on_face)
            total = total + _polynomial(blend, s) * (length**one.order * evaluated(one.value, on_face) - present)
        return total

    return offset


def _slope(function: PointFunction, x: Tensor, axis: int) -> Tensor:
    """Return ∂g/∂x_axis at points (n, d), as a function that can be differentiated itself."""
    with torch.enable_grad():
        at = x if x.requires_grad else x.detach().clone().requires_grad_()
        total = function(at).sum()
        if not total.requires_grad:
            return torch.zeros_like(x[:, 0])
        (gradient,) = torch.autograd.grad(total, at, create_graph=True, allow_unused=True, materialize_grads=True)
    return gradient[:, axis] if x.requires_grad else gradient[:, axis].detach()


def _hermite(one: Held, held: AxisData) -> tuple[float, ...]:
    """Return the coefficients of the polynomial in s ∈ [0, 1] with one of the prescribed numbers 1, the others 0."""
    powers = torch.arange(len(held), dtype=torch.float64, device="cpu")
    rows = []
    for other in held:
        s = torch.full_like(powers, float(other.face.upper))
        rows.append(powers * s ** (powers - 1).clamp(0) if other.order else s**powers)
    wanted = torch.tensor([float(other is one) for other in held], dtype=torch.float64, device="cpu")
    return tuple(torch.linalg.solve(torch.stack(rows), wanted).tolist())


def _polynomial(coefficients: Sequence[float], s: Tensor) -> Tensor:
    total = torch.full_like(s, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * s + coefficient
    return total


def face_distance(axes: Sequence[AxisData], domain: Box) -> PointFunction:
    """Return ℓ = ∏ |x − face| / length, squared where a slope is prescribed, times what makes its maximum 1."""
    powers = [{one.face: 1 + one.order for one in sorted(held, key=lambda one: one.order)} for held in axes]
    size = math.prod(_inverse_maximum(tuple(one.values())) for one in powers)

    def distance(x: Tensor) -> Tensor:
        product = torch.full_like(x[:, 0], size)
        for face, power in (item for one in powers for item in one.items()):
            sign = -1.0 if face.upper else 1.0
            away = (sign / domain.lengths[face.axis]) * (x[:, face.axis] - domain.position(face))
            product = product * away**power
        return product

    return distance


def _inverse_maximum(powers: Sequence[int]) -> float:
    """Return the inverse of the maximum of s^a (1 − s)^b on [0, 1]."""
    if len(powers) == 1:
        return 1.0
    a, b = powers
    return (a + b) ** (a + b) / (a**a * b**b)


def zero(x: Tensor) -> Tensor:
    """Return 0 at points (n, d)."""
    return torch.zeros_like(x[:, 0])
