"""Runs made by hand, and the smallest comparison that can be run."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console

import pinnml as pm
from pinnml.bench import Job, Plan, Trial
from pinnml.cli.catalogue import SOLVERS
from pinnml.objective import Counts
from pinnml.optim import Status
from pinnml.report import ProgressLine
from pinnml.setup import HistoryRow

TINY = pm.ResNet(width=4, blocks=1)


def row(seconds: float, error: float | None) -> HistoryRow:
    """A row ten work units a second after the start."""
    return HistoryRow(round(seconds), seconds, 10 * seconds, 1.0, 1.0, round(seconds), error)


def made(
    errors: Sequence[tuple[float, float | None]],
    solver: str = "lbfgs",
    seed: int = 0,
    *,
    problem: str = "poisson",
    status: Status = Status.STOPPED,
    budget: float = 60.0,
) -> Trial:
    """A run with these seconds and errors, which has ended with its last row."""
    rows = tuple(row(seconds, error) for seconds, error in errors)
    counts = Counts(gradients=len(rows), work=rows[-1].work)
    return Trial(Job(problem, solver, seed), rows, status, "made by hand", rows[-1].seconds, counts, budget, 9, "cpu")


def plan(*solvers: str, **settings: Any) -> Plan:
    """Poisson's equation with 4 neurons on 60 points."""
    small: dict[str, Any] = {"networks": {"poisson": TINY}, "seconds": 0.1, "points": pm.Hammersley(60)}
    names = solvers or ("lbfgs", "adam")
    return Plan(recipes={name: SOLVERS[name] for name in names}, **(small | settings))


def silent(title: str) -> ProgressLine:
    """A progress line that nobody sees."""
    return ProgressLine(Console(file=io.StringIO()), title=title)
