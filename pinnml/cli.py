"""The command line: `pinnml solve | list | resume | plot`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console
from rich.table import Table

import pinnml.problems as problems
from pinnml._version import __version__
from pinnml.io.run import CHECKPOINT, load, save_figures, summary
from pinnml.levels import TwoLevel
from pinnml.network import MLP, Architecture, PeriodicEmbedding, ResNet
from pinnml.optim import (
    LBFGS,
    AbstractSolver,
    Adam,
    Iterations,
    LevenbergMarquardt,
    Loss,
    Seconds,
    Sequential,
    Status,
    Stop,
)
from pinnml.points import Grid, Hammersley, LatinHypercube, Sampler, Sobol, Uniform
from pinnml.problem import DeclarationError, Periodic, Problem, suggestion
from pinnml.refine import RAD
from pinnml.report import ProgressLine, summary_table
from pinnml.solution import Solution
from pinnml.solve import run, solve

T = TypeVar("T")

SHOWN = (
    "problem",
    "network",
    "parameters",
    "seconds",
    "iterations",
    "evaluations",
    "work",
    "loss",
    "relative_l2",
    "max_error",
    "message",
)
"""What the table at the end of a run shows of its summary."""

INTERRUPTED = 130
WRONG_INPUT = 2
FAILED = 1

NETWORKS: dict[str, Callable[[int, int], Architecture]] = {
    "resnet": lambda width, depth: ResNet(width=width, blocks=depth),
    "mlp": lambda width, depth: MLP(width=width, depth=depth),
}
SOLVERS: dict[str, Callable[[], AbstractSolver]] = {
    "lbfgs": LBFGS,
    "adam": Adam,
    "adam-lbfgs": lambda: Sequential((Adam(), Iterations(500)), LBFGS()),
    "levenberg-marquardt": LevenbergMarquardt,
    "two-level-schwarz": TwoLevel,
}
SAMPLERS: dict[str, type[Sampler]] = {
    "hammersley": Hammersley,
    "sobol": Sobol,
    "uniform": Uniform,
    "latin": LatinHypercube,
    "grid": Grid,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done, 1 failed, 2 wrong input, 130 interrupted."""
    parsed = _parser().parse_args(arguments)
    console, complaints = Console(), Console(stderr=True)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *rest, **more: _say(complaints, f"warning: {message}", "yellow")
            return int(parsed.command(parsed, console))
    except (ValueError, OSError) as error:
        _say(complaints, f"error: {error}", "red")
        return WRONG_INPUT
    except KeyboardInterrupt:
        _say(complaints, "interrupted", "red")
        return INTERRUPTED


def _say(console: Console, text: str, style: str = "") -> None:
    """Print text as it is: no markup, no line breaks of our own, so that paths can be copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pinnml", description="Solve PDEs with physics-informed neural networks.")
    parser.add_argument("--version", action="version", version=f"pinnml {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_solve(commands.add_parser("solve", help="solve a bundled problem and write a run folder"))
    listing = commands.add_parser("list", help="list problems, networks, solvers and samplers")
    listing.set_defaults(command=_list)
    resume = commands.add_parser("resume", help="go on with the run in a folder")
    resume.add_argument("folder", help="the run folder")
    resume.add_argument("--seconds", type=float, default=60.0, help="seconds more [60]")
    resume.set_defaults(command=_resume)
    plot = commands.add_parser("plot", help="make the figures of a run folder again")
    plot.add_argument("folder", help="the run folder")
    plot.add_argument("--vtu", action="store_true", help="write solution.vtu too")
    plot.set_defaults(command=_plot)
    return parser


def _add_solve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("problem", help="a name from `pinnml list`")
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit [60]")
    parser.add_argument("--loss", type=float, help="stop at this loss, too")
    parser.add_argument("--out", help="run folder [runs/PROBLEM, or the next free PROBLEM-2, …]")
    parser.add_argument("--network", default="resnet", help=f"{', '.join(NETWORKS)} [resnet]")
    parser.add_argument("--width", type=int, default=16, help="neurons a layer [16]")
    parser.add_argument("--depth", type=int, default=9, help="residual blocks or hidden layers [9]")
    parser.add_argument("--solver", default="lbfgs", help=f"{', '.join(SOLVERS)} [lbfgs]")
    parser.add_argument("--sampler", default="hammersley", help=f"{', '.join(SAMPLERS)} [hammersley]")
    parser.add_argument("--points", type=int, default=10_000, help="points for the equation [10000]")
    parser.add_argument("--refine", action="store_true", help="let the points follow the residual, in growing numbers")
    parser.add_argument("--seed", type=int, default=0, help="seed of points and network [0]")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64", help="precision [float64]")
    parser.set_defaults(command=_solve)


def _solve(parsed: argparse.Namespace, console: Console) -> int:
    problem = problems.get(parsed.problem)
    network = _choose("--network", parsed.network, NETWORKS)(parsed.width, parsed.depth)
    stop: Stop = Seconds(parsed.seconds)
    if parsed.loss is not None:
        stop = stop | Loss(parsed.loss)
    folder = Path(parsed.out) if parsed.out else _free_folder(Path("runs"), parsed.problem)
    _say(console, f"{problem.name}: {problem.description}")
    with ProgressLine(console, title=problem.name, budget=parsed.seconds) as line:
        solution = solve(
            problem,
            _fitted(network, problem),
            _choose("--solver", parsed.solver, SOLVERS)(),
            points=_choose("--sampler", parsed.sampler, SAMPLERS)(parsed.points),
            refine=RAD() if parsed.refine else None,
            stop=stop,
            seed=parsed.seed,
            device=parsed.device,
            dtype=getattr(torch, parsed.dtype),
            out=folder,
            callback=line.update,
        )
        line.update(solution.history[-1])  # by now with its error
    return _finish(solution, folder, console)


def _fitted(network: Architecture, problem: Problem) -> Architecture:
    """Give the network a periodic embedding where the problem asks for periodicity along one coordinate."""
    along = [condition.along for condition in problem.conditions.values() if isinstance(condition, Periodic)]
    if len(along) == 1 and isinstance(network, ResNet | MLP):
        return replace(network, embedding=PeriodicEmbedding(along[0], harmonics=3))
    return network


def _resume(parsed: argparse.Namespace, console: Console) -> int:
    before = load(parsed.folder)
    setup = replace(before.setup, stop=Seconds(parsed.seconds))
    with ProgressLine(console, title=before.problem.name) as line:
        solution = run(before.problem, setup, out=parsed.folder, callback=line.update, before=before)
        line.update(solution.history[-1])
    return _finish(solution, Path(parsed.folder), console)


def _plot(parsed: argparse.Namespace, console: Console) -> int:
    solution = load(parsed.folder)
    for path in save_figures(solution, parsed.folder):
        _say(console, str(path))
    if parsed.vtu:
        path = Path(parsed.folder) / "solution.vtu"
        solution.to_vtu(path)
        _say(console, str(path))
    return 0


def _list(parsed: argparse.Namespace, console: Console) -> int:
    table = Table(title="problems", show_header=False)
    for name in problems.names():
        table.add_row(name, problems.get(name).description)
    console.print(table)
    for title, names in (("networks", NETWORKS), ("solvers", SOLVERS), ("samplers", SAMPLERS)):
        _say(console, f"{title}: {', '.join(names)}")
    return 0


def _finish(solution: Solution, folder: Path, console: Console) -> int:
    shown = summary(solution)
    console.print(summary_table({key: shown[key] for key in SHOWN}))
    _say(console, f"Figures and files are in {folder}/:")
    _say(console, "  " + "  ".join(sorted(path.name for path in folder.iterdir())))
    if solution.result.status is Status.INTERRUPTED:
        return INTERRUPTED
    return 0 if solution.result.success else FAILED


def _free_folder(parent: Path, name: str) -> Path:
    """Return parent/name, or the first of name-2, name-3, … that holds no run."""
    candidate, number = parent / name, 1
    while (candidate / CHECKPOINT).exists():
        number += 1
        candidate = parent / f"{name}-{number}"
    return candidate


def _choose(option: str, name: str, table: Mapping[str, T]) -> T:
    if name not in table:
        raise DeclarationError(f"Unknown name {name!r}; where: {option}. {suggestion(name, table)}")
    return table[name]


if __name__ == "__main__":
    sys.exit(main())
