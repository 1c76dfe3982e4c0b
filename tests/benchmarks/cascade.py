"""Cascades in points and depth before the default's sweeps, by seconds: `tests/benchmarks/cascade.py burgers`.

How long each takes to the error that the default has after `--aim` seconds on the same seed.
"""

from __future__ import annotations

import argparse
import warnings
from statistics import median
from typing import Any

import torch

import pinnml as pm
from pinnml.adapt import RAD, Readouts
from pinnml.levels import NestedIteration, NestedLevel
from pinnml.methods import schwarz_gauss_newton
from pinnml.objective import AbstractCoarsening, HalfDepth, ShareOfPoints
from pinnml.optim import AbstractSolver, WhereLinear
from pinnml.run import HistoryRow
from pinnml.schwarz import Local

QUARTER, HALF = ShareOfPoints(0.25), HalfDepth()


def cascade(*rules: AbstractCoarsening, steps: int = 15) -> AbstractSolver:
    """Return sweeps on every level, so many on each coarse one."""
    sweeps = schwarz_gauss_newton()
    return NestedIteration(tuple(NestedLevel(rule, Local(sweeps, steps)) for rule in rules), sweeps)


def methods() -> dict[str, dict[str, Any]]:
    """Return solvers and rules by name, the default first."""
    levels = {"points": (QUARTER,), "depth": (HALF,), "points and depth": (QUARTER, HALF)}
    found: dict[str, dict[str, Any]] = {
        "default": {},
        "sweeps": {"solver": schwarz_gauss_newton(), "refine": RAD()},
    }
    for name, rules in levels.items():
        found[f"sweeps after {name}"] = {"solver": cascade(*rules), "refine": RAD()}
    found["default after points and depth"] = {"solver": WhereLinear(cascade(QUARTER, HALF)), "refine": Readouts()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem")
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--aim", type=float, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    aims: dict[int, float] = {}
    print(f"| `{asked.problem}` | 10 s | 20 s | {asked.aim:g} s | there after, by seed |\n|---|---|---|---|---|")
    for name, settings in methods().items():
        courses = []
        for seed in asked.seeds:
            rows: list[HistoryRow] = []
            pm.solve(
                pm.problems.get(asked.problem), seed=seed, seconds=asked.seconds, callback=rows.append, device="cpu",
                progress=False, **settings,
            )  # fmt: skip
            known = [(row.seconds, row.relative_l2) for row in rows if row.relative_l2 is not None]
            courses.append(known)
            aims.setdefault(seed, min(error for seconds, error in known if seconds <= asked.aim))
        at = [
            median(min((error for spent, error in known if spent <= limit), default=1.0) for known in courses)
            for limit in (10.0, 20.0, asked.aim)
        ]
        there = [
            next((f"{spent:.0f}" for spent, error in known if error <= aims[seed]), "–")
            for seed, known in zip(asked.seeds, courses, strict=True)
        ]
        print(f"| {name} | {' | '.join(f'{error:.1e}' for error in at)} | {', '.join(there)} |", flush=True)


if __name__ == "__main__":
    main()
