"""What a run has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pinnml.network import AbstractNetwork
from pinnml.optim import Result
from pinnml.points import Collocation
from pinnml.problem import Problem
from pinnml.setup.environment import machine
from pinnml.setup.history import HistoryRow
from pinnml.setup.setup import Setup


@dataclass(frozen=True)
class Run:
    """All that a run has left, so far where it goes on: what it was given, and what has come of it.

    `collocation` are the points it has come to, `generator` is the state of its random numbers, to go on with, and
    `machine` tells what it ran on.
    """

    problem: Problem
    setup: Setup
    network: AbstractNetwork
    result: Result
    history: Sequence[HistoryRow]
    collocation: Collocation
    generator: Tensor | None = None
    machine: Mapping[str, object] = field(default_factory=machine)
