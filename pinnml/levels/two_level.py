"""Sweeps over blocks with coarse steps: the two-level methods."""

from __future__ import annotations

from dataclasses import field

import torch

from pinnml.levels.coarse import AbstractCoarsening, CoarseLevel, TiedBlocks
from pinnml.levels.hierarchy import Hierarchy, hierarchy
from pinnml.levels.placement import AbstractPlacement, After, TwoLevelState
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import AbstractSolver, LevenbergMarquardt, Status
from pinnml.schwarz import AbstractSchwarz, Local, MultiplicativeSchwarz, Reached, stretched
from pinnml.settings import setting


@setting
class TwoLevel(AbstractSolver):
    """θ → sweep over the blocks → one coarse step on each level of `coarse` → extrapolation of all of it.

    `fine` is any Schwarz method, `placement` tells whether coarse steps come `After` the sweep, `Before` it, or
    `Beside` it as further corrections; `local` solves those levels whose rule has no solver of its own.
    """

    fine: AbstractSchwarz = field(default_factory=MultiplicativeSchwarz)
    coarse: tuple[AbstractCoarsening, ...] = (TiedBlocks(3),)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))
    placement: AbstractPlacement = field(default_factory=After)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> TwoLevelState:
        """Return fresh states."""
        return TwoLevelState(self.fine.init(objective, iterate), (None,) * len(self.coarse))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: TwoLevelState
    ) -> tuple[Iterate, TwoLevelState, Status]:
        """Do one cycle of sweep and coarse steps, and the extrapolation."""
        begin = Reached.by(iterate)
        levels = self._levels(objective, len(iterate.theta))
        end, state, status = self.placement.cycle(objective, self.fine, levels, begin, state)
        if end is begin:
            return iterate, state, status
        return stretched(objective, begin, end, self.fine.stretches).iterate(objective), state, Status.RUNNING

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the sweep, or of the level with most."""
        theta = torch.zeros(size)
        levels = self._levels(objective, size)
        coarse = [lv.local.solver.storage(lv.objective, len(lv.restriction(theta)), rows) for lv in levels]
        return max([self.fine.storage(objective, size, rows), *coarse])

    def _levels(self, objective: AbstractObjective, size: int) -> tuple[CoarseLevel, ...]:
        return tuple(rule.level(objective, size, self.local) for rule in self.coarse)

    def hierarchy(self, objective: AbstractObjective, iterate: Iterate) -> Hierarchy:
        """Return the levels with their unknowns and work, to be printed; costs one cycle from the iterate."""
        return hierarchy(objective, iterate, self.fine, self._levels)
