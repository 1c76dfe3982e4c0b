"""The Korteweg–de Vries equation with a soliton; every quantity is dimensionless."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Derivative, Interior, Problem, Reference, Value

Array = np.ndarray


def korteweg_de_vries(speed: float = 4.0) -> Problem:
    """Return u_t + 6uu_x + u_xxx = 0 on t ∈ (0, 1), x ∈ (−6, 6); u = (c/2) sech²(√c (x − ct + 2)/2), speed c.

    A wave twice as high as it is fast when c = 4 crosses a third of the box without a change of form. u is given at
    the start and on both walls, u_x on the right one, all of them soft: three conditions in x for three derivatives.
    Source: Drazin, Johnson, Solitons: an Introduction, 1989, §1.2.
    """
    root = math.sqrt(speed)

    def phase(t: Tensor, x: Tensor) -> Tensor:
        return root / 2 * (x - speed * t + 2)

    def wave(t: Tensor, x: Tensor) -> Tensor:
        return speed / 2 / torch.cosh(phase(t, x)) ** 2

    def slope(t: Tensor, x: Tensor) -> Tensor:
        return -root * torch.tanh(phase(t, x)) * wave(t, x)

    def exact(t: Array, x: Array) -> Array:
        return speed / 2 / np.cosh(root / 2 * (x - speed * t + 2)) ** 2

    return Problem(
        domain=Box(t=(0, 1), x=(-6, 6)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u, u_t, u_x, u_xxx: u_t + 6 * u * u_x + u_xxx),
            "start": Value(u=wave, on="t=0"),
            "walls": Value(u=wave, on=["x=-6", "x=6"]),
            "slope": Derivative(u_x=slope, on="x=6"),
        },
        reference=Reference({"u": exact}, {"t": 101, "x": 241}, "exact: a soliton", 1e-15),
        name="korteweg-de-vries",
        description="u_t + 6uu_x + u_xxx = 0, |x| < 6, t < 1; a soliton of speed 4, soft conditions",
    )
