"""What is found out about an error at the end of a run that has not estimated it."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.approximation import linearised_error
from pinnml.network import AbstractNetwork, FrozenNetwork
from pinnml.optim import Estimate
from pinnml.problem import Problem


def assess(problem: Problem, network: AbstractNetwork, theta: Tensor, known: Estimate | None) -> Estimate | None:
    """Return the estimate of the linearised equation where no other is known.

    A readout's thousands of neurons would take long on its grids, and have an estimate of their own where a level is
    solved.
    """
    if known is not None or (isinstance(network, FrozenNetwork) and network.levels):
        return None
    try:
        return linearised_error(problem, network, theta)
    except torch.OutOfMemoryError:  # the run is worth more than what is known of it
        return None
