"""The run folder: everything that a run leaves behind, and a solution read back from it."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from torch import nn

from pinnml.io.checkpoint import CHECKPOINT, PREVIOUS, UnsavedWarning, history_of, read_checkpoint, write_checkpoint
from pinnml.io.config import decode
from pinnml.io.declared import described, problem_of, setup_of
from pinnml.io.files import declaration_error, prepare_folder, write_json
from pinnml.io.history import write_history
from pinnml.network import Architecture, Custom
from pinnml.objective import Iterate
from pinnml.optim import AbstractSolver, Result, Status, Stop
from pinnml.points import ConditionPoints
from pinnml.problem import Problem

if TYPE_CHECKING:
    from pinnml.solution import Solution

CONFIG, HISTORY, SUMMARY, LOCK = "config.json", "history.csv", "summary.json", ".lock"


@contextmanager
def claimed(folder: str | os.PathLike[str], *, going_on: bool) -> Iterator[Path]:
    """Make a run folder before anything is trained, and keep other processes off it.

    Raises `DeclarationError` where it cannot be written, where another process is at work, and where it holds a run
    already, unless it is that run which goes on. The lock goes with the process, however that ends.
    """
    path = prepare_folder(folder)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        remedy = "wait for it, or name another folder."
        raise declaration_error("Another process is at work on this run.", str(path), remedy) from None
    try:
        if not going_on and ((path / CHECKPOINT).exists() or (path / PREVIOUS).exists()):
            remedy = "name another folder, or go on with that run by `pinnml resume`."
            raise declaration_error("The folder already holds a run.", str(path), remedy)
        yield path
    finally:
        lock.release()


def save(solution: Solution, folder: str | os.PathLike[str]) -> None:
    """Write checkpoint.pt, config.json, history.csv, summary.json and every figure into a folder."""
    path = prepare_folder(folder)
    # numbers first: they are what a run costs, all else can be made again from them
    write_checkpoint(solution, path)
    write_json(path / CONFIG, described(solution))
    write_history(path / HISTORY, solution.history)
    write_json(path / SUMMARY, summary(solution))
    save_figures(solution, path)


def save_somewhere(solution: Solution, folder: str | os.PathLike[str]) -> None:
    """Do what `save` does; where the folder no longer takes it, warn, and leave a checkpoint where there is room."""
    try:
        save(solution, folder)
    except (OSError, ValueError) as error:
        what = f"The run could not be written in full: {error}; where: {folder}; {_refuge(solution)}"
        warnings.warn(what, UnsavedWarning, stacklevel=4)


def _refuge(solution: Solution) -> str:
    try:
        refuge = Path(tempfile.mkdtemp(prefix="pinnml-"))
        write_checkpoint(solution, refuge)
    except OSError:
        return "no other folder took it either, so save the solution while it is in memory."
    return f"make room, and go on from its checkpoint in {refuge}."


def save_figures(solution: Solution, folder: str | os.PathLike[str]) -> list[Path]:
    """Write every figure as PNG into a folder and return the paths."""
    from pinnml.report import save_figure

    return [save_figure(figure, Path(folder) / f"{name}.png") for name, figure in solution.figures().items()]


def summary(solution: Solution) -> dict[str, Any]:
    """Return what summary.json holds: the run in two dozen numbers and words."""
    problem, setup, result = solution.problem, solution.setup, solution.result
    error, last = solution.error(), solution.history[-1]
    return {
        "problem": problem.name,
        "network": repr(setup.network),
        "parameters": solution.network.size,
        "equation_parameters": problem.parameters,
        "solver": repr(setup.solver),
        "points": {name: len(points.weights) for name, points in solution.collocation.items()},
        "device": setup.device,
        "dtype": str(setup.dtype).removeprefix("torch."),
        "seed": setup.seed,
        "seconds": last.seconds,
        "iterations": last.iteration,
        "evaluations": last.evaluations,
        "work": last.work,
        "loss": last.loss,
        "gradient_norm": last.gradient_norm,
        "relative_l2": error.relative_l2 if error else None,
        "max_error": error.maximum if error else None,
        "success": result.success,
        "status": result.status.name.lower(),
        "message": result.message,
    } | dict(solution.machine)


def load(
    folder: str | os.PathLike[str],
    problem: Problem | None = None,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    stop: Stop | None = None,
) -> Solution:
    """Read a run folder, taking what is handed over in place of what is stored; see `Solution.load`."""
    from pinnml.setup import bind
    from pinnml.solution import Solution

    path = Path(folder)
    checkpoint = read_checkpoint(path)
    given = {"network": Custom(network) if isinstance(network, nn.Module) else network, "solver": solver, "stop": stop}
    where = str(path / CHECKPOINT)
    try:
        config = checkpoint["config"]
        problem = problem_of(config, problem, str(path))
        collocation = {name: ConditionPoints(*parts) for name, parts in checkpoint["points"].items()}
        setup = setup_of(config, {key: value for key, value in given.items() if value is not None}, collocation, where)
        result, rows = _result(checkpoint, where), history_of(checkpoint["history"])
        generator = checkpoint["generator"]
    except (KeyError, TypeError, AttributeError) as error:
        what = f"The checkpoint lacks what a run leaves in it: {type(error).__name__} {error}."
        raise declaration_error(what, where, "restore the file.") from error
    bound = bind(problem, setup)
    if bound.size != len(result.iterate.theta):
        raise declaration_error(
            f"The checkpoint holds {len(result.iterate.theta)} parameters, the network has {bound.size}.",
            where,
            "hand over the run's network.",
        )
    return Solution(problem, setup, bound, result, rows, collocation, generator, config["machine"])


def _result(checkpoint: dict[str, Any], where: str) -> Result:
    return Result(
        Status[checkpoint["status"]],
        checkpoint["message"],
        Iterate(checkpoint["theta"], checkpoint["f"], checkpoint["grad"]),
        checkpoint["iteration"],
        checkpoint["seconds"],
        decode(checkpoint["counts"], where),
        decode(checkpoint["state"], where),
    )
