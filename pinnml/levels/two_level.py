"""Sweeps over blocks with coarse steps: the multilevel methods."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any

from pinnml.errors import DeclarationError
from pinnml.levels.coarse import AbstractLevelRule, TiedBlocks
from pinnml.levels.cycle import After, Cycle, CycleState, cycle
from pinnml.levels.hierarchy import Hierarchy, describe
from pinnml.levels.level import AbstractLevel
from pinnml.levels.weak import SpanState
from pinnml.objective import AbstractObjective, Iterate, Structure
from pinnml.optim import AbstractSolver, Component, Inside, LevenbergMarquardt, Status
from pinnml.schwarz import AbstractSchwarz, Local, MultiplicativeSchwarz, extrapolate
from pinnml.settings import setting


@setting
class TwoLevel(AbstractSolver):
    """θ → sweep over the blocks → one coarse step on each level of `coarse` → extrapolation of all of it.

    Parameters
    ----------
    fine : AbstractSchwarz, default MultiplicativeSchwarz()
        The sweep.
    coarse : tuple of AbstractLevelRule, default (TiedBlocks(3),)
        One rule for each coarse level.
    local : Local, default one plain Gauss–Newton step
        What solves those levels whose rule has no solver of its own; of more than two levels where it is a TwoLevel.
    placement : Cycle, default After()
        Whether coarse steps come `After` the sweep, `Before` it, or `Beside` it as further corrections.
    """

    fine: AbstractSchwarz = field(default_factory=MultiplicativeSchwarz)
    coarse: tuple[AbstractLevelRule, ...] = (TiedBlocks(3),)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))
    placement: Cycle = field(default_factory=After)

    @property
    def needs_gradient(self) -> bool:
        """Whether the given iterate needs its gradient: false, sweep and levels compute theirs."""
        return False

    def init(self, objective: AbstractObjective, iterate: Iterate) -> CycleState:
        """Return fresh states."""
        return CycleState(self.fine.init(objective, iterate), (None,) * len(self.coarse))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: CycleState) -> CycleState:
        """Keep what sweep and levels keep; begin from scratch where the length of θ has changed."""
        fine = self.fine.renewed(objective, iterate, state.fine)
        return replace(state, fine=fine) if fine is state.fine else self.init(objective, iterate)

    def carried(self, state: CycleState) -> CycleState:
        """Keep what sweep and levels keep."""
        return state

    def parts(self, state: CycleState | None) -> tuple[Component, ...]:
        """Return the sweep and the levels' solvers; none of them is at work between two steps."""
        levels = [Component((getattr(rule, "local", None) or self.local).solver, at_work=False) for rule in self.coarse]
        return (Component(self.fine, None if state is None else state.fine, at_work=False), *levels)

    def inside(self, state: CycleState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the sweep, and the solver of each level, whose unknowns are the level's own."""
        solvers = [part.solver for part in self.parts(None)[1:]]
        if len(state.coarse) != len(solvers):
            what = f"The state is of {len(state.coarse)} levels, not {len(solvers)}"
            raise DeclarationError(what, type(self).__name__, "restore the file, or hand over the run's solver")
        levels = [
            _inside(rule, solver, one, structure, size)
            for rule, solver, one in zip(self.coarse, solvers, state.coarse, strict=True)
        ]
        return (Inside(self.fine, state.fine, structure, size), *levels)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: CycleState
    ) -> tuple[Iterate, CycleState, Status]:
        """Do one cycle of sweep and coarse steps, and the extrapolation."""
        levels = self.levels(objective, len(iterate.theta))
        end, state, status = cycle(objective, self.fine, levels, self.placement, iterate, state)
        if end is iterate:
            return iterate, state, status
        return extrapolate(objective, iterate, end, self.fine.stretches), state, Status.RUNNING

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the sweep, or of the level with most."""
        levels = [rule.storage(structure, size, rows, self.local) for rule in self.coarse]
        return max([self.fine.storage(structure, size, rows), *levels])

    def levels(self, objective: AbstractObjective, size: int) -> tuple[AbstractLevel, ...]:
        """Return the coarse levels of an objective."""
        return tuple(rule.level(objective, size, self.local) for rule in self.coarse)

    def hierarchy(self, objective: AbstractObjective, iterate: Iterate) -> Hierarchy:
        """Return the levels with their unknowns and work, to be printed; costs one cycle from the iterate."""
        return describe(objective, iterate, self.fine, self.levels)


def _inside(
    rule: AbstractLevelRule, solver: AbstractSolver, state: Any, structure: Structure, size: int | None
) -> Inside:
    """Return the solver of a level, whose unknowns are the level's own."""
    if isinstance(state, SpanState):
        return Inside(solver, state.local, Structure(), state.unknowns)
    return Inside(solver, state, *((structure, None) if size is None else rule.space(structure, size)))
