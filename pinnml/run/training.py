"""From a problem to a solution: checks, points, network, training."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from pinnml.adapt import AbstractAdaptation
from pinnml.io.claim import claim_folder
from pinnml.loss import (
    AbstractBalance,
    AbstractScaling,
    EqualTraces,
    LinearisedSizes,
)
from pinnml.network import Architecture
from pinnml.optim import AbstractSolver, Stop
from pinnml.points import Sampler
from pinnml.problem import Problem
from pinnml.run.course import run_of
from pinnml.run.interruption import Interruption
from pinnml.run.keeper import Keeper, kept_if_ended
from pinnml.run.solution import Solution
from pinnml.run.watching import compare, watched
from pinnml.setup import DEFAULT_SECONDS, HistoryRow, Run, Setup, arrange, expect, new_identity, with_room
from pinnml.threads import as_before_all_runs

KEPT_EVERY = 60.0
"""Seconds between checkpoints."""


def solve(
    problem: Problem,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    points: Sampler | Mapping[str, Tensor] | None = None,
    refine: AbstractAdaptation | None = None,
    balance: AbstractBalance | None = EqualTraces(),  # noqa: B008  (frozen)
    scales: AbstractScaling | Mapping[str, float] | None = LinearisedSizes(),  # noqa: B008  (frozen)
    accuracy: float | None = None,
    seconds: float | None = None,
    stop: Stop | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    dtype: torch.dtype = torch.float64,
    chunk: int | None = None,
    out: str | os.PathLike[str] | None = None,
    every: float = KEPT_EVERY,
    callback: Callable[[HistoryRow], None] = lambda row: None,
    progress: bool | None = None,
) -> Solution:
    """Train a network on a problem and return the solution.

    Ctrl-C ends the run after the present step, SIGTERM and SIGHUP within it; what was reached is returned. What
    `callback` or a function of the problem raises comes out again, with a note of where the run so far is kept.

    Parameters
    ----------
    problem : Problem
        What to solve.
    network : Architecture, torch.nn.Module or None, default None
        The network; None for ResNet(), with a periodic embedding along coordinates in which the problem is periodic.
    solver : AbstractSolver or None, default None
        The method; None for that of `default_recipe` for the network's size, with readouts and points that follow the
        residual unless `points` are given.
    points : Sampler, mapping from str to tensor (n, d) or None, default Hammersley()
        What draws the points, or the points of each condition.
    refine : AbstractAdaptation or None, default None
        How the points of the equations are renewed, and whether the network grows; numbers of points are then the
        rule's, not the sampler's.
    balance : AbstractBalance or None, default EqualTraces()
        How soft conditions without a weight, and exact data among them, are weighed at the start; None for weights of
        one.
    scales : AbstractScaling, mapping from str to float or None, default LinearisedSizes()
        The sizes of the fields, in their units, that the network's outputs of about one stand for: found at the start
        where they are far from one, given by field, or None for sizes of one.
    accuracy : float or None, default None
        The relative L² error of every field (dimensionless), as estimated without a reference, at which the run ends
        (`Accuracy`). There is no limit of time then unless `seconds` are given, too; the run ends with a reason where
        it cannot be reached.
    seconds : float or None, default 60 without `stop` and `accuracy`
        Wall time [s].
    stop : Stop or None, default None
        When to end; of all that is given, at whichever is reached first.
    seed : int, default 0
        The seed of the first parameters and of all points that are drawn.
    device : str or torch.device, default "auto"
        "cpu", "cuda", or "auto": a GPU where there is one.
    dtype : torch.dtype, default torch.float64
        The precision, or torch.float32.
    chunk : int or None, default None
        The most points evaluated at once; None for as many as suit the machine.
    out : path or None, default None
        The run folder, written at the end, its checkpoint from the start on. That it is writable and holds no other run
        is checked first.
    every : float, default 60
        Time between checkpoints [s].
    callback : callable, default none
        Called with each row of the history.
    progress : bool or None, default None
        Whether a line on standard error shows how far the run is; None for yes on a terminal and in a notebook.

    Returns
    -------
    Solution
        The trained network as a function, and the record of the run.

    Raises
    ------
    DeclarationError
        Before training, for anything that is declared wrongly.
    """
    expect("solve", every=every, callback=callback, progress=progress)
    # nothing can be differentiated in inference mode, into which the user's own block may have led
    with torch.inference_mode(False):
        setup = arrange(
            problem, network, solver, points=points, refine=refine, balance=balance, scales=scales, accuracy=accuracy,
            seconds=seconds, stop=stop, seed=seed, device=device, dtype=dtype, chunk=chunk,
        )  # fmt: skip
        budget = DEFAULT_SECONDS if seconds is None and stop is None and accuracy is None else seconds
        with watched(progress, problem.name, budget, callback) as watch:
            return train(problem, setup, out=out, callback=watch, every=every)


def train(
    problem: Problem,
    setup: Setup,
    *,
    out: str | os.PathLike[str] | None = None,
    callback: Callable[[HistoryRow], None] = lambda row: None,
    before: Run | None = None,
    every: float = KEPT_EVERY,
) -> Solution:
    """Do what `solve` does with a complete setup; with `before`, continue that run until the setup's stop.

    Parameters
    ----------
    problem : Problem
        What to solve.
    setup : Setup
        All else that the run depends on.
    out : path or None, default None
        The run folder; a checkpoint is written there at the start, after every `every` seconds, and when the solver's
        phase changes.
    callback : callable, default none
        Called with each row of the history.
    before : Run or None, default None
        The run to continue.
    every : float, default 60
        Time between checkpoints [s].

    Returns
    -------
    Solution

    Raises
    ------
    DeclarationError
        Before training, for anything that is declared wrongly.
    """
    expect("train", every=every, callback=callback)
    with ExitStack() as stack:
        stack.enter_context(as_before_all_runs())
        stack.enter_context(torch.inference_mode(False))
        setup = with_room(problem, setup)
        identity = new_identity() if before is None else before.identity
        folder = stack.enter_context(claim_folder(out, identity)) if out is not None else None
        interruption = stack.enter_context(Interruption())
        keeper = Keeper(folder, every, setup.solver) if folder is not None else None
        with kept_if_ended(before, folder) as reached:
            solution = Solution(run_of(problem, setup, interruption, callback, before, keeper, identity, reached))
        if keeper is not None:
            keeper.finish(solution)
        compare(solution.run)
        return solution
