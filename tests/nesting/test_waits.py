"""How often a step waits for a GPU, by a stand-in: about once for each evaluation, and nothing moves on the way."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from small_problems import KINDS
from stand_in import DEVICE, waits_counted

from pinnml.adapt import RAD, Stage
from pinnml.bench.ablations import ABLATIONS
from pinnml.cli.catalogue import SOLVERS
from pinnml.loss import (
    Discretisation,
    EqualTraces,
    LinearisedSizes,
    PinnObjective,
    Threads,
    balanced,
    check_start,
    measured,
)
from pinnml.network import ResNet
from pinnml.objective import Counts
from pinnml.optim import AbstractSolver, Iterations, Progress, minimise
from pinnml.optim.rules import AfterTrial
from pinnml.optim.switching import Switching
from pinnml.points import Uniform, sample

STEPS = 2
"""The first may also make what is kept, such as the points of a trial; the second is held to the bound."""

CASES = [("string", 1), ("oscillator", 2)]
"""Problems, with a seed for points and network."""

BESIDE = 3
"""Waits of a step beside those for its evaluations."""


def named(name: str) -> AbstractSolver:
    """Return a solver by name; of one that a short trial would choose, the one that it chooses on harder problems."""
    solver = (SOLVERS | ABLATIONS)[name](1).solver
    if isinstance(solver, Switching) and isinstance(solver.rule, AfterTrial) and name != "default":
        return solver.solvers[1]
    return solver


def most(counts: Counts) -> float:
    """Return how often a step with such evaluations may wait.

    Two for an evaluation: for what it found, and for the direction, the factor or the block that it was made for. Of
    products two make one iteration of a Krylov method, which is read once.
    """
    return 2 * (counts.evaluations - counts.products) + counts.products / 2 + BESIDE


def steps_of(solver: AbstractSolver, kind: str, seed: int) -> list[tuple[dict[str, int], Counts]]:
    """Return what each of the first steps waits for, and its evaluations."""
    problem, seen = KINDS[kind](), list[tuple[dict[str, int], Counts]]()
    with waits_counted() as waits:
        generator = torch.Generator().manual_seed(seed)
        domain = problem.domain
        network = ResNet(width=3, blocks=2).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
        points = sample(problem, Uniform(20), generator, device=DEVICE)
        objective = PinnObjective(problem, Discretisation(network, points), threads=Threads(1))
        theta = network.initial(generator, torch.float64, DEVICE)

        def noted(progress: Progress) -> None:
            seen.append((dict(waits.reasons), progress.counts))

        minimise(objective, theta, solver, Iterations(STEPS), callback=noted)
    return [
        ({why: n - before.get(why, 0) for why, n in after.items() if n > before.get(why, 0)}, less(counts, earlier))
        for (before, earlier), (after, counts) in pairwise(seen)
    ]


def less(counts: Counts, earlier: Counts) -> Counts:
    """Return the evaluations after some earlier ones."""
    return Counts(
        counts.gradients - earlier.gradients,
        counts.residuals - earlier.residuals,
        counts.products - earlier.products,
        counts.jacobians - earlier.jacobians,
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[kind for kind, _ in CASES])
@pytest.mark.parametrize("name", sorted(SOLVERS | ABLATIONS))
def test_a_step_waits_about_once_for_each_evaluation(name: str, case: tuple[str, int], on_one_thread: None) -> None:
    *_, (waits, counts) = steps_of(named(name), *case)
    assert sum(waits.values()) <= most(counts), (waits, counts)
    assert not waits.keys() & {"move", "size"}


@pytest.mark.parametrize(("name", "limit"), [("default", 8), ("adam", 1), ("lbfgs", 4), ("gauss-newton", 6)])
def test_a_usual_step_waits_a_few_times(name: str, limit: int, on_one_thread: None) -> None:
    *_, (waits, _) = steps_of(named(name), *CASES[0])
    assert sum(waits.values()) <= limit, waits


def test_checks_balance_scales_and_renewed_points_work_where_theta_lies(on_one_thread: None) -> None:
    """No tensor of the host meets one of the device; what moves there does so a few times, however many points."""
    problem, rule = KINDS["oscillator"](), RAD(stages=(Stage(40, every=1),), pool=3, gap=0.0, probes=32)
    with waits_counted() as waits:
        generator, domain = torch.Generator().manual_seed(1), problem.domain
        network = ResNet(width=3, blocks=2).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
        points = sample(problem, Uniform(20), generator, device=DEVICE)
        drawn = Discretisation(network, points)
        theta = network.initial(generator, torch.float64, DEVICE)
        scaled = replace(drawn, network=measured(problem, drawn, LinearisedSizes()))
        objective = PinnObjective(problem, balanced(problem, scaled, EqualTraces(), theta), threads=Threads(1))
        assert not [finding for finding in check_start(objective, theta) if finding.fatal]
        iterate, before = objective.at(theta), waits.count
        renewed, _ = rule.adapted(Progress(1, iterate, 0.0, Counts()), objective, generator, None)
        assert renewed is not None
        after = waits.count - before
        assert renewed.objective.at(theta).f.device == DEVICE
    assert after <= 8, waits.places
