"""The run folder: everything that a run leaves behind, and a solution read back from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pinnml._version import __version__
from pinnml.io.config import decode, encode
from pinnml.io.files import atomic_path, declaration_error, prepare_folder, read_json, write_json
from pinnml.io.history import read_history, write_history
from pinnml.objective import Iterate
from pinnml.optim import Result, Status
from pinnml.points import ConditionPoints
from pinnml.problem import Problem

if TYPE_CHECKING:
    from pinnml.solution import Solution

CONFIG, HISTORY, SUMMARY, CHECKPOINT = "config.json", "history.csv", "summary.json", "checkpoint.pt"


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
    points = encode(setup.points) if hasattr(setup.points, "unit") else "given"
    return {
        "problem": solution.problem.name,
        "equation_parameters": solution.problem.parameters,
        "network": encode(setup.network),
        "solver": encode(setup.solver),
        "points": points,
        "stop": encode(setup.stop),
        "seed": setup.seed,
        "device": setup.device,
        "dtype": str(setup.dtype),
        "version": __version__,
    }


def _checkpoint(solution: Solution) -> dict[str, Any]:
    iterate = solution.result.iterate
    return {
        "theta": iterate.theta,
        "f": iterate.f,
        "grad": iterate.grad,
        "state": encode(solution.result.state),
        "status": solution.result.status.name,
        "message": solution.result.message,
        "nit": solution.result.nit,
        "seconds": solution.result.seconds,
        "counts": encode(solution.result.counts),
        "points": {name: [points.x, points.weights] for name, points in solution.collocation.items()},
        "version": __version__,
    }


def load(folder: str | os.PathLike[str], problem: Problem | None = None) -> Solution:
    """Read a run folder; raise `DeclarationError` for a missing or damaged file, or another problem."""
    from pinnml.solution import Solution
    from pinnml.solve import Setup, bind

    path = Path(folder)
    config = read_json(path / CONFIG)
    problem = _problem(config, problem, str(path))
    checkpoint = _read_checkpoint(path / CHECKPOINT)
    collocation = {name: ConditionPoints(x, weights) for name, (x, weights) in checkpoint["points"].items()}
    where = str(path / CONFIG)
    setup = Setup(
        network=decode(config["network"], where),
        solver=decode(config["solver"], where),
        points={name: points.x for name, points in collocation.items()}
        if config["points"] == "given"
        else decode(config["points"], where),
        stop=decode(config["stop"], where),
        seed=config["seed"],
        device="cpu",
        dtype=decode(config["dtype"], where),
    )
    result = Result(
        Status[checkpoint["status"]],
        checkpoint["message"],
        Iterate(checkpoint["theta"], checkpoint["f"], checkpoint["grad"]),
        checkpoint["nit"],
        checkpoint["seconds"],
        decode(checkpoint["counts"], where),
        decode(checkpoint["state"], where),
    )
    network = bind(problem, setup)
    if network.size != len(result.iterate.theta):
        raise declaration_error(
            f"The checkpoint holds {len(result.iterate.theta)} parameters, the network has {network.size}.",
            str(path),
            "restore the folder's files; they belong to different runs.",
        )
    return Solution(problem, setup, network, result, read_history(path / HISTORY), collocation)


def _problem(config: dict[str, Any], problem: Problem | None, where: str) -> Problem:
    import pinnml.problems as problems

    name = config["problem"]
    if problem is None:
        if name not in problems.names():
            remedy = "hand the problem over, as in Solution.load(folder, problem)."
            raise declaration_error(f"{name!r} is not a bundled problem.", where, remedy)
        problem = problems.get(name)
    if problem.name != name or problem.parameters != config["equation_parameters"]:
        raise declaration_error(
            f"The run solved {name!r} with {config['equation_parameters']}, this is {problem.name!r} with "
            f"{problem.parameters}.",
            where,
            "hand over the problem that the run solved.",
        )
    return problem


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        # weights_only: tensors and plain data, never code
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise declaration_error("There is no checkpoint.", str(path), "name a folder that a run has left.") from None
    except Exception as error:
        raise declaration_error(f"The checkpoint cannot be read: {error}.", str(path), "restore the file.") from error
