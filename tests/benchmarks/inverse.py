"""Unknown parameters from noisy measurements: `tests/benchmarks/inverse.py burgers lorenz --seeds 0 1 2 3 4`."""

from __future__ import annotations

import argparse
import math
import runpy
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Discrepancy, Readouts, misfit
from pinnml.loss import PinnObjective
from pinnml.methods import schwarz_gauss_newton

EXAMPLE = Path(__file__).parents[2] / "examples" / "unknown_viscosity.py"
PRANDTL, RAYLEIGH, BETA = 10.0, 15.0, 8 / 3

Solved = Callable[[int], pm.Solution]


def burgers(seed: int) -> pm.Solution:
    """The example: 500 points, 1 % noise."""
    solution: pm.Solution = runpy.run_path(str(EXAMPLE))["solved"](seed=seed)
    return solution


def lorenz(seed: int) -> pm.Solution:
    """x_t = 10(y − x), y_t = x(ρ − z) − y, z_t = xy − βz from (−8, 7, 27): ρ and β from 60 instants, 1 % noise."""
    from scipy.integrate import solve_ivp

    def flow(t: float, u: np.ndarray) -> tuple[float, float, float]:
        return PRANDTL * (u[1] - u[0]), u[0] * (RAYLEIGH - u[2]) - u[1], u[0] * u[1] - BETA * u[2]

    exact = solve_ivp(flow, (0, 3), (-8, 7, 27), rtol=1e-11, atol=1e-11, dense_output=True).sol
    draw, names = np.random.default_rng(seed), "xyz"
    t = np.sort(draw.uniform(0, 3, 60))
    sigma = {name: 0.01 * float(np.std(values)) for name, values in zip(names, exact(t), strict=True)}
    noisy = {n: v + sigma[n] * draw.standard_normal(60) for n, v in zip(names, exact(t), strict=True)}

    def equations(
        x: Tensor, y: Tensor, z: Tensor, x_t: Tensor, y_t: Tensor, z_t: Tensor, rho: Tensor, beta: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        return x_t - PRANDTL * (y - x), y_t - x * (rho - z) + y, z_t - x * y + beta * z

    problem = pm.Problem(
        domain=pm.Box(t=(0, 3)),
        fields=list(names),
        parameters={"rho": pm.Unknown(10.0, lower=0), "beta": pm.Unknown(1.0, lower=0)},
        conditions={
            "lorenz": pm.Interior(equations),
            "start": pm.Value(x=-8.0, y=7.0, z=27.0, on="t=0"),
            "sensors": pm.Data({"t": t}, sigma=sigma, **noisy),
        },
        hard={"start"},
        name="lorenz",
    )
    solver, rule = pm.optim.WhereLinear(schwarz_gauss_newton()), Discrepancy(Readouts(), every=4)
    return pm.solve(problem, solver=solver, refine=rule, stop=pm.Iterations(12), seed=seed)


PROBLEMS: Mapping[str, tuple[Solved, Mapping[str, float]]] = {
    "burgers": (burgers, {"nu": 0.01 / math.pi}),
    "lorenz": (lorenz, {"rho": RAYLEIGH, "beta": BETA}),
}


def row(name: str, seed: int) -> str:
    """Return what one run has found."""
    solved, true = PROBLEMS[name]
    began = time.perf_counter()
    solution = solved(seed)
    seconds, cells = time.perf_counter() - began, []
    for parameter, exact in true.items():
        known = solution.parameters[parameter]
        low, high = known.interval or (math.nan, math.nan)
        cells.append(
            f"{parameter} off {known.value / exact - 1:+.1e} ± {(known.deviation or math.nan) / exact:.1e}"
            f" {'inside' if low < exact < high else 'OUTSIDE'}"
        )
    objective = PinnObjective(solution.problem, replace(solution.run.discretisation, network=solution.network))
    cells.append(f"M {misfit(objective, solution.theta):.2f}")
    weights = ", ".join(f"{one:.0e}" for one in solution.run.discretisation.weights.values())
    return f"{name} seed {seed}: {'; '.join(cells)}; share {weights or 1}; {seconds:.0f} s"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+", choices=PROBLEMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for problem in arguments.problems:
        for number in arguments.seeds:
            print(row(problem, number), flush=True)
