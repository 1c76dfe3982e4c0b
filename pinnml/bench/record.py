"""The folder of a comparison: times.json, histories, reports and figures."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from pinnml._version import __version__
from pinnml.bench.curves import band
from pinnml.bench.measure import measures, summary
from pinnml.bench.plan import Job, Plan, jobs, stem
from pinnml.bench.trial import Trial, complete
from pinnml.errors import DeclarationError
from pinnml.io import prepare_folder, read_history, read_json, save_figure, write_bytes, write_history, write_json
from pinnml.objective import Counts
from pinnml.optim import Status
from pinnml.report import plot_comparison

TIMES, HISTORIES = "times.json", "histories"


def claim(folder: str | os.PathLike[str], resumed: bool = False) -> Path:
    """Make the folder; raise `DeclarationError` where it cannot be written, or holds a comparison not to be resumed."""
    path = prepare_folder(folder)
    if (path / TIMES).exists() and not resumed:
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
        "plan": {"command": plan.command} | planned(plan),
        "runs": [_run(run) for run in runs],
        "summary": [
            {"problem": problem, "solver": solver, "measures": summary(chosen)}
            for problem, solver in pairs
            if (chosen := complete(runs, problem, solver))
        ],
    }


def planned(plan: Plan) -> dict[str, Any]:
    """Return what is to be run, as it is written: two plans of which this is equal are one comparison."""
    return {
        "networks": {problem: repr(network) for problem, network in plan.networks.items()},
        "solvers": {
            problem: {solver: repr(plan.recipe(problem, solver)) for solver in plan.recipes}
            for problem in plan.networks
        },
        "points": repr(plan.points),
        "seconds": plan.seconds,
        "seeds": list(plan.seeds),
    }


def earlier(folder: Path, plan: Plan) -> list[Trial]:
    """Return the runs of a plan that a folder holds from before, but for those that were interrupted.

    Raises `DeclarationError` where it holds another comparison, or files that are none.
    """
    if not (folder / TIMES).exists():
        return []
    where, content = str(folder / TIMES), read_json(folder / TIMES)
    found = content.get("plan")
    if not isinstance(found, dict) or {key: found.get(key) for key in planned(plan)} != planned(plan):
        what = "The folder holds a comparison of other problems, solvers or settings"
        raise DeclarationError(what, str(folder), "name another folder, or ask for the same as before")
    known = {(job.problem, job.solver, job.seed): job for job in jobs(plan)}
    try:
        entries = [(known[entry["problem"], entry["solver"], entry["seed"]], entry) for entry in content["runs"]]
        runs = [_trial(folder, job, entry, plan.seconds) for job, entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        what = f"A run of the comparison cannot be read: {type(error).__name__} {error}"
        raise DeclarationError(what, where, "name another folder") from error
    return [run for run in runs if run.status is not Status.INTERRUPTED]


def _trial(folder: Path, job: Job, entry: dict[str, Any], budget: float) -> Trial:
    history = tuple(read_history(folder / HISTORIES / f"{job.stem}.csv"))
    if not history:
        raise ValueError("its history is empty")
    return Trial(
        job=job,
        rows=history,
        status=Status[entry["status"].upper()],
        message=str(entry["message"]),
        seconds=float(entry["seconds"]),
        counts=Counts(**entry["counts"]),
        budget=budget,
        parameters=int(entry["parameters"]),
        device=str(entry["device"]),
    )


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
        "seconds": run.seconds,
        "counts": asdict(run.counts),
        "device": run.device,
        "measures": measures(run),
    }
