"""What CUDA itself reports of a step's waits is no more than what the stand-in counts."""

from __future__ import annotations

import warnings

import pytest
import torch
from small_problems import string

from pinnml.bench.ablations import ABLATIONS
from pinnml.cli.catalogue import SOLVERS
from pinnml.loss import Discretisation, PinnObjective, Threads
from pinnml.network import ResNet
from pinnml.objective import Counts
from pinnml.optim import Iterations, Progress, minimise
from pinnml.points import Uniform, sample

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", sorted(SOLVERS | ABLATIONS))
def test_a_step_waits_about_once_for_each_evaluation(name: str) -> None:
    problem, generator = string(), torch.Generator().manual_seed(1)
    network = ResNet(width=3, blocks=2).bind(problem.domain.names, problem.domain.lower, problem.domain.upper, 1)
    points = sample(problem, Uniform(20), generator, device="cuda")
    objective = PinnObjective(problem, Discretisation(network, points), threads=Threads(1))
    theta = network.initial(generator, torch.float64, torch.device("cuda"))
    seen: list[tuple[int, Counts]] = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")  # each wait is told of, and not only the first one at a place

        def noted(progress: Progress) -> None:
            seen.append((sum("synchronizing" in str(one.message) for one in told), progress.counts))

        torch.cuda.set_sync_debug_mode("warn")
        try:
            minimise(objective, theta, (SOLVERS | ABLATIONS)[name](1).solver, Iterations(2), callback=noted)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    (before, earlier), (after, counts) = seen[1:]
    evaluations, products = counts.evaluations - earlier.evaluations, counts.products - earlier.products
    assert 0 < after - before <= 2 * (evaluations - products) + products / 2 + 3
