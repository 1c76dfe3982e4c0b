"""The run folder: everything that a run leaves behind, and a solution read back from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pinnml._version import __version__
from pinnml.io.config import decode, encode, is_complete, is_own
from pinnml.io.files import atomic_path, declaration_error, prepare_folder, read_json, write_json
from pinnml.io.history import read_history, write_history
from pinnml.network import Architecture, Custom
from pinnml.objective import Iterate
from pinnml.optim import AbstractSolver, Result, Status, Stop
from pinnml.points import Collocation, ConditionPoints
from pinnml.problem import Problem

if TYPE_CHECKING:
    from pinnml.solution import Solution
    from pinnml.solve import Setup

CONFIG, HISTORY, SUMMARY, CHECKPOINT = "config.json", "history.csv", "summary.json", "checkpoint.pt"


def claim(folder: str | os.PathLike[str], *, going_on: bool) -> None:
    """Make a run folder before anything is trained; raise `DeclarationError` where it cannot be written.

    A folder that holds a run already is refused, unless it is that run which goes on.
    """
    path = prepare_folder(folder)
    if not going_on and (path / CHECKPOINT).exists():
        remedy = "name another folder, or go on with that run by `pinnml resume`."
        raise declaration_error("The folder already holds a run.", str(path), remedy)


def save(solution: Solution, folder: str | os.PathLike[str]) -> None:
    """Write config.json, history.csv, summary.json, checkpoint.pt and every figure into a folder."""
    path = prepare_folder(folder)
    # numbers first: they are what a run costs, the figures can be made again from them
    with atomic_path(path / CHECKPOINT) as file:
        torch.save(_checkpoint(solution), file)
    write_json(path / CONFIG, _config(solution))
    write_history(path / HISTORY, solution.history)
    write_json(path / SUMMARY, summary(solution))
    save_figures(solution, path)


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
        "threads": torch.get_num_threads(),
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
        "version": __version__,
        "torch": torch.__version__,
    }


def _config(solution: Solution) -> dict[str, Any]:
    setup = solution.setup
    own = is_own(setup.points)
    return _declaration(solution.problem) | {
        "network": encode(setup.network),
        "solver": encode(setup.solver),
        "points": encode(setup.points) if own else "given",
        "refine": encode(setup.refine),
        "stop": encode(setup.stop),
        "seed": setup.seed,
        "device": setup.device,
        "dtype": str(setup.dtype),
        "version": __version__,
    }


def _declaration(problem: Problem) -> dict[str, Any]:
    """What of a problem can be written down, and is held against the problem handed over when a run is read."""
    domain = problem.domain
    return {
        "problem": problem.name,
        "domain": {n: [low, high] for n, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)},
        "fields": list(problem.fields),
        "equation_parameters": problem.parameters,
        "conditions": {name: type(condition).__name__ for name, condition in problem.conditions.items()},
        "hard": sorted(problem.hard),
    }


def _checkpoint(solution: Solution) -> dict[str, Any]:
    iterate, state = solution.result.iterate, encode(solution.result.state)
    return {
        "theta": iterate.theta,
        "f": iterate.f,
        "grad": iterate.grad,
        "state": state if is_complete(state) else None,  # the state of a user's own solver is no plain data
        "status": solution.result.status.name,
        "message": solution.result.message,
        "nit": solution.result.nit,
        "seconds": solution.result.seconds,
        "counts": encode(solution.result.counts),
        "points": {name: [points.x, points.weights] for name, points in solution.collocation.items()},
        "version": __version__,
    }


def load(
    folder: str | os.PathLike[str],
    problem: Problem | None = None,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    stop: Stop | None = None,
) -> Solution:
    """Read a run folder, taking what is handed over in place of what is stored; see `Solution.load`."""
    from pinnml.solution import Solution
    from pinnml.solve import bind

    path = Path(folder)
    for name in (CONFIG, HISTORY, CHECKPOINT):
        if not (path / name).is_file():
            raise declaration_error(f"There is no {name}.", str(path), "name a folder that a run has left.")
    config = read_json(path / CONFIG)
    problem = _problem(config, problem, str(path))
    given = {"network": Custom(network) if isinstance(network, nn.Module) else network, "solver": solver, "stop": stop}
    device = _device(config)
    checkpoint = _read_checkpoint(path / CHECKPOINT, device)
    try:
        collocation = {name: ConditionPoints(x, weights) for name, (x, weights) in checkpoint["points"].items()}
        setup = _setup(config, {key: value for key, value in given.items() if value is not None}, collocation, path)
        result = _result(checkpoint, str(path / CHECKPOINT))
    except (KeyError, TypeError, AttributeError) as error:
        what = f"The files lack what a run leaves in them: {type(error).__name__} {error}."
        raise declaration_error(what, str(path), "restore the folder's files.") from error
    bound = bind(problem, setup)
    if bound.size != len(result.iterate.theta):
        raise declaration_error(
            f"The checkpoint holds {len(result.iterate.theta)} parameters, the network has {bound.size}.",
            str(path),
            "restore the folder's files, which belong to different runs, or hand over the run's network.",
        )
    return Solution(problem, setup, bound, result, read_history(path / HISTORY), collocation)


def _device(config: dict[str, Any]) -> str:
    """The run's device, or the CPU where there is no such device."""
    device = str(config.get("device", "cpu"))
    return device if device.startswith("cuda") and torch.cuda.is_available() else "cpu"


def _setup(config: dict[str, Any], given: dict[str, Any], collocation: Collocation, path: Path) -> Setup:
    from pinnml.solve import Setup

    where = str(path / CONFIG)
    parts = {
        key: decode(config[key], where) for key in ("network", "solver", "points", "refine", "stop") if key not in given
    }
    if parts["points"] == "given":
        parts["points"] = {name: points.x for name, points in collocation.items()}
    return Setup(**(parts | given), seed=config["seed"], device=_device(config), dtype=decode(config["dtype"], where))


def _result(checkpoint: dict[str, Any], where: str) -> Result:
    return Result(
        Status[checkpoint["status"]],
        checkpoint["message"],
        Iterate(checkpoint["theta"], checkpoint["f"], checkpoint["grad"]),
        checkpoint["nit"],
        checkpoint["seconds"],
        decode(checkpoint["counts"], where),
        decode(checkpoint["state"], where),
    )


def _problem(config: dict[str, Any], problem: Problem | None, where: str) -> Problem:
    import pinnml.problems as problems

    if problem is None:
        name = str(config.get("problem"))
        if name not in problems.names():
            remedy = "hand the problem over, as in load(folder, problem)."
            raise declaration_error(f"{name!r} is not a bundled problem.", where, remedy)
        problem = problems.get(name)
    differences = [
        f"{key} {config.get(key)} against {value}"
        for key, value in _declaration(problem).items()
        if config.get(key) != value
    ]
    if differences:
        remedy = "hand over the problem that the run solved."
        raise declaration_error(f"The run solved another problem: {'; '.join(differences)}.", where, remedy)
    return problem


def _read_checkpoint(path: Path, device: str) -> dict[str, Any]:
    try:
        # weights_only: tensors and plain data, never code
        checkpoint = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise declaration_error(f"The checkpoint cannot be read: {first}", str(path), "restore the file.") from error
    if not isinstance(checkpoint, dict):
        raise declaration_error("The checkpoint holds no run.", str(path), "restore the file.")
    return checkpoint
