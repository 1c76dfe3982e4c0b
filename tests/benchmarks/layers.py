"""Solutions with layers at walls, of linear equations and others: python layers.py 12 0,1,2 cubic"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from evolutions import solve_each
from torch import Tensor

import pinnml as pm

exp, sin = torch.exp, torch.sin


def derivative(function: Callable[..., Tensor], x: list[Tensor], axes: str, names: str) -> Tensor:
    """Return a derivative of a function of points, such as u_xx by the axes "xx", at each of them."""
    with torch.enable_grad():
        x = [one.detach().clone().requires_grad_() for one in x]
        value = function(*x)
        for axis in axes:
            (slope,) = torch.autograd.grad(value.sum(), x[names.index(axis)], create_graph=True, allow_unused=True)
            value = torch.zeros_like(value) if slope is None else slope
    return value.detach()


def with_source(domain: pm.Box, exact: Callable[..., Tensor], operator: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the residual operator(u) − operator(exact), which has the operator's arguments and the coordinates."""
    wanted, names = list(inspect.signature(operator).parameters), list(domain.names)

    def residual(**values: Tensor) -> Tensor:
        x = [values[name] for name in names]
        known = {name: derivative(exact, x, name[2:], "".join(names)) for name in wanted if name not in names}
        there = values | known
        return operator(*(values[name] for name in wanted)) - operator(*(there[name] for name in wanted))

    keys = dict.fromkeys([*wanted, *names])
    signature = inspect.Signature([inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY) for key in keys])
    vars(residual)["__signature__"] = signature
    return residual


def numbers(function: Callable[..., Tensor]) -> Callable[..., Any]:
    """Return a function of tensors as one of arrays."""

    @wraps(function)
    def of_arrays(*x: Any, **named: Any) -> Any:
        whole = {name: torch.as_tensor(value) for name, value in named.items()}
        return function(*map(torch.as_tensor, x), **whole).numpy()

    return of_arrays


def manufactured(
    name: str, domain: pm.Box, exact: Callable[..., Tensor], operator: Callable[..., Tensor], count: int
) -> pm.Problem:
    """Return operator(u) = operator(exact) with the exact values at the start and on all walls, all soft."""
    walls = [part for part in domain.parts if not part.startswith("t=") or part == "t=0"]
    return pm.Problem(
        domain,
        ["u"],
        conditions={
            "pde": pm.Interior(with_source(domain, exact, operator)),
            "walls": pm.Value(u=exact, on=walls),
        },
        reference=pm.Reference({"u": numbers(exact)}, dict.fromkeys(domain.names, count), "exact", 1e-14),
        name=name,
    )


def outflow(x: Tensor, width: float) -> Tensor:
    """The solution of −εu″ + u′ = 1 with u = 0 at 0 and 1."""
    return x - (exp((x - 1) / width) - math.exp(-1 / width)) / (1 - math.exp(-1 / width))


def between_walls(x: Tensor, width: float) -> Tensor:
    """The solution of −ε²u″ + u = 1 with u = 0 at 0 and 1."""
    return 1 - (exp(-x / width) + exp((x - 1) / width)) / (1 + math.exp(-1 / width))


def hartmann(number: float = 100.0) -> pm.Problem:
    """u″ + Hb′ = −1, b″ + Hu′ = 0 on (−1, 1), u = b = 0 at the walls."""
    H, still = number, math.exp(-2 * number)

    def u(y: Any) -> Any:
        return (1 - (np.exp(H * (y - 1)) + np.exp(-H * (y + 1))) / (1 + still)) / (H * math.tanh(H))

    def b(y: Any) -> Any:
        return ((np.exp(H * (y - 1)) - np.exp(-H * (y + 1))) / (1 - still) - y) / H

    return pm.Problem(
        pm.Box(y=(-1, 1)),
        ["u", "b"],
        conditions={
            "force": pm.Interior(lambda u_yy, b_y: u_yy + H * b_y + 1),
            "induction": pm.Interior(lambda b_yy, u_y: b_yy + H * u_y),
            "walls": pm.Value(u=0.0, b=0.0, on=["y=-1", "y=1"]),
        },
        reference=pm.Reference({"u": u, "b": b}, {"y": 4001}, "exact", 1e-14),
        name="hartmann",
    )


def stiff_pair(rate: float = 500.0) -> pm.Problem:
    """a′ = −L(a − b²), b′ = −b, a(0) = 0, b(0) = 1: an initial layer of an equation that is not linear."""
    L = rate
    return pm.Problem(
        pm.Box(t=(0, 2)),
        ["a", "b"],
        conditions={
            "fast": pm.Interior(lambda a, b, a_t: a_t + L * (a - b * b)),
            "slow": pm.Interior(lambda b, b_t: b_t + b),
            "start": pm.Value(a=0.0, b=1.0, on="t=0"),
        },
        reference=pm.Reference(
            {"a": lambda t: L / (L - 2) * (np.exp(-2 * t) - np.exp(-L * t)), "b": lambda t: np.exp(-t)},
            {"t": 4001}, "exact", 1e-14,
        ),
        name="stiff-pair",
    )  # fmt: skip


LINE, SQUARE = pm.Box(x=(0, 1)), pm.Box(x=(0, 1), y=(0, 1))

PROBLEMS: dict[str, Callable[[], pm.Problem]] = {
    "outflow": lambda: manufactured(
        "outflow", LINE, lambda x: outflow(x, 1e-2), lambda u_x, u_xx: u_x - u_xx / 100, 2001
    ),
    "thin-outflow": lambda: manufactured(
        "thin-outflow", LINE, lambda x: outflow(x, 1e-3), lambda u_x, u_xx: u_x - u_xx / 1000, 2001
    ),
    "thin-walls": lambda: manufactured(
        "thin-walls", LINE, lambda x: between_walls(x, 1e-3), lambda u, u_xx: u - 1e-6 * u_xx, 2001
    ),
    "corner": lambda: manufactured(
        "corner", SQUARE, lambda x, y: outflow(x, 0.02) * outflow(y, 0.02),
        lambda u_x, u_y, u_xx, u_yy: u_x + u_y - 0.02 * (u_xx + u_yy), 101,
    ),
    "frame": lambda: manufactured(
        "frame", SQUARE, lambda x, y: between_walls(x, 0.03) * between_walls(y, 0.03),
        lambda u, u_xx, u_yy: u - 9e-4 * (u_xx + u_yy), 101,
    ),
    "variable": lambda: manufactured(
        "variable", LINE, lambda x: exp(-500 * x) + torch.cos(3 * x),
        lambda u_x, u_xx, x: u_xx / 500 + (1 + x) * u_x, 4001,
    ),
    "cubic": lambda: manufactured(
        "cubic", LINE, lambda x: 1 - exp(-200 * x) - exp(200 * (x - 1)) + 0.3 * sin(5 * x),
        lambda u, u_xx: u + u**3 - 2.5e-5 * u_xx, 4001,
    ),
    "hartmann": hartmann,
    "evolving": lambda: manufactured(
        "evolving", pm.Box(t=(0, 1), x=(0, 1)),
        lambda t, x: (1 - exp(-2 * t)) * (1 - exp(-100 * x) - exp(100 * (x - 1))) + sin(3 * x) * t,
        lambda u, u_t, u_xx: u_t - 1e-4 * u_xx + u, 101,
    ),
    "channel": lambda: manufactured(
        "channel", SQUARE,
        lambda x, y: (1 - exp(100 * (x - 1))) * (1 - exp(-10 * y) - exp(10 * (y - 1))) * (1 + x),
        lambda u_x, u_xx, u_yy: u_x - (u_xx + u_yy) / 100, 201,
    ),
    "convective": lambda: manufactured(
        "convective", LINE, lambda x: 1.5 - exp(100 * (x - 1)) + sin(4 * x) / 5,
        lambda u, u_x, u_xx: u * u_x - u_xx / 100 + u, 4001,
    ),
    "steep": lambda: manufactured(
        "steep", LINE, lambda x: -torch.tanh(50 * (x - 1)), lambda u, u_x, u_xx: u * u_x - u_xx / 100, 4001
    ),
    "relaxation": lambda: manufactured(
        "relaxation", pm.Box(t=(0, 3)),
        lambda t: (4e4 * torch.cos(t) + 200 * sin(t) - 4e4 * exp(-200 * t)) / 40001,
        lambda u, u_t: u_t + 200 * u, 3001,
    ),
    "stiff-pair": stiff_pair,
}  # fmt: skip


if __name__ == "__main__":
    solve_each(PROBLEMS, float(sys.argv[1]), [int(seed) for seed in sys.argv[2].split(",")], sys.argv[3:])
