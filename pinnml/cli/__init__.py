"""The command line: `pinnml solve | list | resume | rerun | plot | bench`."""

from __future__ import annotations

import argparse
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from rich.console import Console
from rich.table import Table

import pinnml.problems as problems
from pinnml._version import __version__
from pinnml.cli import bench, solve
from pinnml.cli.catalogue import NETWORKS, SAMPLERS, SOLVERS
from pinnml.cli.output import FAILED, INTERRUPTED, WRONG_INPUT, say
from pinnml.io.checkpoint import UnsavedWarning
from pinnml.report import plain_letters

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done, 1 failed, 2 wrong input, 130 interrupted."""
    with plain_letters(sys.stdout, sys.stderr):
        return _run(sys.argv[1:] if arguments is None else list(arguments))


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """End the program; a page of usage would hide what is wrong."""
        self.exit(WRONG_INPUT, f"error: {message}; see {self.prog} --help\n")


def _run(words: list[str]) -> int:
    parsed = _parser().parse_args(words, argparse.Namespace(line=shlex.join(["pinnml", *words])))
    console, complaints, unsaved = Console(), Console(stderr=True), list[str]()

    def show(message: Warning | str, category: type[Warning], *rest: object, **more: object) -> None:
        say(complaints, f"warning: {message}", "yellow")
        if issubclass(category, UnsavedWarning):
            unsaved.append(str(message))

    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            return int(parsed.command(parsed, console)) or (FAILED if unsaved else 0)
    except (ValueError, OSError) as error:
        say(complaints, f"error: {error}", "red")
        return WRONG_INPUT
    except KeyboardInterrupt:
        say(complaints, "interrupted", "red")
        return INTERRUPTED


def _parser() -> Parser:
    parser = Parser(prog="pinnml", description="Solve PDEs with physics-informed neural networks.")
    parser.add_argument("--version", action="version", version=f"pinnml {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    solve.add_solve(commands.add_parser("solve", help="solve a problem and write a run folder"))
    listing = commands.add_parser("list", help="list problems, networks, solvers and samplers")
    listing.set_defaults(command=_list)
    solve.add_resume(commands.add_parser("resume", help="go on with the run in a folder"))
    solve.add_rerun(commands.add_parser("rerun", help="repeat the run in a folder, and compare"))
    solve.add_plot(commands.add_parser("plot", help="make the figures of a run folder again"))
    bench.add_bench(commands.add_parser("bench", help="compare solvers on problems over several seeds"))
    return parser


def _list(parsed: argparse.Namespace, console: Console) -> int:
    table = Table(title="problems", show_header=False)
    for name in problems.names():
        table.add_row(name, problems.get(name).description)
    console.print(table)
    for title, names in (("networks", NETWORKS), ("solvers", SOLVERS), ("samplers", SAMPLERS)):
        say(console, f"{title}: {', '.join(names)}")
    return 0
