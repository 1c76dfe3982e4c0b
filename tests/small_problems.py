"""Small problems of every kind, and how they are solved in a moment: few points, small networks, few iterations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnml as pm

TINY = pm.MLP(width=4, depth=1)


def tiny(problem: pm.Problem, iterations: int = 3, **settings: Any) -> pm.Solution:
    """Solve with 4 neurons on 40 points."""
    chosen: dict[str, Any] = {"network": TINY, "points": pm.Hammersley(40), "stop": pm.Iterations(iterations)}
    return pm.solve(problem, **(chosen | settings))


def string(**changes: Any) -> pm.Problem:
    """Return u_xx = −π² sin πx, u(0) = u(1) = 0, in one coordinate; u = sin πx."""
    declared: dict[str, Any] = {
        "domain": pm.Box(x=(0, 1)),
        "fields": ["u"],
        "conditions": {
            "pde": pm.Interior(lambda u_xx, x: u_xx + math.pi**2 * torch.sin(math.pi * x)),
            "ends": pm.Value(u=0.0, on=["x=0", "x=1"]),
        },
        "hard": {"ends"},
        "reference": pm.Reference({"u": lambda x: np.sin(np.pi * x)}, {"x": 21}, "sin πx", 1e-15),
        "name": "string",
    }
    return pm.Problem(**(declared | changes))


def heat(**changes: Any) -> pm.Problem:
    """Return u_t = κ u_xx, u(0, x) = sin x, u(t, 0) = u(t, π) = 0: an evolution; u = exp(−κt) sin x."""
    declared: dict[str, Any] = {
        "domain": pm.Box(t=(0, 1), x=(0, math.pi)),
        "fields": ["u"],
        "parameters": {"kappa": 0.5},
        "conditions": {
            "pde": pm.Interior(lambda u_t, u_xx, kappa: u_t - kappa * u_xx),
            "start": pm.Value(u=lambda x: torch.sin(x), on="t=0"),
            "walls": pm.Value(u=0.0, on=["x=0", f"x={math.pi}"]),
        },
        "hard": {"start", "walls"},
        "reference": pm.Reference(
            {"u": lambda t, x: np.exp(-0.5 * t) * np.sin(x)}, {"t": 6, "x": 21}, "separation of variables", 1e-15
        ),
        "name": "heat",
    }
    return pm.Problem(**(declared | changes))


def oscillator() -> pm.Problem:
    """Return u_t = v, v_t = −u, u(0) = 1, v(0) = 0 with penalties: two fields; u = cos t, v = −sin t."""
    return pm.Problem(
        domain=pm.Box(t=(0, 1)),
        fields=["u", "v"],
        conditions={
            "motion": pm.Interior(lambda u, v, u_t, v_t: (u_t - v, v_t + u)),
            "start": pm.Value(u=1.0, v=0.0, on="t=0"),
        },
        reference=pm.Reference(
            {"u": lambda t: np.cos(t), "v": lambda t: -np.sin(t)}, {"t": 11}, "cos t, −sin t", 1e-15
        ),
        name="oscillator",
    )


def ring() -> pm.Problem:
    """Return u_t + u_x = 0 on a ring with u(0, x) = sin πx, all by penalties, and without a reference."""
    return pm.Problem(
        domain=pm.Box(t=(0, 1), x=(-1, 1)),
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u_t, u_x: u_t + u_x),
            "start": pm.Value(u=lambda x: torch.sin(math.pi * x), on="t=0"),
            "ring": pm.Periodic(u=0, along="x"),
        },
        name="ring",
    )


def block() -> pm.Problem:
    """Return −Δu = 3u in three coordinates with u = sin x sin y sin z on all sides."""

    def product(sin: Callable[[Any], Any], x: Any, y: Any, z: Any) -> Any:
        return sin(x) * sin(y) * sin(z)

    def walls(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return product(torch.sin, x, y, z)

    return pm.Problem(
        domain=pm.Box(x=(0, 1), y=(0, 2), z=(0, 3)),
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u, u_xx, u_yy, u_zz: u_xx + u_yy + u_zz + 3 * u),
            "walls": pm.Value(u=walls, on=["x=0", "x=1", "y=0", "y=2", "z=0", "z=3"]),
        },
        hard={"walls"},
        reference=pm.Reference(
            {"u": lambda x, y, z: product(np.sin, x, y, z)}, {"x": 5, "y": 6, "z": 7}, "manufactured", 1e-15
        ),
        name="block",
    )


KINDS: dict[str, Callable[[], pm.Problem]] = {
    "string": string,
    "heat": heat,
    "oscillator": oscillator,
    "ring": ring,
    "block": block,
}
