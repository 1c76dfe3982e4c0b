"""Coefficients in place of the benchmark's files of random numbers; `library` is numpy or torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray

GOLDEN = (math.sqrt(5) - 1) / 2

HIGHEST = 4
"""The largest wave number |k| of the field."""

BLOCKS = 5
"""Blocks along each side of the square of Poisson2d-MS."""


def field(x: Any, y: Any, library: Any) -> Any:
    """Return a smooth function of period 1 with mean 0 and standard deviation 1 at points of the unit square.

    The benchmark draws a Gaussian field of spectrum |k|⁻⁴. This one has cosines 2π k·x of amplitude |k|⁻² for
    0 < |k| ≤ 4, the n-th of them with the phase 2π frac(n φ), φ the golden ratio.
    """
    waves = [(i, j) for i in range(HIGHEST + 1) for j in range(-HIGHEST, HIGHEST + 1) if (i, j) > (0, 0)]
    waves = [(i, j) for i, j in waves if i * i + j * j <= HIGHEST**2]
    size = math.sqrt(sum((i * i + j * j) ** -2 for i, j in waves) / 2)
    total = 0 * (x + y)
    for number, (i, j) in enumerate(waves, 1):
        phase = 2 * math.pi * (number * GOLDEN % 1)
        total = total + library.cos(2 * math.pi * (i * x + j * y) + phase) / ((i * i + j * j) * size)
    return total


def conductivity(x: Any, y: Any, library: Any) -> Any:
    """Return a of Heat2d-VC, exp(field)."""
    return library.exp(field(x, y, library))


def speed(x: Any, y: Any, library: Any) -> Any:
    """Return c of Wave2d-CG on (−1, 1)², between 1 and 12 by the field's sign, in steps that are a tenth wide."""
    return 6.5 + 5.5 * library.tanh(4 * field((x + 1) / 2, (y + 1) / 2, library))


def hump(x: Any, y: Any, library: Any) -> Any:
    """Return the start of Wave2d-CG: exp(−((x + ½)² + y²)/0.18) with its mirror images behind the walls of (−1, 1)²."""
    along = sum(library.exp(-((x - place) ** 2) / 0.18) for place in (-0.5, -1.5, 2.5))
    return along * sum(library.exp(-((y - place) ** 2) / 0.18) for place in (0.0, 2.0, -2.0))


def block_values(number: int) -> tuple[float, float, float]:
    """Return a, f₀ and f₁ of a block of Poisson2d-MS, numbered from 1 on.

    a = 10^(−2 + 5 frac(n φ)), as the benchmark draws it between 10⁻² and 10³; f₀ and f₁ are 2 frac(n √2) − 1 and
    2 frac(n √3) − 1.
    """
    return (
        10 ** (-2 + 5 * (number * GOLDEN % 1)),
        2 * (number * math.sqrt(2) % 1) - 1,
        2 * (number * math.sqrt(3) % 1) - 1,
    )


TABLE = np.array([block_values(number + 1) for number in range(BLOCKS**2)]).reshape(BLOCKS, BLOCKS, 3)
"""a, f₀ and f₁ by block along x and y."""


def blocks(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return a and f = f₀ + f₁ sin πξ sin πη of Poisson2d-MS on (−10, 10)², ξ and η from 0 to 1 in each block."""
    place = [(along + 10) / (20 / BLOCKS) for along in (x, y)]
    number = [along.detach().floor().clamp(0, BLOCKS - 1) for along in place]
    a, even, odd = torch.as_tensor(TABLE).to(x)[number[0].long(), number[1].long()].unbind(-1)
    wave = torch.sin(math.pi * (place[0] - number[0])) * torch.sin(math.pi * (place[1] - number[1]))
    return a, even + odd * wave
