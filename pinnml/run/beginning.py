"""Where a run begins, or goes on: θ or progress, and the discretisation with its scales and weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pinnml.loss import Discretisation, balanced, measured
from pinnml.network import AbstractNetwork
from pinnml.optim import Progress
from pinnml.problem import Problem
from pinnml.setup import Run, Setup, draw_points, initial


def begun(
    problem: Problem, setup: Setup, network: AbstractNetwork, generator: torch.Generator, before: Run | None
) -> tuple[Tensor | Progress, Discretisation]:
    """Return where the run begins or continues, and its discretisation; the generator then has its state of then."""
    if before is not None:
        if before.generator is not None:
            generator.set_state(before.generator)
        return before.result.progress, before.discretisation
    generator.manual_seed(setup.seed)
    theta = initial(problem, setup, network, generator)
    drawn = Discretisation(network, draw_points(problem, setup, generator))
    # traces are those of scaled fields
    scaled = replace(drawn, network=measured(problem, drawn, setup.scales))
    return theta, balanced(problem, scaled, setup.balance, theta)
