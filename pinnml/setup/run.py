"""The record of a run."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from pinnml.adapt import Refinement, best_of
from pinnml.loss import Discretisation
from pinnml.network import AbstractNetwork
from pinnml.optim import Estimate, Result
from pinnml.points import Collocation
from pinnml.problem import Problem
from pinnml.setup.environment import machine
from pinnml.setup.history import HistoryRow
from pinnml.setup.setup import Setup


def new_identity() -> str:
    """Return letters and digits that no other run has."""
    return secrets.token_hex(16)


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
    adaptation : Any, default None
        What the rule for points and network remembers, to go on with.
    machine : mapping from str to object, default this one
        Versions, processor and threads of the machine that it ran on.
    assessed : Estimate or None, default None
        What is believed of the best approximation's error at the end, where the run has come there.
    refinements : sequence of Refinement, default none
        What the rule for points and network has done, in order.
    identity : str, default a new one
        What tells the run from all others, however often it is stopped, continued and saved.
    """

    problem: Problem
    setup: Setup
    discretisation: Discretisation
    result: Result
    history: Sequence[HistoryRow]
    generator: Tensor | None = None
    adaptation: Any = None
    machine: Mapping[str, object] = field(default_factory=machine)
    assessed: Estimate | None = None
    refinements: Sequence[Refinement] = ()
    identity: str = field(default_factory=new_identity)

    def __repr__(self) -> str:
        result = self.result
        return f"Run({self.problem.name!r}, {result.nit} iterations, {result.seconds:.1f} s, {result.message!r})"

    @cached_property
    def _best(self) -> tuple[AbstractNetwork, Tensor, Estimate | None]:
        kept = None if self.setup.refine is None else self.setup.refine.kept(self.adaptation)
        return best_of(kept, self.discretisation.network, self.result.iterate, self.result.estimate)

    @property
    def network(self) -> AbstractNetwork:
        """The network of the best approximation, which may be one before the last."""
        return self._best[0]

    @property
    def theta(self) -> Tensor:
        """The parameters of the best approximation, shape (p,)."""
        return self._best[1]

    @property
    def estimate(self) -> Estimate | None:
        """What is known of the best approximation's error, by the run or at its end; None where nobody looked."""
        return self._best[2] if self.assessed is None else self.assessed

    @property
    def collocation(self) -> Collocation:
        """The points of every condition."""
        return self.discretisation.collocation
