"""The command `pinnml bench`: solvers compared on problems over several seeds."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from pinnml.bench import ABLATIONS, Plan, Spread, Trial, jobs, paper, pinnacle, race, summary
from pinnml.bench.comparison import TABLE
from pinnml.bench.table import error, number
from pinnml.bench.trial import complete
from pinnml.cli import options
from pinnml.cli.catalogue import SOLVERS, choose
from pinnml.cli.chosen import HELP, Chosen, chosen
from pinnml.cli.output import INTERRUPTED, say
from pinnml.errors import DeclarationError, suggestion
from pinnml.io import path_of
from pinnml.network import Architecture
from pinnml.optim import Status
from pinnml.points import Hammersley
from pinnml.report import ProgressLine


@dataclass(frozen=True)
class Usual:
    """The solvers and the number of seeds where the user names none."""

    solvers: str
    seeds: int = 3


USUAL, PAPER, PINNACLE = Usual("lbfgs,default"), Usual(",".join(paper.SOLVERS)), Usual("default", 1)


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pinnml bench`."""
    parser.add_argument("problems", nargs="*", help=f"each {HELP}; or pinnacle, for its 22; with --paper the paper's")
    parser.add_argument(
        "--solvers",
        help=f"names with commas between them: {', '.join(SOLVERS | ABLATIONS)} [{USUAL.solvers}; default of pinnacle]",
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of each run [60]")
    parser.add_argument("--seeds", type=int, help="how many seeds, from 0 on [3; 1 of pinnacle]")
    parser.add_argument("--out", required=True, help="folder for tables, figures and histories")
    parser.add_argument(
        "--paper", action="store_true", help="problems, networks and solvers of the SPQN paper, compared by ratio"
    )
    options.add_discretisation(parser)
    options.add_machine(parser)
    parser.set_defaults(command=_bench)


def _bench(parsed: argparse.Namespace, console: Console) -> int:
    whole = parsed.problems == [pinnacle.GROUP] and not parsed.paper
    if whole:
        parsed.problems = list(pinnacle.PUBLISHED)
    plan = _plan(parsed, PINNACLE if whole else PAPER if parsed.paper else USUAL)

    def watch(title: str) -> ProgressLine:
        return ProgressLine(console, title=title, budget=plan.seconds)

    reports = TABLE | {"pinnacle.md": pinnacle.comparison} if whole else TABLE
    if parsed.paper:
        reports = reports | {"paper.md": paper.comparison}
    runs = race(plan, parsed.out, watch, reports, resumed=whole)
    return _finish(plan, runs, path_of(parsed.out), console)


def _plan(parsed: argparse.Namespace, usual: Usual) -> Plan:
    seeds = usual.seeds if parsed.seeds is None else parsed.seeds
    solvers = dict.fromkeys(name.strip() for name in (parsed.solvers or usual.solvers).split(","))
    if seeds < 1:
        raise DeclarationError(f"There are {seeds} seeds", "--seeds", "give at least 1")
    if parsed.paper and paper.BASELINE not in solvers:
        raise DeclarationError(f"{paper.BASELINE} is missing", "--solvers", "name it, too, since ratios are to it")
    named = [] if parsed.paper else _named(parsed)
    return Plan(
        networks=_paper_networks(parsed) if parsed.paper else _networks(parsed, named),
        recipes={name: choose("--solvers", name, SOLVERS | ABLATIONS) for name in solvers},
        seeds=tuple(range(seeds)),
        seconds=parsed.seconds,
        points=Hammersley(paper.POINTS) if parsed.paper else options.sampler(parsed),
        device=parsed.device,
        dtype=getattr(torch, parsed.dtype),
        command=parsed.line,
        own={one.label: one.problem for one in named if one.label not in parsed.problems},
    )


def _named(parsed: argparse.Namespace) -> list[Chosen]:
    if not parsed.problems:
        raise DeclarationError("No problem is named", "bench", "name one from `pinnml list`, or give --paper")
    found = [chosen(text) for text in dict.fromkeys(parsed.problems)]
    labels = [one.label for one in found]
    for label in labels:
        if labels.count(label) > 1:
            raise DeclarationError(f"Two problems are called {label!r}", "bench", "give one of the files another name")
    return found


def _networks(parsed: argparse.Namespace, named: list[Chosen]) -> dict[str, Architecture]:
    return {one.label: options.network(parsed, one.problem) for one in named}


def _paper_networks(parsed: argparse.Namespace) -> dict[str, Architecture]:
    if options.given(parsed):
        what = "The paper sets networks and points itself"
        raise DeclarationError(what, ", ".join(options.given(parsed)), "leave it out")
    for name in parsed.problems:
        if name not in paper.PUBLISHED:
            known = suggestion(name, paper.PUBLISHED)
            raise DeclarationError(f"The paper has no problem {name!r}", "--paper", known)
    return {name: paper.PUBLISHED[name].network for name in parsed.problems or paper.PUBLISHED}


def _finish(plan: Plan, runs: list[Trial], folder: Path, console: Console) -> int:
    table = Table("problem", "solver", "relative L2", "loss", "work", title="medians over the seeds")
    for problem in plan.networks:
        for solver in plan.recipes:
            if chosen := complete(runs, problem, solver):
                found = summary(chosen)
                ends = [_median(found.final_error, error), _median(found.loss, error), _median(found.work, number)]
                table.add_row(problem, solver, *ends)
    if table.row_count:
        console.print(table)
    say(console, f"Tables, figures and histories are in {folder}/:")
    say(console, "  " + "  ".join(sorted(path.name for path in folder.iterdir())))
    done, planned = sum(run.status is not Status.INTERRUPTED for run in runs), len(jobs(plan))
    if done < planned:
        say(console, f"interrupted after {done} of {planned} runs", "red")
        return INTERRUPTED
    return 0


def _median(found: Spread, text: Callable[[float], str]) -> str:
    return "–" if found.median is None else text(found.median)
