"""Solutions that are narrow in places of the domain: python narrow.py 12 0,1,2 peak

Patches were built on the first five; the others were looked at when the method stood, the last three last.
"""

from __future__ import annotations

import math
import sys

import torch
from evolutions import solve_each
from layers import SQUARE, manufactured
from torch import Tensor

import pinnml as pm

exp = torch.exp
AROUND = pm.Box(x=(-1, 1), y=(-1, 1))


def hill(x: Tensor, y: Tensor, a: float, b: float, sharp: float) -> Tensor:
    return exp(-sharp * ((x - a) ** 2 + (y - b) ** 2))


def tilted(x: Tensor, y: Tensor) -> Tensor:
    """A peak that is narrower across a direction of 30° than along it."""
    along = math.cos(math.pi / 6) * (x - 0.45) + math.sin(math.pi / 6) * (y - 0.6)
    across = -math.sin(math.pi / 6) * (x - 0.45) + math.cos(math.pi / 6) * (y - 0.6)
    return exp(-300 * along**2 - 2000 * across**2)


def soliton() -> pm.Problem:
    """i u_t + u_xx/2 + |u|² u = 0 with u = sech(x − t) e^{ix}, u = a + ib, t < 2."""

    def wave(part: int, t: Tensor, x: Tensor) -> Tensor:
        return (torch.sin(x) if part else torch.cos(x)) / torch.cosh(x - t)

    def real(a: Tensor, b: Tensor, b_t: Tensor, a_xx: Tensor) -> Tensor:
        return -b_t + a_xx / 2 + (a * a + b * b) * a

    def imaginary(a: Tensor, b: Tensor, a_t: Tensor, b_xx: Tensor) -> Tensor:
        return a_t + b_xx / 2 + (a * a + b * b) * b

    return pm.Problem(
        pm.Box(t=(0, 2), x=(-8, 10)),
        ["a", "b"],
        conditions={
            "real": pm.Interior(real),
            "imaginary": pm.Interior(imaginary),
            "start": pm.Value(a=lambda x: wave(0, 0 * x, x), b=lambda x: wave(1, 0 * x, x), on="t=0"),
            "walls": pm.Value(a=lambda t, x: wave(0, t, x), b=lambda t, x: wave(1, t, x), on=["x=-8", "x=10"]),
        },
        reference=pm.Reference(
            {
                "a": lambda t, x: wave(0, torch.as_tensor(t), torch.as_tensor(x)).numpy(),
                "b": lambda t, x: wave(1, torch.as_tensor(t), torch.as_tensor(x)).numpy(),
            },
            {"t": 31, "x": 121},
            "exact",
            1e-15,
        ),
    )


def laplacian(u_xx: Tensor, u_yy: Tensor) -> Tensor:
    return u_xx + u_yy


PROBLEMS = {
    "peak": lambda: manufactured("peak", AROUND, lambda x, y: hill(x, y, 0.3, 0.4, 1000), laplacian, 401),
    "two-peaks": lambda: manufactured(
        "two-peaks", AROUND, lambda x, y: hill(x, y, 0.5, 0.5, 100) + hill(x, y, -0.5, -0.5, 100), laplacian, 201
    ),
    "centred": lambda: manufactured("centred", SQUARE, lambda x, y: hill(x, y, 0.5, 0.5, 1000), laplacian, 201),
    "oscillating": lambda: manufactured(
        "oscillating", SQUARE,
        lambda x, y: torch.sin(1 / (1 / 18.85 + torch.sqrt((x + 0.001) ** 2 + (y + 0.001) ** 2))),
        lambda u, u_xx, u_yy: -u_xx - u_yy - u, 201,
    ),
    "soliton": soliton,
    "cubic-peak": lambda: manufactured(
        "cubic-peak", SQUARE, lambda x, y: hill(x, y, 0.7, 0.3, 400) + torch.sin(x + y),
        lambda u, u_xx, u_yy: u_xx + u_yy - u**3, 201,
    ),
    "three-of-a-kind": lambda: manufactured(
        "three-of-a-kind", SQUARE,
        lambda x, y: hill(x, y, 0.2, 0.2, 500) + hill(x, y, 0.8, 0.3, 2000) - hill(x, y, 0.4, 0.8, 1000),
        lambda u, u_xx, u_yy: u - u_xx - u_yy, 401,
    ),
    "ridge": lambda: manufactured(
        "ridge", SQUARE, lambda x, y: exp(-2000 * (x - 0.3) ** 2) * torch.cos(2 * y),
        lambda u_xx, u_yy, u_y: u_xx + u_yy + u_y, 401,
    ),
    "step": lambda: manufactured(
        "step", pm.Box(x=(0, 1)), lambda x: torch.tanh(100 * (x - 0.37)), lambda u, u_xx: u - u_xx, 2001
    ),
    "ball": lambda: manufactured(
        "ball", pm.Box(x=(0, 1), y=(0, 1), z=(0, 1)),
        lambda x, y, z: exp(-200 * ((x - 0.4) ** 2 + (y - 0.5) ** 2 + (z - 0.6) ** 2)),
        lambda u_xx, u_yy, u_zz: u_xx + u_yy + u_zz, 41,
    ),
    "beating": lambda: manufactured(
        "beating", pm.Box(t=(0, 2), x=(-1, 1)),
        lambda t, x: exp(-500 * (x - 0.2) ** 2) * torch.cos(3 * t) + x * t,
        lambda u_t, u_xx: u_t - u_xx / 100, 101,
    ),
    "heated": lambda: manufactured(
        "heated", pm.Box(t=(0, 1), x=(-1, 1)),
        lambda t, x: exp(-x * x / (0.0018 + 0.08 * t)) / torch.sqrt(1 + 0.08 / 0.0018 * t),
        lambda u_t, u_xx: u_t - u_xx / 50, 101,
    ),
    "lorentzian": lambda: manufactured(
        "lorentzian", SQUARE, lambda x, y: 1 / (1 + 2000 * ((x - 0.6) ** 2 + (y - 0.6) ** 2)), laplacian, 401
    ),
    "tilted": lambda: manufactured(
        "tilted", SQUARE, tilted, lambda u_xx, u_yy, u_x: u_xx + u_yy - 5 * u_x, 401
    ),
    "korteweg-de-vries": lambda: manufactured(
        "korteweg-de-vries", pm.Box(t=(0, 1), x=(-10, 10)), lambda t, x: 2 / torch.cosh(x + 3 - 4 * t) ** 2,
        lambda u, u_t, u_x, u_xxx: u_t + 6 * u * u_x + u_xxx, 201,
    ),
    "driven": lambda: manufactured(
        "driven", pm.Box(t=(0, 2)), lambda t: exp(-3000 * (t - 0.7) ** 2) + torch.cos(3 * t),
        lambda u, u_t: u_t + u * u, 4001,
    ),
}  # fmt: skip


if __name__ == "__main__":
    solve_each(PROBLEMS, float(sys.argv[1]), [int(seed) for seed in sys.argv[2].split(",")], sys.argv[3:])
