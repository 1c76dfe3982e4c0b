"""The record of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pinnml.loss import Discretisation
from pinnml.network import AbstractNetwork
from pinnml.optim import Result
from pinnml.points import Collocation
from pinnml.problem import Problem
from pinnml.setup.environment import machine
from pinnml.setup.history import HistoryRow
from pinnml.setup.setup import Setup


@dataclass(frozen=True)
class Run:
    """The record of a run, finished or not: what it was given, and what it has reached.

    Parameters
    ----------
    problem : Problem
        What was solved.
    setup : Setup
        All else that the run depends on.
    discretisation : Discretisation
        The network, the points and the conditions' weights at the end of the run.
    result : Result
        How the run ended, and where.
    history : sequence of HistoryRow
        One row after each iteration.
    generator : tensor or None, default None
        The state of the random numbers, to go on with.
    machine : mapping from str to object, default this one
        Versions, processor and threads of the machine that it ran on.
    """

    problem: Problem
    setup: Setup
    discretisation: Discretisation
    result: Result
    history: Sequence[HistoryRow]
    generator: Tensor | None = None
    machine: Mapping[str, object] = field(default_factory=machine)

    @property
    def network(self) -> AbstractNetwork:
        """The network, for the problem's coordinates and fields."""
        return self.discretisation.network

    @property
    def collocation(self) -> Collocation:
        """The points of every condition."""
        return self.discretisation.collocation
