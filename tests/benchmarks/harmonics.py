"""Periodic problems by the number of harmonics, at equal work: `tests/benchmarks/harmonics.py transport cnoidal`.

Sweeps alone, and readouts on the coordinates of an untrained network alone (30, 70 and 400 neurons).
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pinnml.problems as problems
import torch
from scipy.special import ellipj, ellipk, ive
from torch import Tensor

import pinnml as pm
from pinnml.setup import fit_network

SPEED = 30.0
Function = Callable[..., Any]


def transport() -> pm.Problem:
    """Return u_t + 30 u_x = 0 on a ring of length 2π, u(0, x) = sin x by construction; u = sin(x − 30t)."""
    return on_ring(
        "transport", 2 * math.pi, 1.0,
        {"pde": pm.Interior(lambda u_t, u_x: u_t + SPEED * u_x)},
        {"u": lambda x: torch.sin(x)},
        {"u": lambda t, x: np.sin(x - SPEED * t)},
    )  # fmt: skip


def cnoidal(m: float = 0.9, k: float = 1.5, end: float = 0.1) -> pm.Problem:
    """Return u_t + 6uu_x + u_xxx = 0 on a ring; u = 2mk² cn²(k(x − ct), m), c = 4k²(2m − 1): periodic solitons."""
    length, speed = 2 * float(ellipk(m)) / k, 4 * k**2 * (2 * m - 1)

    def u(t: Any, x: Any) -> Any:
        return 2 * m * k**2 * ellipj(k * (x - speed * t), m)[1] ** 2

    return on_ring(
        "cnoidal", length, end,
        {"pde": pm.Interior(lambda u, u_t, u_x, u_xxx: u_t + 6 * u * u_x + u_xxx)},
        {"u": cosines(lambda x: u(0, x), length)}, {"u": u}, order=2,
    )  # fmt: skip


def schroedinger(m: float = 0.99) -> pm.Problem:
    """Return iψ_t + ψ_xx/2 + |ψ|²ψ = 0 on a ring; ψ = dn(x, m) exp(i(2 − m)t/2)."""
    length = 2 * float(ellipk(m))

    def real(p: Tensor, q: Tensor, q_t: Tensor, p_xx: Tensor) -> Tensor:
        return -q_t + p_xx / 2 + (p**2 + q**2) * p

    def imaginary(p: Tensor, q: Tensor, p_t: Tensor, q_xx: Tensor) -> Tensor:
        return p_t + q_xx / 2 + (p**2 + q**2) * q

    return on_ring(
        "schroedinger", length, 2.0,
        {"real": pm.Interior(real), "imaginary": pm.Interior(imaginary)},
        {"p": cosines(lambda x: ellipj(x, m)[2], length), "q": lambda x: 0 * x},
        {
            "p": lambda t, x: ellipj(x, m)[2] * np.cos((2 - m) / 2 * t),
            "q": lambda t, x: ellipj(x, m)[2] * np.sin((2 - m) / 2 * t),
        },
    )  # fmt: skip


def burgers(nu: float = 0.1) -> pm.Problem:
    """Return u_t + uu_x = νu_xx on a ring, u(0, x) = sin x; by Cole and Hopf, with Bessel functions of 1/2ν."""
    n = np.arange(1, 41)[:, None, None]
    zero, series = ive(0, 0.5 / nu), ive(n, 0.5 / nu)

    def u(t: Any, x: Any) -> Any:
        t, x = np.broadcast_arrays(t, x)
        decayed = series * np.exp(-nu * n**2 * t.reshape(1, 1, -1))
        waves = n * x.reshape(1, 1, -1)
        above, below = (n * decayed * np.sin(waves)).sum((0, 1)), zero + 2 * (decayed * np.cos(waves)).sum((0, 1))
        return (4 * nu * above / below).reshape(t.shape)

    return on_ring(
        "burgers", 2 * math.pi, 2.0,
        {"pde": pm.Interior(lambda u, u_t, u_x, u_xx: u_t + u * u_x - nu * u_xx)},
        {"u": lambda x: torch.sin(x)}, {"u": u},
    )  # fmt: skip


def cosines(even: Function, length: float, count: int = 64) -> Function:
    """Return an even function of a ring as its cosine series, for tensors."""
    samples = even(length * np.arange(4 * count) / (4 * count))
    found = np.fft.rfft(samples).real[:count] * 2 / len(samples)
    found[0] /= 2

    def series(x: Tensor) -> Tensor:
        waves = torch.arange(count, dtype=x.dtype) * (2 * math.pi / length)
        return torch.cos(x[:, None] * waves) @ torch.from_numpy(found).to(x)

    return series


def on_ring(
    name: str, length: float, end: float, equations: Any, start: dict[str, Any], exact: Any, order: int = 1
) -> pm.Problem:
    """Return the problem on a ring whose start is hard."""
    return pm.Problem(
        pm.Box(t=(0, end), x=(0, length)),
        list(start),
        conditions=equations
        | {"start": pm.Value(**start, on="t=0"), "ring": pm.Periodic(**dict.fromkeys(start, order), along="x")},
        hard={"start"},
        reference=pm.Reference(exact, {"t": 51, "x": 101}, "exact", 1e-12),
        name=name,
    )


PROBLEMS = {
    "transport": transport,
    "cnoidal": cnoidal,
    "schroedinger": schroedinger,
    "burgers": burgers,
    "allen-cahn-periodic": lambda: problems.get("allen-cahn-periodic"),
}


class Trained(pm.stop.Stop):
    """Stops where a network is trained again after a try on its coordinates."""

    def __init__(self, size: int) -> None:
        self.size = size

    def reason(self, progress: pm.optim.Progress) -> str | None:
        """Compare the number of parameters."""
        return "The try is over." if len(progress.iterate.theta) == self.size else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--harmonics", type=int, nargs="+", default=[1, 2, 3, 5])
    parser.add_argument("--work", type=float, default=250)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--tries", action="store_true", help="readouts alone")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in asked.problems:
        problem = PROBLEMS[name]()
        rule: Any = fit_network(pm.ResNet(), problem)
        print(f"{name}: {rule.embedding.harmonics} by rule, {torch.get_num_threads()} threads", flush=True)
        for harmonics in asked.harmonics:
            network = pm.ResNet(16, 4, embedding=pm.PeriodicEmbedding("x", harmonics))
            for readouts in (True,) if asked.tries else (True, False):
                began, ends = time.perf_counter(), []
                for seed in asked.seeds:
                    settings: dict[str, Any] = {"seed": seed, "device": "cpu", "progress": False}
                    if readouts:
                        settings["solver"] = pm.optim.WhereLinear(pm.methods.schwarz_gauss_newton())
                        settings["refine"] = pm.adapt.Readouts(untrained=pm.adapt.Readouts().untrained[:3])
                        settings["stop"] = Trained(network.bind(("t", "x"), (0, 0), (1, 1), len(problem.fields)).size)
                    else:
                        settings["solver"], settings["refine"] = pm.methods.schwarz_gauss_newton(), pm.RAD()
                        settings["stop"] = pm.stop.Work(asked.work)
                    solution = pm.solve(problem, network, **settings)
                    found = solution.error()
                    ends.append("-" if found is None else f"{found.relative_l2:.1e}")
                kind = "readouts" if readouts else "sweeps"
                print(f"  {harmonics}, {kind}: {', '.join(ends)} ({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
