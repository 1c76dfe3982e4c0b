"""From a problem to a solution: checks, points, network, training."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from pinnml.assemblies import default_recipe, schwarz_gauss_newton
from pinnml.evaluate import Scorer
from pinnml.io.history import HistoryRow
from pinnml.loss import PinnObjective, check_start
from pinnml.network import AbstractNetwork, Architecture, Custom, ResNet
from pinnml.optim import AbstractSolver, Progress, Renew, Result, Seconds, Stop, minimise
from pinnml.points import Collocation, Hammersley, Sampler, given, sample
from pinnml.problem import DeclarationError, Finding, Problem, raise_fatal
from pinnml.refine import RAD, Renewal
from pinnml.solution import Solution

SCORING_SHARE = 0.01
"""At most about this share of a run is spent on comparing with the reference for the history."""


class DeclarationWarning(UserWarning):
    """A finding of the checks that is suspicious and not fatal."""


@dataclass(frozen=True)
class Setup:
    """All that a run depends on besides the problem: the same setup on one thread repeats a run to the bit."""

    network: Architecture = field(default_factory=ResNet)
    solver: AbstractSolver = field(default_factory=schwarz_gauss_newton)
    points: Sampler | Mapping[str, Tensor] = field(default_factory=Hammersley)
    refine: RAD | None = None
    stop: Stop = field(default_factory=lambda: Seconds(60))
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
    callback: Callable[[HistoryRow], None] = lambda row: None,
) -> Solution:
    """Train a network on a problem and return the solution.

    Without network or points the defaults of `Setup` are taken; without `seconds` or `stop`, 60 seconds; without
    solver, what `default_recipe` says for the network's size, with points that follow the residual unless `points` are
    handed over. With `refine` the points of the equations follow the residual in any case; their numbers are then the
    rule's, not the sampler's.
    `device` is "auto" (a GPU where there is one), "cpu" or "cuda". With `out` the run folder is written at the end;
    that it is writable and holds no other run is seen to at the start. `callback` gets every row of the history. An
    interrupt from the keyboard ends the run with what was reached. Raises `DeclarationError` before training for
    anything that is declared wrongly.
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
    return run(problem, setup, out=out, callback=callback)


def run(
    problem: Problem,
    setup: Setup,
    *,
    out: str | os.PathLike[str] | None = None,
    callback: Callable[[HistoryRow], None] = lambda row: None,
    before: Solution | None = None,
) -> Solution:
    """Do what `solve` does with a complete setup; with `before`, go on from the θ, points and state of that run."""
    if out is not None:
        from pinnml.io.run import claim

        claim(out, going_on=before is not None)
    _report(problem.check())
    generator = torch.Generator().manual_seed(setup.seed)
    network = bind(problem, setup)
    theta = network.initial(generator, setup.dtype, torch.device(setup.device))
    collocation = _collocation(problem, setup, generator)
    if before is not None:
        theta, collocation = before.theta.to(theta), before.collocation
    objective = PinnObjective(problem, network, collocation)
    _report(check_start(objective, theta))
    history = _History(problem, network, callback, list(before.history) if before is not None else [])
    state = before.result.state if before is not None else None
    renewal = _renewal(setup, objective, generator, history.begun)
    result = minimise(objective, theta, setup.solver, setup.stop, state=state, callback=history, renew=renewal)
    history.finish(result)
    points = renewal.collocation if isinstance(renewal, Renewal) else collocation
    solution = Solution(problem, setup, network, result, history.rows, points)
    if out is not None:
        solution.save(out)
    return solution


def bind(problem: Problem, setup: Setup) -> AbstractNetwork:
    """Return the setup's network for a problem's coordinates and fields."""
    return _bound(problem, setup.network)


def parameters(problem: Problem, network: Architecture) -> int:
    """Return how many parameters a network has for a problem's coordinates and fields."""
    return _bound(problem, network).size


def _bound(problem: Problem, network: Architecture) -> AbstractNetwork:
    domain = problem.domain
    return network.bind(domain.names, domain.lower, domain.upper, len(problem.fields))


class _History:
    """The callback that turns progress into rows, scoring against the reference now and then."""

    def __init__(
        self,
        problem: Problem,
        network: AbstractNetwork,
        callback: Callable[[HistoryRow], None],
        earlier: list[HistoryRow],
    ) -> None:
        self._network = network
        self._scorer = Scorer(problem, problem.reference) if problem.reference is not None else None
        self._callback = callback
        self._due = 0.0
        self._before = earlier[-1] if earlier else HistoryRow(0, 0.0, 0.0, 0.0, 0.0, 0, None)
        self.rows = earlier
        self.begun = self._before.iteration

    def __call__(self, progress: Progress) -> None:
        iterate, before = progress.iterate, self._before
        row = HistoryRow(
            before.iteration + progress.iteration,
            before.seconds + progress.seconds,
            before.work + progress.counts.work,
            float(iterate.f),
            float(iterate.grad.norm()),
            before.evaluations + progress.counts.evaluations,
            self._score(progress),
        )
        self.rows.append(row)
        self._callback(row)

    def finish(self, result: Result) -> None:
        """Score the last iterate, so that the history ends with the error that the solution has."""
        if not self.rows or self.rows[-1].iteration != self._before.iteration + result.nit:
            # an interrupt came between a step and its row
            self(Progress(result.nit, result.iterate, result.seconds, result.counts))
        if self._scorer is not None and self.rows[-1].relative_l2 is None:
            error = self._scorer.relative_l2(self._network, result.iterate.theta)
            self.rows[-1] = replace(self.rows[-1], relative_l2=error)

    def _score(self, progress: Progress) -> float | None:
        if self._scorer is None or progress.seconds < self._due:
            return None
        began = time.perf_counter()
        error = self._scorer.relative_l2(self._network, progress.iterate.theta)
        self._due = progress.seconds + (time.perf_counter() - began) / SCORING_SHARE
        return error


def _report(findings: list[Finding]) -> None:
    raise_fatal(findings)
    for finding in findings:
        warnings.warn(str(finding), DeclarationWarning, stacklevel=4)


def _collocation(problem: Problem, setup: Setup, generator: torch.Generator) -> Collocation:
    if isinstance(setup.points, Sampler):
        sampler = setup.points if setup.refine is None else replace(setup.points, n=setup.refine.stages[0].points)
        return sample(problem, sampler, generator, dtype=setup.dtype, device=setup.device)
    return given(problem, setup.points, dtype=setup.dtype, device=setup.device)


def _renewal(setup: Setup, objective: PinnObjective, generator: torch.Generator, begun: int) -> Renew:
    if setup.refine is None:
        return lambda progress: None
    return Renewal(setup.refine, objective, generator, begun)


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
    limit = Seconds(60 if seconds is None else seconds)
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
