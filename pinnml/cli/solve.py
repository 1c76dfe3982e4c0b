"""The commands on run folders: `pinnml solve | resume | rerun | plot`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from rich.console import Console

from pinnml.adapt import RAD
from pinnml.cli import options
from pinnml.cli.catalogue import SOLVERS, choose
from pinnml.cli.chosen import HELP, chosen
from pinnml.cli.output import FAILED, INTERRUPTED, say
from pinnml.errors import printable, raise_fatal
from pinnml.io import path_of, save_figures
from pinnml.io.checkpoint import CHECKPOINT
from pinnml.io.claim import LOCK
from pinnml.network import Architecture
from pinnml.optim import Loss, Status
from pinnml.problem import Problem
from pinnml.report import ProgressLine, refinement_table, summary_table
from pinnml.run import Solution, rerun, resume, train
from pinnml.setup import DEFAULT_SECONDS, Recipe, Setup, arrange, parameters, predict_memory, size_of, size_text, within

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
    "lifting_l2",
    "estimate",
    "scales",
    "message",
)
"""What the table at the end of a run shows of its summary."""


def add_solve(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pinnml solve`."""
    parser.add_argument("problem", help=HELP)
    parser.add_argument("--accuracy", type=float, help="end when the estimated relative error is at most this")
    parser.add_argument("--seconds", type=float, help="time limit [60; none with --accuracy]")
    parser.add_argument("--loss", type=float, help="stop at this loss, too")
    parser.add_argument("--out", help="run folder [runs/PROBLEM, or the next free PROBLEM-2, …]")
    parser.add_argument("--solver", default="default", help=f"{', '.join(SOLVERS)} [default]")
    parser.add_argument(
        "--refine",
        action=argparse.BooleanOptionalAction,
        help="let the points follow the residual, in growing numbers [as the solver's name says]",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of points and network [0]")
    parser.add_argument("--memory", metavar="SIZE", help="stay below so much memory, such as 2GiB, by smaller chunks")
    parser.add_argument("--dry-run", action="store_true", help="check the problem, predict the memory, train nothing")
    options.add_discretisation(parser)
    options.add_machine(parser)
    parser.set_defaults(command=_solve)


def add_resume(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pinnml resume`."""
    parser.add_argument("folder", help="the run folder")
    _add_problem(parser)
    parser.add_argument("--seconds", type=float, help="seconds more [what the run has left; 60 where it has ended]")
    parser.set_defaults(command=_resume)


def add_rerun(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pinnml rerun`."""
    parser.add_argument("folder", help="the run folder")
    _add_problem(parser)
    parser.add_argument("--out", help="folder of the repetition [FOLDER-rerun, or the next free one]")
    parser.set_defaults(command=_rerun)


def add_plot(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pinnml plot`."""
    parser.add_argument("folder", help="the run folder")
    _add_problem(parser)
    parser.add_argument("--vtu", action="store_true", help="write solution.vtu too")
    parser.set_defaults(command=_plot)


def _add_problem(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("problem", nargs="?", help="my_problem.py[:name], where the run solved no bundled one")


def _solve(parsed: argparse.Namespace, console: Console) -> int:
    found = chosen(parsed.problem)
    problem = found.problem
    setup = _setup(parsed, problem)
    say(console, f"{problem.name}: {problem.description}")
    if parsed.dry_run:
        return _dry_run(problem, setup, console)
    with (
        _folder(parsed.out, Path("runs"), found.stem) as folder,
        ProgressLine(console, title=problem.name, budget=_seconds(parsed)) as line,
    ):
        solution = train(problem, setup, out=folder, callback=line.update)
        line.update(solution.history[-1])  # by now with its error
    return _finish(solution, folder, console)


def _setup(parsed: argparse.Namespace, problem: Problem) -> Setup:
    network = options.network(parsed, problem)
    recipe = _recipe(parsed, problem, network)
    setup = arrange(
        problem,
        network,
        recipe.solver,
        points=options.sampler(parsed),
        refine=recipe.refine,
        accuracy=parsed.accuracy,
        seconds=_seconds(parsed),
        stop=None if parsed.loss is None else Loss(parsed.loss),
        seed=parsed.seed,
        device=parsed.device,
        dtype=getattr(torch, parsed.dtype),
    )
    return setup if parsed.memory is None else within(problem, setup, size_of(parsed.memory))


def _seconds(parsed: argparse.Namespace) -> float | None:
    """The time limit: the default one only where nothing else is asked for."""
    return DEFAULT_SECONDS if parsed.seconds is None and parsed.accuracy is None else parsed.seconds


def _dry_run(problem: Problem, setup: Setup, console: Console) -> int:
    """Check the problem and show what a run would take, without one."""
    raise_fatal(problem.check())
    memory = predict_memory(problem, setup)
    shown = {
        "problem": problem.name,
        "network": setup.network,
        "parameters": parameters(problem, setup.network),
        "solver": type(setup.solver).__name__,
        "device": setup.device,
        "points at once": f"{memory.chunk} on each of {memory.threads} threads",
        "memory of the process": size_text(memory.process),
        "memory of points": size_text(memory.points),
        "memory of an evaluation": size_text(memory.evaluation),
        "memory of the solver": size_text(memory.solver),
        "memory of a readout's jets": size_text(memory.jets),
        "memory of the estimate at the end": size_text(memory.assessment),
        "memory in all, at its peak": size_text(memory.total),
    }
    console.print(summary_table(shown))
    return 0


def _recipe(parsed: argparse.Namespace, problem: Problem, network: Architecture) -> Recipe:
    """The recipe of the solver's name, with renewal as the user has asked for; points that the user chose stay."""
    recipe = choose("--solver", parsed.solver, SOLVERS)(parameters(problem, network), problem)
    asked = parsed.refine
    if asked is None:
        asked = recipe.refine is not None and not {"--points", "--sampler"} & set(options.given(parsed))
    return replace(recipe, refine=(recipe.refine or RAD()) if asked else None)


def _resume(parsed: argparse.Namespace, console: Console) -> int:
    with ProgressLine(console, title=path_of(parsed.folder).name) as line:
        solution = resume(parsed.folder, _given(parsed), seconds=parsed.seconds, callback=line.update)
        line.update(solution.history[-1])
    return _finish(solution, path_of(parsed.folder), console)


def _rerun(parsed: argparse.Namespace, console: Console) -> int:
    folder = path_of(parsed.folder)
    with (
        _folder(parsed.out, folder.parent, f"{folder.name}-rerun") as out,
        ProgressLine(console, title=folder.name) as line,
    ):
        repetition = rerun(folder, _given(parsed), out=out, callback=line.update)
        line.update(repetition.solution.history[-1])
    status = _finish(repetition.solution, out, console)
    for name, (then, now) in repetition.changed.items():
        say(console, f"{name} was {then} and is {now}", "yellow")
    if repetition.identical:
        say(console, "The run has repeated itself to the bit.", "green")
        return status
    parting = "in θ alone" if repetition.first is None else f"from iteration {repetition.first} on"
    say(console, f"The runs differ {parting}; relative difference of θ at the end {repetition.difference:.1e}", "red")
    return status or FAILED


def _plot(parsed: argparse.Namespace, console: Console) -> int:
    solution = Solution.load(parsed.folder, _given(parsed))
    for path in save_figures(solution.figures(), parsed.folder):
        say(console, str(path))
    if parsed.vtu:
        path = path_of(parsed.folder) / "solution.vtu"
        solution.to_vtu(path)
        say(console, str(path))
    return 0


def _given(parsed: argparse.Namespace) -> Problem | None:
    """The problem that was named beside a folder: the folder itself holds no functions."""
    return None if parsed.problem is None else chosen(parsed.problem).problem


def _finish(solution: Solution, folder: Path, console: Console) -> int:
    shown = solution.summary()
    console.print(summary_table({key: shown[key] for key in SHOWN if key in shown}))
    if solution.refinements:
        console.print(refinement_table(solution.refinements, console.width))
    say(console, f"Figures and files are in {folder}/:")
    say(console, "  " + "  ".join(sorted(printable(path.name) for path in folder.glob("[!.]*"))))
    if solution.result.status is Status.INTERRUPTED:
        return INTERRUPTED
    return 0 if solution.result.success else FAILED


@contextmanager
def _folder(named: str | None, parent: Path, name: str) -> Iterator[Path]:
    """Yield the folder that was named, or make parent/name, or the first of name-2, name-3, … that is not there.

    What another command makes in the same moment is not taken; where nothing comes into it, it is removed again.
    """
    if named is not None:
        yield path_of(named)
        return
    folder = _new_folder(parent, name)
    try:
        yield folder
    finally:
        if not (folder / CHECKPOINT).exists():
            (folder / LOCK).unlink(missing_ok=True)
            with suppress(OSError):  # something else came into it
                folder.rmdir()


def _new_folder(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError  # there is always another number
