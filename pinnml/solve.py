"""From a problem to a solution: checks, points, network, training."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pinnml.assemblies import default_recipe, schwarz_gauss_newton
from pinnml.interruption import Interruption
from pinnml.io.history import HistoryRow
from pinnml.io.run import claimed, save_somewhere
from pinnml.loss import PinnObjective, check_start
from pinnml.network import AbstractNetwork, Architecture, Custom, ResNet
from pinnml.optim import AbstractSolver, Progress, Result, Seconds, Status, Stop, minimise
from pinnml.points import Collocation, Hammersley, Sampler, given, sample
from pinnml.problem import DeclarationError, Finding, Problem, raise_fatal
from pinnml.record import History, Keeper
from pinnml.refine import RAD, Renewal
from pinnml.solution import Solution

DEFAULT_SECONDS = 60.0
"""How long a run goes on where nothing is said."""

KEPT_EVERY = 60.0
"""Seconds between checkpoints."""


class DeclarationWarning(UserWarning):
    """A finding of the checks that is suspicious and not fatal."""


@dataclass(frozen=True)
class Setup:
    """All that a run depends on besides the problem: the same setup on one thread repeats a run to the bit."""

    network: Architecture = field(default_factory=ResNet)
    solver: AbstractSolver = field(default_factory=schwarz_gauss_newton)
    points: Sampler | Mapping[str, Tensor] = field(default_factory=Hammersley)
    refine: RAD | None = None
    stop: Stop = field(default_factory=lambda: Seconds(DEFAULT_SECONDS))
    seed: int = 0
    device: str = "cpu"
    dtype: torch.dtype = torch.float64


def solve(
    problem: Problem,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    points: Sampler | Mapping[str, Tensor] | None = None,
    refine: RAD | None = None,
    seconds: float | None = None,
    stop: Stop | None = None,
    seed: int = 0,
    device: str = "auto",
    dtype: torch.dtype = torch.float64,
    out: str | os.PathLike[str] | None = None,
    every: float = KEPT_EVERY,
    callback: Callable[[HistoryRow], None] = lambda row: None,
) -> Solution:
    """Train a network on a problem and return the solution.

    Without network or points the defaults of `Setup` are taken; without `seconds` or `stop`, 60 seconds; without
    solver, what `default_recipe` says for the network's size, with points that follow the residual unless `points` are
    handed over. With `refine` the points of the equations follow the residual in any case; their numbers are then the
    rule's, not the sampler's.
    `device` is "auto" (a GPU where there is one), "cpu" or "cuda". With `out` the run folder is written at the end, and
    its checkpoint from the start on, `every` so many seconds; that it is writable and holds no other run is seen to
    before. `callback` gets every row of the history. Ctrl-C and SIGTERM end the run after the step under way, with what
    was reached. Raises `DeclarationError` before training for anything that is declared wrongly.
    """
    _expect(problem, Problem, "problem", "a Problem, such as pinnml.problems.get('burgers')")
    setup = Setup(seed=seed, device=_device(device), dtype=_dtype(dtype))
    if network is not None:
        setup = replace(setup, network=_architecture(network))
    if solver is None:
        recipe = default_recipe(parameters(problem, setup.network))
        setup = replace(setup, solver=recipe.solver, refine=recipe.refine if points is None else None)
    else:
        _expect(solver, AbstractSolver, "solver", "a solver, such as LBFGS()")
        setup = replace(setup, solver=solver)
    if points is not None:
        _expect(points, Sampler | Mapping, "points", "a sampler, such as Sobol(5000), or tensors by condition")
        setup = replace(setup, points=points)
    if refine is not None:
        _expect(refine, RAD, "refine", "a rule for renewing points, such as RAD()")
        setup = replace(setup, refine=refine)
    if stop is not None:
        _expect(stop, Stop, "stop", "a stop, such as Seconds(60) | Loss(1e-10)")
    if seconds is not None or stop is not None:
        setup = replace(setup, stop=_combined(seconds, stop))
    return run(problem, setup, out=out, callback=callback, every=every)


def run(
    problem: Problem,
    setup: Setup,
    *,
    out: str | os.PathLike[str] | None = None,
    callback: Callable[[HistoryRow], None] = lambda row: None,
    before: Solution | None = None,
    every: float = KEPT_EVERY,
) -> Solution:
    """Do what `solve` does with a complete setup; with `before`, go on with that run, whose stops are the setup's.

    With `out` a checkpoint is written there at the start, `every` so many seconds, and when the solver's phase changes.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(claimed(out, going_on=before is not None)) if out is not None else None
        interruption = stack.enter_context(Interruption())
        solution = _trained(problem, setup, interruption, callback, before, folder, every)
        if folder is not None:
            save_somewhere(solution, folder)
        return solution


def _trained(
    problem: Problem,
    setup: Setup,
    interruption: Interruption,
    callback: Callable[[HistoryRow], None],
    before: Solution | None,
    folder: Path | None,
    every: float,
) -> Solution:
    _report(problem.check())
    network, generator = bind(problem, setup), torch.Generator()
    if before is None:
        generator.manual_seed(setup.seed)
        start: Tensor | Progress = network.initial(generator, setup.dtype, torch.device(setup.device))
        collocation = _collocation(problem, setup, generator)
    else:
        start, collocation = before.result.progress, before.collocation
        if before.generator is not None:
            generator.set_state(before.generator)
    objective = PinnObjective(problem, network, collocation)
    _report(check_start(objective, start if isinstance(start, Tensor) else start.iterate.theta))
    history = History(problem, network, callback, list(before.history) if before is not None else [])
    renewal = Renewal(setup.refine, objective, generator) if setup.refine is not None else None

    def solution(result: Result) -> Solution:
        points = renewal.collocation if renewal is not None else collocation
        return Solution(problem, setup, network, result, history.rows, points, generator.get_state())

    keeper = Keeper(folder, every, setup.solver, solution) if folder is not None else None

    def watch(progress: Progress) -> None:
        history(progress)
        if keeper is not None:
            keeper(progress)

    renew = renewal or (lambda progress: None)
    result = minimise(objective, start, setup.solver, setup.stop | interruption, callback=watch, renew=renew)
    if result.message == Status.INTERRUPTED.value:
        result = replace(result, status=Status.INTERRUPTED)
    history.finish(result)
    return solution(result)


def bind(problem: Problem, setup: Setup) -> AbstractNetwork:
    """Return the setup's network for a problem's coordinates and fields."""
    return _bound(problem, setup.network)


def parameters(problem: Problem, network: Architecture) -> int:
    """Return how many parameters a network has for a problem's coordinates and fields."""
    return _bound(problem, network).size


def _bound(problem: Problem, network: Architecture) -> AbstractNetwork:
    domain = problem.domain
    return network.bind(domain.names, domain.lower, domain.upper, len(problem.fields))


def _report(findings: list[Finding]) -> None:
    raise_fatal(findings)
    for finding in findings:
        warnings.warn(str(finding), DeclarationWarning, stacklevel=5)


def _collocation(problem: Problem, setup: Setup, generator: torch.Generator) -> Collocation:
    if isinstance(setup.points, Sampler):
        sampler = setup.points if setup.refine is None else replace(setup.points, n=setup.refine.stages[0].points)
        return sample(problem, sampler, generator, dtype=setup.dtype, device=setup.device)
    return given(problem, setup.points, dtype=setup.dtype, device=setup.device)


def _expect(value: object, kind: Any, name: str, remedy: str) -> None:
    if not isinstance(value, kind):
        raise DeclarationError(f"{name} is {value!r}; where: solve; give {remedy}.")


def _architecture(network: Architecture | nn.Module) -> Architecture:
    if isinstance(network, Architecture):
        return network
    if isinstance(network, nn.Module):
        return Custom(network)
    raise DeclarationError(
        f"network is a {type(network).__name__}; where: solve; give an MLP, a ResNet or a torch.nn.Module."
    )


def _combined(seconds: float | None, stop: Stop | None) -> Stop:
    if seconds is None and stop is not None:
        return stop
    limit = Seconds(DEFAULT_SECONDS if seconds is None else seconds)
    return limit if stop is None else limit | stop


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError:
        kind = ""
    if kind not in ("cpu", "cuda"):
        raise DeclarationError(f"device is {device!r}; where: solve; use auto, cpu or cuda.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeclarationError("No CUDA device is available; where: device; use cpu or auto.")
    return str(device)


def _dtype(dtype: torch.dtype) -> torch.dtype:
    if dtype not in (torch.float64, torch.float32):
        raise DeclarationError(f"dtype is {dtype}; where: solve; use torch.float64 (default) or torch.float32.")
    return dtype
