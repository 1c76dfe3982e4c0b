"""The course of one run: checks, points, network, training, and what is known at its end."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.adapt import Renewal
from pinnml.loss import PinnObjective, check_start, whereabouts
from pinnml.network import neurons_of
from pinnml.objective import Iterate, Meter, Watch, metered
from pinnml.optim import Progress, Result, Status, interim, minimise
from pinnml.problem import Finding, Problem, raise_fatal
from pinnml.run.beginning import begun
from pinnml.run.interruption import Interruption
from pinnml.run.keeper import History, Keeper
from pinnml.setup import HistoryRow, Run, Setup, bind
from pinnml.threads import reserve


class DeclarationWarning(UserWarning):
    """A finding of the checks that is suspicious and not fatal."""


def run_of(
    problem: Problem,
    setup: Setup,
    interruption: Interruption,
    callback: Callable[[HistoryRow], None],
    before: Run | None,
    keeper: Keeper | None,
    identity: str,
    reached: list[Run],
) -> Run:
    """Train, and have the run as it is after each iteration alone in `reached`."""
    _report(problem.check())
    network, generator = bind(problem, setup), torch.Generator()
    start, discretisation = begun(problem, setup, network, generator, before)
    objective = PinnObjective(problem, discretisation, chunk=setup.chunk, jets=setup.jets)
    _report(check_start(objective, start if isinstance(start, Tensor) else start.iterate.theta))
    history = History(problem, callback, list(before.history) if before is not None else [])
    _report(history.findings)
    known = (before.adaptation, before.refinements) if before is not None else ()
    renewal, first = Renewal(setup.refine, objective, generator, *known), Meter()
    if isinstance(start, Tensor):
        with reserve(objective.threads.count), objective.watched(Watch(add=first.add)):
            start = renewal.begin(start)
    last: tuple[Tensor | Iterate | Progress, PinnObjective] = start, renewal.objective

    def left(result: Result) -> Run:
        state = generator.get_state()
        now = replace(setup, chunk=renewal.objective.chunk)
        run = Run(problem, now, renewal.objective.discretisation, result, history.rows, state, renewal.state)
        return replace(run, refinements=renewal.refinements, identity=identity)

    def watch(progress: Progress) -> None:
        nonlocal last
        last = progress, renewal.objective
        reached[:] = [left(interim(progress))]
        history(progress, renewal.shown(progress), neurons_of(renewal.objective.network))
        if keeper is not None:
            keeper(progress, left)

    stop, result = setup.stop | interruption, None
    while result is None:
        try:
            with reserve(objective.threads.count):
                if isinstance(last[0], Tensor):  # a meter asks again where a machine has failed once
                    last = metered(last[1], first).at(last[0]), last[1]
                result = minimise(
                    last[1], last[0], setup.solver, stop, callback=watch, renew=renewal, counts=first.counts,
                    assess=lambda progress: renewal.assess(progress, stop),
                )  # fmt: skip
        except torch.OutOfMemoryError:
            renewal.halve(last[1])
            last = last[0], renewal.objective
    if result.message.startswith(Status.INTERRUPTED.value):
        result = replace(result, status=Status.INTERRUPTED)
    if result.status is Status.NOT_FINITE:
        iterate = result.iterate
        where = whereabouts(last[1], iterate.theta, iterate.grad) or "Every condition is finite now."
        result = replace(result, message=f"{result.message} {where}")
    reached[:] = [left(result)]
    best = renewal.shown(result.progress)
    assessed = best[2] if interruption.is_pressing else renewal.believed(*best)
    history.finish(result, (best[0], best[1], assessed), neurons_of(renewal.objective.network))
    return replace(left(result), assessed=assessed)


def _report(findings: list[Finding]) -> None:
    raise_fatal(findings)
    for finding in findings:
        warnings.warn(str(finding), DeclarationWarning, stacklevel=5)
