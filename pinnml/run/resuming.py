"""Going on with a run that has left a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from torch import nn

from pinnml.network import Architecture
from pinnml.optim import AbstractSolver, Seconds, Stop
from pinnml.problem import Problem
from pinnml.run.folder import load
from pinnml.run.solution import Solution
from pinnml.run.training import KEPT_EVERY, train
from pinnml.setup import DEFAULT_SECONDS, HistoryRow


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
    """Go on with the run in a folder, as if it had never been stopped, and write the folder anew.

    It goes on to its own stop, or for 60 s more where it has reached that; with `seconds` for so many more, with `stop`
    until that, which counts the whole run. On one thread a resumed run repeats an uninterrupted one to the bit. Hand
    over what is your own, as to `Solution.load`, which also tells what is raised.
    """
    before = load(folder, problem, network, solver, stop=stop)
    had, setup = before.result.progress, before.setup
    if seconds is None and stop is None and setup.stop.reason(had) is not None:
        seconds = DEFAULT_SECONDS
    if seconds is not None:
        limit = Seconds(had.seconds + seconds)
        setup = replace(setup, stop=limit if stop is None else limit | stop)
    return train(before.problem, setup, out=folder, callback=callback, before=before, every=every)
