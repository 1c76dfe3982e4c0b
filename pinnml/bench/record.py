"""The folder of a comparison: times.json, histories, reports and figures."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pinnml._version import __version__
from pinnml.bench.curves import band
from pinnml.bench.measure import measures, summary
from pinnml.bench.plan import Plan, stem
from pinnml.bench.trial import Trial, complete
from pinnml.errors import DeclarationError
from pinnml.io import prepare_folder, save_figure, write_bytes, write_history, write_json
from pinnml.report import plot_comparison

TIMES, HISTORIES = "times.json", "histories"


def claim(folder: str | os.PathLike[str]) -> Path:
    """Make the folder; raise `DeclarationError` where it cannot be written or holds a comparison."""
    path = prepare_folder(folder)
    if (path / TIMES).exists():
        raise DeclarationError("The folder already holds a comparison", str(path), "name another folder")
    (path / HISTORIES).mkdir(exist_ok=True)
    return path


def write(
    folder: Path, plan: Plan, runs: Sequence[Trial], reports: Mapping[str, Callable[[Plan, Sequence[Trial]], str]]
) -> None:
    """Write the last run's history, and the numbers and reports of all runs so far."""
    last = runs[-1]
    write_history(folder / HISTORIES / f"{last.job.stem}.csv", last.rows)
    write_json(folder / TIMES, times(plan, runs))
    for name, report in reports.items():
        write_bytes(folder / name, report(plan, runs).encode("utf-8"))


def draw(folder: Path, plan: Plan, runs: Sequence[Trial]) -> None:
    """Draw the error over seconds and over work units for every problem with a complete run."""
    for problem in plan.networks:
        of_solvers = {solver: complete(runs, problem, solver) for solver in plan.recipes}
        for quantity, label in (("seconds", "time [s]"), ("work", "work units")):
            bands = {solver: band(chosen, quantity) for solver, chosen in of_solvers.items() if chosen}
            known = {solver: found for solver, found in bands.items() if found is not None}
            if known:
                save_figure(plot_comparison(known, label, problem), folder / f"{stem(problem)}-error-{quantity}.png")


def times(plan: Plan, runs: Sequence[Trial]) -> dict[str, Any]:
    """Return what times.json holds: the machine, the plan, every run in its order, and medians with ranges."""
    pairs = [(problem, solver) for problem in plan.networks for solver in plan.recipes]
    return {
        "machine": machine(plan, runs),
        "plan": {
            "command": plan.command,
            "networks": {problem: repr(network) for problem, network in plan.networks.items()},
            "solvers": {
                problem: {solver: repr(plan.recipe(problem, solver)) for solver in plan.recipes}
                for problem in plan.networks
            },
            "points": repr(plan.points),
            "seconds": plan.seconds,
            "seeds": plan.seeds,
        },
        "runs": [_run(run) for run in runs],
        "summary": [
            {"problem": problem, "solver": solver, "measures": summary(chosen)}
            for problem, solver in pairs
            if (chosen := complete(runs, problem, solver))
        ],
    }


def machine(plan: Plan, runs: Sequence[Trial]) -> dict[str, Any]:
    """Return what the times depend on besides the plan."""
    return {
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": runs[-1].device,
        "dtype": str(plan.dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "version": __version__,
    }


def _run(run: Trial) -> dict[str, Any]:
    return {
        "problem": run.job.problem,
        "solver": run.job.solver,
        "seed": run.job.seed,
        "parameters": run.parameters,
        "status": run.status.name.lower(),
        "message": run.message,
        "measures": measures(run),
    }
