"""The run folder: everything that a run leaves behind, and the run read back from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

import pinnml.problems as problems
from pinnml.approximation import Error, FieldError, LearnedParameter, as_numbers, parameters_at
from pinnml.errors import DeclarationError, finite, printable
from pinnml.io import path_of, prepare_folder, read_json, write_history, write_json
from pinnml.io.checkpoint import CHECKPOINT, history_of, read_checkpoint, write_checkpoint
from pinnml.io.declared import declaration, describe_run, setup_of
from pinnml.io.plain import encode, has_compiler
from pinnml.io.stored import Stored, stored
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import Architecture, Custom, regrown
from pinnml.objective import Iterate
from pinnml.optim import AbstractSolver, Estimate, Result, Stop
from pinnml.points import ConditionPoints
from pinnml.problem import Problem
from pinnml.run.fitting import JET_CHANNELS, check_fit, check_kept, check_methods, check_room, check_size, machine_of
from pinnml.setup import Run, bind, expect

CONFIG, HISTORY, SUMMARY = "config.json", "history.csv", "summary.json"

CHECKED = 50_000_000
"""Numbers of jets in one chunk of points when a run is read: some 400 MB."""

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


def conclude(run: Run, error: Error | None, learned: Mapping[str, LearnedParameter], folder: Path) -> None:
    """Write summary.json, which is last of all: where it tells of this run's end, nothing is missing."""
    write_json(folder / SUMMARY, summary(run, error, learned))


def is_complete(run: Run, folder: str | os.PathLike[str]) -> bool:
    """Return whether the folder holds all that a run leaves at its end, figures included."""
    try:
        found = read_json(path_of(folder) / SUMMARY)
    except (OSError, DeclarationError):
        return False
    # the first folders have no identity
    return (found.get("identity", ""), found.get("iterations")) == (run.identity, run.result.nit)


def summary(
    run: Run, error: Error | None, learned: Mapping[str, LearnedParameter] = MappingProxyType({})
) -> dict[str, Any]:
    """Return what summary.json holds: the run, and its error where it has one, in two dozen numbers and words.

    `learned` are the unknown parameters with their deviations, by name.
    """
    problem, setup, result, last = run.problem, run.setup, run.result, run.history[-1]
    return (
        {
            "problem": problem.name,
            "identity": run.identity,
            "network": repr(setup.network),
            "parameters": run.network.parameters,
            "equation_parameters": as_numbers(problem, learned or _values(run)),
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
            "errors": {name: _plain(one) for name, one in error.fields.items()} if error else None,
            "lifting_l2": finite(error.lifting_l2) if error else None,
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


def _plain(error: FieldError) -> dict[str, float | None]:
    return {name: finite(value) for name, value in asdict(error).items()}


def _values(run: Run) -> dict[str, LearnedParameter]:
    """Return the unknown parameters without deviations."""
    return {name: LearnedParameter(value) for name, value in parameters_at(run.problem, run.theta).items()}


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
    own = {"network": Custom(network) if isinstance(network, nn.Module) else network, "solver": solver, "stop": stop}
    given = {key: value for key, value in own.items() if value is not None}
    where = str(path / CHECKPOINT)
    kept = stored(checkpoint, where, compiles := has_compiler(encode(network)))
    problem = problem_of(kept.config, problem, str(path))
    collocation = {name: ConditionPoints(*parts) for name, parts in kept.points.items()}
    setup = setup_of(kept.config, given, collocation, where, compiles)
    if network is None:
        check_size(setup.network, kept, where)
    bound = regrown(bind(problem, setup).scaled(kept.scales or ()), kept.growth)
    check_fit(problem, setup.dtype, bound, kept, collocation, where)
    check_room(bound, collocation, setup.device, where)
    check_methods(setup, problem, bound, kept, where)
    check_kept(setup, problem, bound, kept, where)
    result = _result(kept)
    discretisation = Discretisation(bound, collocation, kept.weights)
    _check_loss(problem, discretisation, setup.chunk, result, str(path))
    rows, machine = history_of(kept.history, list(problem.unknowns), kept.learned), machine_of(kept.config, where)
    known = kept.generator, kept.adaptation, machine, kept.assessed, kept.refinements or (), kept.identity
    return Run(problem, setup, discretisation, result, rows, *known)


def _check_loss(
    problem: Problem, discretisation: Discretisation, chunk: int | None, result: Result, where: str
) -> None:
    """Raise `DeclarationError` where the problem has another loss than the run had: functions are not stored.

    √f is compared to a share of itself, and of what N = 0 leaves, to which rounding in sums of large weights belongs.
    Points are taken in chunks that the machine has memory for, whatever the file says.
    """
    widths = sum(block.shape[0] for block in discretisation.network.blocks)
    most = max(1, CHECKED // (JET_CHANNELS * widths))
    objective = PinnObjective(problem, discretisation, chunk=min(most, chunk or most))
    theta, then = result.iterate.theta, float(result.iterate.f)
    now, zero = float(objective.value(theta)), float(objective.value(torch.zeros_like(theta)))
    rounding = (zero * torch.finfo(theta.dtype).eps) ** 0.5
    if not abs(now**0.5 - then**0.5) <= SAME * then**0.5 + rounding:
        what = f"At the stored parameters and points the loss is {now:.4e}, and was {then:.4e} in the run"
        remedy = "hand over the problem and the network as they were: equation, values, weights, activation"
        raise DeclarationError(what, where, remedy)


def _result(kept: Stored) -> Result:
    return Result(
        kept.status,
        kept.message,
        Iterate(kept.theta, kept.f, kept.grad),
        kept.iteration,
        kept.seconds,
        kept.counts,
        kept.state,
        kept.estimate,
        kept.exhausted,
        kept.pending,
        kept.unassessed,
    )


def problem_of(config: Mapping[str, Any], problem: Problem | None, where: str) -> Problem:
    """Return the problem handed over, or the bundled one of that name, if it is the one that the run solved.

    Raises `DeclarationError` with the differences otherwise.
    """
    if problem is None:
        name = str(config.get("problem"))
        if name not in problems.names():
            remedy = "hand the problem over, as in load(folder, problem) or pinnml resume FOLDER my_problem.py"
            raise DeclarationError(f"{name!r} is not a bundled problem", where, remedy)
        problem = problems.get(name)
    differences = [
        f"{key} {printable(str(config.get(key)), 200)} against {value}"
        for key, value in declaration(problem).items()
        if not (
            _same(config.get(key), value) or (key in ("terms", "shape") and key not in config)
        )  # as in older folders
    ]
    if differences:
        remedy = "hand over the problem that the run solved"
        raise DeclarationError(f"The run solved another problem: {'; '.join(differences)}", where, remedy)
    return problem


def _same(found: Any, value: Any) -> bool:
    """Return whether a part of a declaration is what a file says, where a tensor is equal to nothing."""
    if isinstance(value, Mapping):
        same = isinstance(found, Mapping) and found.keys() == value.keys()
        return same and all(_same(found[key], value[key]) for key in value)
    if isinstance(value, list):
        same = isinstance(found, list) and len(found) == len(value)
        return same and all(map(_same, found, value))
    return not isinstance(found, Tensor) and bool(found == value)
