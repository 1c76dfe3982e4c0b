"""A sweep over blocks, then coarse steps: the two-level method in its multiplicative form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pinnml.levels.tied import tied_blocks
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import AbstractSolver, LevenbergMarquardt, Status
from pinnml.schwarz import Local, MultiplicativeSchwarz, MultiplicativeState, stretched, sweep


@dataclass(frozen=True)
class TwoLevelState:
    """The sweep's state and each coarse level's."""

    fine: MultiplicativeState
    coarse: tuple[Any, ...]


@dataclass(frozen=True)
class TwoLevel(AbstractSolver):
    """θ → sweep over the blocks → one coarse step on each level of `groups` → extrapolation of all of it.

    The coarse problem is f(θ + Py) with P repeating one increment over a group of blocks, so that y = 0 changes
    nothing and no consistency has to be made.
    """

    fine: MultiplicativeSchwarz = field(default_factory=MultiplicativeSchwarz)
    groups: tuple[int, ...] = (3,)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))

    def init(self, objective: AbstractObjective, iterate: Iterate) -> TwoLevelState:
        """Return fresh states."""
        return TwoLevelState(self.fine.init(objective, iterate), (None,) * len(self.groups))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: TwoLevelState
    ) -> tuple[Iterate, TwoLevelState, Status]:
        """Do one sweep, the coarse steps, and the extrapolation."""
        size = len(iterate.theta)
        blocks = self.fine.decomposition.restrictions(objective, size)
        theta, f, local, failures = sweep(
            objective, blocks, self.fine.local, iterate.theta, iterate.f, state.fine.local
        )
        levels = tuple(tied_blocks(objective, size, group) for group in self.groups)
        theta, f, coarse, failed = sweep(objective, levels, self.local, theta, f, state.coarse)
        state = TwoLevelState(MultiplicativeState(local, state.fine.failures + failures + failed), coarse)
        if failures + failed == len(blocks) + len(levels):
            return iterate, state, Status.SEARCH_FAILED
        theta, _ = stretched(objective, iterate.theta, theta, f, self.fine.stretches)
        return objective.at(theta), state, Status.RUNNING
