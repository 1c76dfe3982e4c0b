"""Repeating a run from what its folder says, and comparing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from pinnml.network import Architecture
from pinnml.optim import AbstractSolver, Iterations
from pinnml.problem import Problem
from pinnml.run.solution import Solution
from pinnml.run.training import train
from pinnml.setup import HistoryRow, expect, machine


@dataclass(frozen=True)
class Repetition:
    """A run and its repetition with as many iterations.

    `first` is the first iteration at which their losses differ, None where all are equal; `difference` is
    ‖θ − θ_before‖/‖θ_before‖ at the end (dimensionless); `changed` names what is different on this machine.
    """

    before: Solution
    solution: Solution
    first: int | None
    difference: float
    changed: dict[str, tuple[object, object]]

    @property
    def identical(self) -> bool:
        """Whether both ended at the same θ, to the bit."""
        return self.first is None and torch.equal(self.solution.theta, self.before.theta)


def rerun(
    folder: str | os.PathLike[str],
    problem: Problem | None = None,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    callback: Callable[[HistoryRow], None] = lambda row: None,
) -> Repetition:
    """Repeat the run in a folder from its seed and settings, for as many iterations, and compare.

    On one thread of the same machine a run repeats to the bit; a solver with limits of seconds inside does not.

    Parameters
    ----------
    folder : path
        The run folder.
    problem : Problem or None, default None
        The problem of the run; needed unless it is a bundled one, since functions are not stored.
    network : Architecture, torch.nn.Module or None, default None
        The network of the run; needed where it is a module of your own.
    solver : AbstractSolver or None, default None
        The solver; needed where the folder could not keep the run's.
    out : path or None, default None
        A folder for the repetition.
    callback : callable, default none
        Called with each row of the repetition's history.

    Returns
    -------
    Repetition
        Both runs, and how they differ.

    Raises
    ------
    DeclarationError
        As `Solution.load`.
    """
    expect("rerun", callback=callback)
    before = Solution.load(folder, problem, network, solver, stop=Iterations(0))
    setup = replace(before.setup, stop=Iterations(before.result.nit))
    solution = train(before.problem, setup, out=out, callback=callback)
    pairs = zip(before.history, solution.history, strict=False)
    first = next((old.iteration for old, new in pairs if old.loss != new.loss), None)
    difference = float((solution.theta - before.theta).norm() / before.theta.norm())
    now, then = machine(), before.machine
    changed = {name: (then.get(name), now[name]) for name in now if then.get(name) != now[name]}
    return Repetition(before, solution, first, difference, changed)
