"""Every named method beside L-BFGS, at equal work and at equal seconds: `tests/benchmarks/methods.py poisson digits`.

A seed's budget is so much work, and as many seconds as L-BFGS with 100 pairs takes for it; every method goes on until
it has spent both. Losses are medians over seeds, with their range; those of digits are on all samples.
"""

from __future__ import annotations

import argparse
import json
import runpy
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

import pinnml as pm
from pinnml import methods
from pinnml.objective import HalfDepth
from pinnml.optim import (
    LSR1,
    AbstractSolver,
    AdaGrad,
    Adam,
    LevenbergMarquardt,
    Progress,
    Stop,
    TrustRegionLBFGS,
    VariableProjection,
)

PATIENCE = 6.0
"""No method runs longer than so many times the seconds of L-BFGS."""

Row = tuple[float, float, float]
"""Work, seconds and loss after an iteration."""

ANY: dict[str, AbstractSolver] = {
    "L-BFGS 100": pm.LBFGS(100),
    "L-BFGS 10": pm.LBFGS(10),
    "nested_iteration": methods.nested_iteration(),
    "mgopt": methods.mgopt(),
    "multilevel_lbfgs": methods.multilevel_lbfgs(),
    "multilevel_lbfgs, depth": methods.multilevel_lbfgs((HalfDepth(),)),
    "fcycle": methods.fcycle(),
    "rmtr": methods.rmtr(),
    "rmtr, depth": methods.rmtr((HalfDepth(),)),
    "LSR1": LSR1(100),
    "TrustRegionLBFGS": TrustRegionLBFGS(50),
    "apts": methods.apts(),
    "aspqn": methods.aspqn(),
    "mspqn": methods.mspqn(),
    "two_level_aspqn": methods.two_level_aspqn(),
    "ml_adagrad": methods.ml_adagrad(),
    "AdaGrad": AdaGrad(0.1),
    "Adam": Adam(1e-2),
}

SQUARES: dict[str, AbstractSolver] = {
    "default's sweeps": methods.schwarz_gauss_newton(),
    "preconditioned_lbfgs": methods.preconditioned_lbfgs(),
    "right_preconditioned_lbfgs": methods.right_preconditioned_lbfgs(),
    "two_level_lbfgs": methods.two_level_lbfgs(),
    "LevenbergMarquardt": LevenbergMarquardt(),
    "VariableProjection": VariableProjection(LevenbergMarquardt()),
}
"""Those that need residuals."""

READOUTS = "default"
"""What a run does by itself: points that follow the residual, readouts, and estimates."""


class Spent(Stop):
    """Both budgets are used up, or too many seconds; it keeps what it sees."""

    def __init__(self, work: float, seconds: float) -> None:
        self.work, self.seconds, self.rows = work, seconds, list[Row]()

    def reason(self, progress: Progress) -> str | None:
        self.rows.append((progress.counts.work, progress.seconds, float(progress.iterate.f)))
        both = progress.counts.work >= self.work and progress.seconds >= self.seconds
        late = 0 < PATIENCE * self.seconds <= progress.seconds
        return "All is spent." if both or late else None


def trained(task: str, solver: AbstractSolver | None, stop: Spent, seed: int) -> float | None:
    """Run a method on a task, and return the relative error at its end, None where there is none."""
    if task == "digits":
        example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "digits.py"))
        torch.manual_seed(seed)
        module, (train, _) = example["resnet"](16), example["digits"](torch.Generator().manual_seed(seed))
        f = pm.torch.objective(module, nn.CrossEntropyLoss(), train, weight_decay=1e-4)
        assert solver is not None
        pm.optim.minimise(f, f.start, solver, stop)
        return None
    network = None if solver is None else pm.ResNet(width=10, blocks=8)
    points = None if solver is None else pm.Hammersley(1000)
    problem = pm.problems.get(task)
    solution = pm.solve(problem, network, solver, points=points, stop=stop, seed=seed, device="cpu", progress=False)
    error = solution.error()
    return None if error is None else error.relative_l2


def at(rows: list[Row], column: int, limit: float) -> float:
    """Return the loss of the last iteration within a limit, NaN where the run ended before it."""
    within = [row[2] for row in rows if row[column] <= limit]
    return within[-1] if within and rows[-1][column] >= limit else float("nan")


def run(task: str, name: str, solver: AbstractSolver | None, seed: int, work: float, seconds: float) -> dict[str, Any]:
    """Return the losses at equal work and equal seconds, and the error at the end."""
    stop, began = Spent(work, seconds), time.perf_counter()
    try:
        error = trained(task, solver, stop, seed)
    except (TypeError, pm.DeclarationError) as problem:
        return {"task": task, "method": name, "seed": seed, "failed": str(problem)[:200]}
    spent = next((row[1] for row in stop.rows if row[0] >= work), stop.rows[-1][1])
    found = {"work": at(stop.rows, 0, work), "seconds": at(stop.rows, 1, seconds or spent), "error": error}
    told = {"task": task, "method": name, "seed": seed, "spent": spent, "whole": time.perf_counter() - began}
    return told | found | {"steps": len(stop.rows) - 1}


def cell(values: list[float | None]) -> str:
    """Return median and range."""
    known = [value for value in values if value is not None and value == value]
    if len(known) < len(values) or not known:
        return "–"
    return f"{median(known):.1e} ({min(known):.1e} – {max(known):.1e})"


def measured(task: str, names: list[str], seeds: list[int], work: float) -> None:
    """Print a line for every run, and then the table of a task."""
    solvers: dict[str, AbstractSolver | None] = {**ANY, **({} if task == "digits" else {**SQUARES, READOUTS: None})}
    found = dict[str, list[dict[str, Any]]]()
    for seed in seeds:
        seconds = 0.0
        for name in (name for name in solvers if name in names):
            one = run(task, name, solvers[name], seed, work, seconds)
            seconds = seconds or one.get("spent", 0.0)  # that of the first, which is L-BFGS
            found.setdefault(name, []).append(one)
            print(json.dumps(one), flush=True)
    print(f"\n| {task} | loss after {work:g} units | after L-BFGS's seconds | error at the end |\n|---|---|---|---|")
    for name, runs in found.items():
        cells = [cell([one.get(column) for one in runs]) for column in ("work", "seconds", "error")]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+", help="problems, or digits")
    parser.add_argument("--work", type=float, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=[*ANY, *SQUARES, READOUTS])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for task in asked.tasks:
        measured(task, asked.methods, asked.seeds, asked.work)


if __name__ == "__main__":
    main()
