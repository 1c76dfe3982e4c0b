"""The problems as every peer is given them, in operations that NumPy, torch and JAX share.

The array package is an argument, `xp`. Both coordinates, a and b, are arrays of one shape; for an evolution a is t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
NU, DIFFUSION = 0.01 / math.pi, 1e-3
STEP = 1e-30
"""The step of complex differences, whose truncation is far below rounding."""


@dataclass(frozen=True)
class Equation:
    """r(a, b, u, u_a, u_b, u_aa, u_bb) = 0 on a rectangle, u = given on its sides but the last one in time.

    A network N satisfies the conditions exactly as u = given + cutoff · N.
    """

    lower: tuple[float, float]
    upper: tuple[float, float]
    evolution: bool
    linear: bool
    residual: Callable[..., Any]
    given: Callable[[Any, Any, Any], Any]
    cutoff: Callable[[Any, Any], Any]

    def held(self, xp: Any, a: Any, b: Any, network: Any) -> Any:
        """Return u for the network's output."""
        return self.given(xp, a, b) + self.cutoff(a, b) * network

    def linearised(self, a: Array, b: Array, jets: list[Array]) -> tuple[Array, list[Array]]:
        """Return r and its derivatives by each of the five jets of u, by complex differences in NumPy."""
        found = []
        for index in range(len(jets)):
            moved = [jet + (STEP * 1j if place == index else 0) for place, jet in enumerate(jets)]
            found.append(np.imag(self.residual(np, a, b, *moved)) / STEP)
        return self.residual(np, a, b, *jets), [np.broadcast_to(part, a.shape) for part in found]


def _burgers(xp: Any, t: Any, x: Any, u: Any, u_t: Any, u_x: Any, u_tt: Any, u_xx: Any) -> Any:
    return u_t + u * u_x - NU * u_xx


def _allen_cahn(xp: Any, t: Any, x: Any, u: Any, u_t: Any, u_x: Any, u_tt: Any, u_xx: Any) -> Any:
    return u_t - DIFFUSION * u_xx - 5 * (u - u**3)


def _poisson(xp: Any, x: Any, y: Any, u: Any, u_x: Any, u_y: Any, u_xx: Any, u_yy: Any) -> Any:
    return -(u_xx + u_yy) - 2 * math.pi**2 * xp.sin(math.pi * x) * xp.sin(math.pi * y)


def _late(t: Any, x: Any) -> Any:
    return t * (1 - x**2)


EQUATIONS = {
    "burgers": Equation(
        (0.0, -1.0), (1.0, 1.0), True, False, _burgers, lambda xp, t, x: -xp.sin(math.pi * x), _late
    ),
    "allen-cahn": Equation(
        (0.0, -1.0), (1.0, 1.0), True, False, _allen_cahn, lambda xp, t, x: x**2 * xp.cos(math.pi * x), _late
    ),
    "poisson": Equation(
        (-1.0, -1.0), (1.0, 1.0), False, True, _poisson, lambda xp, x, y: 0 * x, lambda x, y: (1 - x**2) * (1 - y**2)
    ),
}  # fmt: skip
"""By the names of pinnml's bundled problems; tests hold the two equal."""
