"""The run folder: everything that a run leaves behind, and the run read back from it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

import pinnml.problems as problems
from pinnml.approximation import Error
from pinnml.errors import DeclarationError, finite
from pinnml.io import path_of, prepare_folder, read_json, write_history, write_json
from pinnml.io.checkpoint import CHECKPOINT, history_of, read_checkpoint, write_checkpoint
from pinnml.io.declared import declaration, describe_run, setup_of
from pinnml.io.plain import decode
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import Architecture, Custom, regrown
from pinnml.objective import Iterate
from pinnml.optim import AbstractSolver, Estimate, Result, Status, Stop
from pinnml.points import ConditionPoints
from pinnml.problem import Problem
from pinnml.setup import Run, bind, expect

CONFIG, HISTORY, SUMMARY = "config.json", "history.csv", "summary.json"

SAME = 1e-3
"""The share of √f by which the loss of one problem may differ from machine to machine (dimensionless)."""


def save(run: Run, folder: str | os.PathLike[str]) -> Path:
    """Write checkpoint.pt, config.json and history.csv into a folder, and return it."""
    path = prepare_folder(folder)
    # numbers first: they are what a run costs, all else can be made again from them
    write_checkpoint(run, path)
    write_json(path / CONFIG, describe_run(run))
    write_history(path / HISTORY, run.history)
    return path


def conclude(run: Run, error: Error | None, folder: Path) -> None:
    """Write summary.json, which is last of all: where it tells of this run's end, nothing is missing."""
    write_json(folder / SUMMARY, summary(run, error))


def is_complete(run: Run, folder: str | os.PathLike[str]) -> bool:
    """Return whether the folder holds all that a run leaves at its end, figures included."""
    try:
        found = read_json(path_of(folder) / SUMMARY)
    except (OSError, DeclarationError):
        return False
    # the first folders have no identity
    return (found.get("identity", ""), found.get("iterations")) == (run.identity, run.result.nit)


def summary(run: Run, error: Error | None) -> dict[str, Any]:
    """Return what summary.json holds: the run, and its error where it has one, in two dozen numbers and words."""
    problem, setup, result, last = run.problem, run.setup, run.result, run.history[-1]
    return (
        {
            "problem": problem.name,
            "identity": run.identity,
            "network": repr(setup.network),
            "parameters": run.network.parameters,
            "equation_parameters": problem.parameters,
            "solver": repr(setup.solver),
            "points": {name: len(points.weights) for name, points in run.collocation.items()},
            "device": setup.device,
            "dtype": str(setup.dtype).removeprefix("torch."),
            "seed": setup.seed,
            "seconds": last.seconds,
            "iterations": last.iteration,
            "evaluations": last.evaluations,
            "work": last.work,
            "loss": last.loss,
            "gradient_norm": last.gradient_norm,
            "relative_l2": finite(error.relative_l2) if error else None,
            "max_error": error.maximum if error else None,
            "lifting_l2": error.lifting_l2 if error else None,
            "estimate": _estimate(run.estimate),
            "success": result.success,
            "status": result.status.name.lower(),
            "message": result.message,
        }
        | _weights(run)
        | _scales(run)
        | _refinements(run)
        | dict(run.machine)
    )


def _weights(run: Run) -> dict[str, Any]:
    """Return the entry for the weights of soft conditions, where any is not one."""
    own = {name: term.weight for name, term in run.problem.soft_terms.items()} | dict(run.discretisation.weights)
    weights = {name: weight for name, weight in own.items() if weight != 1}
    return {"weights": weights} if weights else {}


def _scales(run: Run) -> dict[str, Any]:
    """Return the entry for the sizes of fields, where any is not one."""
    scales = run.network.scales
    return {} if scales is None else {"scales": dict(zip(run.problem.fields, scales, strict=True))}


def _refinements(run: Run) -> dict[str, Any]:
    """Return the entry for what was refined, where anything was."""
    return {"refinements": [asdict(one) for one in run.refinements]} if run.refinements else {}


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    trust = {"trustworthy": estimate.trustworthy, "method": estimate.method, "reason": estimate.reason}
    return {"relative_l2": dict(estimate.relative_l2)} | trust


def load(
    folder: str | os.PathLike[str],
    problem: Problem | None = None,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    stop: Stop | None = None,
) -> Run:
    """Read what a folder holds of a run, with what is handed over in place of what is stored; see `Solution.load`."""
    expect("load", network=network, solver=solver, stop=stop)
    if problem is not None:
        expect("load", problem=problem)
    path = path_of(folder)
    checkpoint = read_checkpoint(path)
    given = {"network": Custom(network) if isinstance(network, nn.Module) else network, "solver": solver, "stop": stop}
    where = str(path / CHECKPOINT)
    try:
        config = checkpoint["config"]
        problem = problem_of(config, problem, str(path))
        collocation = {name: ConditionPoints(*parts) for name, parts in checkpoint["points"].items()}
        setup = setup_of(config, {key: value for key, value in given.items() if value is not None}, collocation, where)
        result, rows = _result(checkpoint, where), history_of(checkpoint["history"])
        generator, weights = checkpoint["generator"], checkpoint["weights"]
        grown, adaptation, assessed, refinements = (
            decode(checkpoint.get(key), where) for key in ("growth", "adaptation", "assessed", "refinements")
        )
    except (KeyError, TypeError, AttributeError) as error:
        what = f"The checkpoint lacks what a run leaves in it: {type(error).__name__} {error}"
        raise DeclarationError(what, where, "restore the file") from error
    bound = regrown(bind(problem, setup).scaled(checkpoint.get("scales") or ()), grown)
    if bound.size != len(result.iterate.theta):
        what = f"The checkpoint holds {len(result.iterate.theta)} parameters, the network has {bound.size}"
        raise DeclarationError(what, where, "hand over the run's network")
    discretisation = Discretisation(bound, collocation, weights)
    _check_loss(PinnObjective(problem, discretisation, chunk=setup.chunk), result, str(path))
    machine, identity = config["machine"], checkpoint.get("identity", "")  # the first checkpoints have none
    known = generator, adaptation, machine, assessed, refinements or (), identity
    return Run(problem, setup, discretisation, result, rows, *known)


def _check_loss(objective: PinnObjective, result: Result, where: str) -> None:
    """Raise `DeclarationError` where the problem has another loss than the run had: functions are not stored.

    √f is compared to a share of itself, and of what N = 0 leaves, to which rounding in sums of large weights belongs.
    """
    theta, then = result.iterate.theta, float(result.iterate.f)
    now, zero = float(objective.value(theta)), float(objective.value(torch.zeros_like(theta)))
    rounding = (zero * torch.finfo(theta.dtype).eps) ** 0.5
    if not abs(now**0.5 - then**0.5) <= SAME * then**0.5 + rounding:
        what = f"At the stored parameters and points the loss is {now:.4e}, and was {then:.4e} in the run"
        remedy = "hand over the problem and the network as they were: equation, values, weights, activation"
        raise DeclarationError(what, where, remedy)


def _result(checkpoint: dict[str, Any], where: str) -> Result:
    return Result(
        Status[checkpoint["status"]],
        checkpoint["message"],
        Iterate(checkpoint["theta"], checkpoint["f"], checkpoint["grad"]),
        checkpoint["iteration"],
        checkpoint["seconds"],
        decode(checkpoint["counts"], where),
        decode(checkpoint["state"], where),
        decode(checkpoint.get("estimate"), where),
        checkpoint["exhausted"],
        checkpoint["pending"],
        checkpoint.get("unassessed", False),  # the first checkpoints of this format have none
    )


def problem_of(config: dict[str, Any], problem: Problem | None, where: str) -> Problem:
    """Return the problem handed over, or the bundled one of that name, if it is the one that the run solved.

    Raises `DeclarationError` with the differences otherwise.
    """
    if problem is None:
        name = str(config.get("problem"))
        if name not in problems.names():
            remedy = "hand the problem over, as in load(folder, problem)"
            raise DeclarationError(f"{name!r} is not a bundled problem", where, remedy)
        problem = problems.get(name)
    differences = [
        f"{key} {config.get(key)} against {value}"
        for key, value in declaration(problem).items()
        if config.get(key) != value and not (key == "terms" and key not in config)  # older folders say nothing of them
    ]
    if differences:
        remedy = "hand over the problem that the run solved"
        raise DeclarationError(f"The run solved another problem: {'; '.join(differences)}", where, remedy)
    return problem
