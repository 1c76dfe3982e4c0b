"""Evolutions that Newton's steps lose, and fronts that move: python evolutions.py 10 0,1,2 logistic shock"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp

import pinnml as pm

Rates = Callable[..., Sequence[Any]]
"""u′ as a function of the fields, of numbers or tensors."""


def system(
    name: str, rates: Rates, start: Mapping[str, float], until: float, equations: Mapping[str, Callable[..., Any]]
) -> pm.Problem:
    """Return u′ = f(u), u(0) given, both soft, with SciPy's solution by Dormand and Prince's method of order 8."""
    values = list(start.values())
    exact = solve_ivp(
        lambda t, u: rates(*u), (0, until), values, method="DOP853", rtol=1e-13, atol=1e-14, dense_output=True
    ).sol

    def field(number: int) -> Callable[[Any], Any]:
        return lambda t: exact(t)[number]

    return pm.Problem(
        pm.Box(t=(0, until)),
        list(start),
        conditions={key: pm.Interior(residual) for key, residual in equations.items()}
        | {"start": pm.Value(**start, on="t=0")},
        reference=pm.Reference({key: field(n) for n, key in enumerate(start)}, {"t": 1001}, "SciPy", 1e-12),
        name=name,
    )


def front(name: str, domain: pm.Box, exact: Callable[..., Any], equation: Callable[..., Any]) -> pm.Problem:
    """Return an equation for u(t, x) whose solution is known, with values at the start and on the walls, all soft."""
    conditions = {
        "pde": pm.Interior(equation),
        "start": pm.Value(u=lambda x: exact(0 * x, x, torch), on="t=0"),
        "walls": pm.Value(u=lambda t, x: exact(t, x, torch), on=list(domain.sides(1))),
    }
    reference = pm.Reference({"u": lambda t, x: exact(t, x, np)}, {"t": 41, "x": 401}, "exact", 1e-14)
    return pm.Problem(domain, ["u"], conditions=conditions, reference=reference, name=name)


def fisher(t: Any, x: Any, m: Any) -> Any:
    """Return (1 + exp(k(x − 0.2 − ct)))⁻², which solves u_t = u_xx/2000 + 4u(1 − u)."""
    return (1 + m.exp((4 / 0.003) ** 0.5 * (x - 0.2 - 5 * (0.002 / 6) ** 0.5 * t))) ** -2


PROBLEMS: dict[str, Callable[[], pm.Problem]] = {
    "logistic": lambda: system(
        "logistic", lambda u: [u * (1 - u)], {"u": 0.01}, 12, {"u": lambda u, u_t: u_t - u * (1 - u)}
    ),
    "epidemic": lambda: system(
        "epidemic", lambda s, i, r: [-3 * s * i, 3 * s * i - i, i], {"s": 0.99, "i": 0.01, "r": 0.0}, 10,
        {"s": lambda s, i, s_t: s_t + 3 * s * i, "i": lambda s, i, i_t: i_t - 3 * s * i + i,
         "r": lambda i, r_t: r_t - i},
    ),
    "prey": lambda: system(
        "prey", lambda a, b: [a * (1 - b), b * (a - 1)], {"a": 0.5, "b": 1.0}, 24,
        {"a": lambda a, b, a_t: a_t - a * (1 - b), "b": lambda a, b, b_t: b_t - b * (a - 1)},
    ),
    "van-der-pol": lambda: system(
        "van-der-pol", lambda u, v: [v, (1 - u**2) * v - u], {"u": 2.0, "v": 0.0}, 12,
        {"u": lambda u_t, v: u_t - v, "v": lambda u, v, v_t: v_t - (1 - u**2) * v + u},
    ),
    "pendulum": lambda: system(
        "pendulum", lambda u, v: [v, -np.sin(u)], {"u": 2.5, "v": 0.0}, 12,
        {"u": lambda u_t, v: u_t - v, "v": lambda u, v_t: v_t + torch.sin(u)},
    ),
    "lorenz": lambda: system(
        "lorenz", lambda a, b, c: [10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c],
        {"a": -8.0, "b": 7.0, "c": 27.0}, 1,
        {"a": lambda a, b, a_t: a_t - 10 * (b - a), "b": lambda a, b, c, b_t: b_t - a * (28 - c) + b,
         "c": lambda a, b, c, c_t: c_t - a * b + 8 / 3 * c},
    ),
    "shock": lambda: front(
        "shock", pm.Box(t=(0, 1), x=(0, 1)), lambda t, x, m: 0.5 * (1 - m.tanh((x - 0.3 - 0.5 * t) / 0.008)),
        lambda u, u_t, u_x, u_xx: u_t + u * u_x - 0.002 * u_xx,
    ),
    "fisher": lambda: front(
        "fisher", pm.Box(t=(0, 2), x=(0, 1)), fisher, lambda u, u_t, u_xx: u_t - u_xx / 2000 - 4 * u * (1 - u)
    ),
}  # fmt: skip


def solve_each(
    problems: Mapping[str, Callable[[], pm.Problem]], seconds: float, seeds: Sequence[int], names: Sequence[str]
) -> None:
    """Solve each with the default for so many seconds, and print the errors beside what they are said to be."""
    warnings.simplefilter("ignore")
    for name in names or problems:
        for seed in seeds:
            solution = pm.solve(problems[name](), seconds=seconds, seed=seed, device="cpu", progress=False)
            error, estimate = solution.error(), solution.estimate
            assert error is not None
            told = "unknown" if estimate is None else f"{estimate.largest:.1e}, trusted: {estimate.trustworthy}"
            spent = f"{name:12s} seed {seed}: {error.relative_l2:.1e} after {solution.result.seconds:.1f} s"
            print(f"{spent}, estimated {told}", flush=True)


if __name__ == "__main__":
    solve_each(PROBLEMS, float(sys.argv[1]), [int(seed) for seed in sys.argv[2].split(",")], sys.argv[3:])
