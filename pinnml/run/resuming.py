"""Continuing a run from its folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from pinnml.network import Architecture
from pinnml.optim import AbstractSolver, Seconds, Status, Stop
from pinnml.problem import Problem
from pinnml.run.folder import is_complete, load
from pinnml.run.solution import Solution
from pinnml.run.training import KEPT_EVERY, train
from pinnml.setup import DEFAULT_SECONDS, HistoryRow, expect


def resume(
    folder: str | os.PathLike[str],
    problem: Problem | None = None,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    seconds: float | None = None,
    stop: Stop | None = None,
    every: float = KEPT_EVERY,
    callback: Callable[[HistoryRow], None] = lambda row: None,
) -> Solution:
    """Continue the run in a folder as if it had never been stopped, and write the folder again.

    On one thread a resumed run repeats an uninterrupted one to the bit.

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
    seconds : float or None, default None
        Wall time from now on [s].
    stop : Stop or None, default None
        When to end; it counts the whole run. Without `seconds` and `stop` the run goes on to its own stop, or for 60 s
        where it has reached that; a run that was killed at its end, before its folder was complete, is ended, written
        and no more.
    every : float, default 60
        Time between checkpoints [s].
    callback : callable, default none
        Called with each new row of the history.

    Returns
    -------
    Solution

    Raises
    ------
    DeclarationError
        As `Solution.load`.
    """
    expect("resume", seconds=seconds, every=every, callback=callback)
    with torch.inference_mode(False):
        before = load(folder, problem, network, solver, stop=stop)
    had, setup = before.result.progress, before.setup
    if seconds is None and stop is None and before.result.status is not Status.RUNNING:
        if not is_complete(before, folder):  # it was killed when it had ended, and before it had left everything
            solution = Solution(before)
            solution.save(folder)
            return solution
        if setup.stop.reason(had) is not None:
            seconds = DEFAULT_SECONDS
    if seconds is not None:
        limit = Seconds(had.seconds + seconds)
        setup = replace(setup, stop=limit if stop is None else limit | stop)
    return train(before.problem, setup, out=folder, callback=callback, before=before, every=every)
