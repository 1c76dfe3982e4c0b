"""Nested iteration: begin on the coarsest level, prolong, and go on."""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import Any

from torch import Tensor

from pinnml.levels.multilevel import Multilevel
from pinnml.objective import AbstractCoarsening, AbstractObjective, Iterate, Structure
from pinnml.optim import LBFGS, AbstractSolver, Component, Inside, Status
from pinnml.schwarz import Local
from pinnml.settings import record, setting


@setting
class NestedLevel:
    """One more level of a nested iteration: the rule that makes it of the level above, and what is done there.

    Parameters
    ----------
    rule : AbstractCoarsening
        The rule.
    local : Local, default twenty steps of LBFGS(10)
        Steps of any solver, a cycle over the levels below, too.
    """

    rule: AbstractCoarsening
    local: Local = field(default_factory=lambda: Local(LBFGS(memory=10), 20))


@record
class NestedState:
    """The state of the finest solver, None before the first step, in which all coarse levels are gone through."""

    inner: Any = None
    begun: bool = False


@setting
class NestedIteration(AbstractSolver):
    """In the first step y is found on the coarsest level, and Py begins the next finer one, up to θ; then `solver`.

    On every level Py begins it only where f is lower there than at the restricted start. Coarse objectives are plain:
    nothing is corrected, since no finer iterate is known that is worth it. The first step is one for budgets, too: one
    that ends within it drops it. `HalfWidth` is of little use here, since P makes twins that stay alike.

    Parameters
    ----------
    stages : tuple of NestedLevel
        The coarse levels, from the finest of them on; the first rule that does not apply ends them.
    solver : AbstractSolver, default LBFGS(10)
        The solver of the finest level; a `Multilevel` with stages of cycles makes it full multigrid.
    """

    stages: tuple[NestedLevel, ...]
    solver: AbstractSolver = field(default_factory=lambda: LBFGS(memory=10))

    @property
    def needs_gradient(self) -> bool:
        """Whether the finest solver does."""
        return self.solver.needs_gradient

    def init(self, objective: AbstractObjective, iterate: Iterate) -> NestedState:
        """Return no state yet: nobody knows where the finest solver begins."""
        return NestedState()

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: NestedState
    ) -> tuple[Iterate, NestedState, Status]:
        """Come up from the coarsest level, once, and take a step of the finest solver."""
        at = iterate
        if not state.begun:
            at = self._risen(objective, iterate, 0)
            at = at.with_gradient(objective) if self.solver.needs_gradient else at
        inner = self.solver.init(objective, at) if state.inner is None else state.inner
        following, inner, status = self.solver.step(objective, at, inner)
        if at is not iterate:
            return (at if status is Status.NOT_FINITE else following), NestedState(inner, True), Status.RUNNING
        return following, NestedState(inner, True), status

    def _risen(self, objective: AbstractObjective, begin: Iterate, number: int) -> Iterate:
        """Return the better one of an iterate and what comes from below, by a cascade that begins at the coarsest."""
        problem = objective.coarse(self.stages[number].rule, begin.theta) if number < len(self.stages) else None
        if problem is None:
            return begin
        y = problem.objective.value_at(problem.iterates(begin.theta))
        if not math.isfinite(y.value):
            return begin
        y = self._risen(problem.objective, y, number + 1)
        y = self.stages[number].local.solve(problem.objective, y, None).iterate
        found = objective.value_at(problem.restriction.adjoint(y.theta))
        # NaN compares false, so that a value that is not finite is refused
        return found if found.value < begin.value else begin

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: NestedState) -> NestedState:
        """Renew the finest solver's state."""
        if state.inner is None:
            return state
        return replace(state, inner=self.solver.renewed(objective, iterate, state.inner))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: NestedState, sources: Tensor
    ) -> NestedState:
        """Rearrange the finest solver's state."""
        if state.inner is None:
            return state
        return replace(state, inner=self.solver.rearranged(objective, iterate, state.inner, sources))

    def carried(self, state: NestedState) -> NestedState | None:
        """Keep what the finest solver keeps: the levels are gone through once."""
        return None if state.inner is None else replace(state, inner=self.solver.carried(state.inner))

    def parts(self, state: NestedState | None) -> tuple[Component, ...]:
        """Return the finest solver, which is at work, and those of the stages, which keep nothing."""
        coarse = [Component(stage.local.solver, at_work=False) for stage in self.stages]
        return (Component(self.solver, None if state is None else state.inner), *coarse)

    def inside(self, state: NestedState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the finest solver."""
        return (Inside(self.solver, state.inner, structure, size),)


def full_multigrid(multilevel: Multilevel, cycles: int = 1) -> NestedIteration:
    """Return nested iteration with cycles on every level over those below, and then on the finest.

    Source: Brandt, Math. Comp. 31, 1977; Trottenberg, Oosterlee, Schüller, Multigrid, 2001, §2.6.

    Parameters
    ----------
    multilevel : Multilevel
        The levels and the cycle.
    cycles : int, default 1
        Cycles on each level on the way up; on the coarsest they are its smoothings.

    Returns
    -------
    NestedIteration
    """
    stages = list[NestedLevel]()
    for number, level in enumerate(multilevel.levels, 1):
        lower = replace(multilevel, levels=multilevel.levels[number:], smoothing=level.smoothing)
        stages.append(NestedLevel(level.rule, Local(lower, cycles)))
    return NestedIteration(tuple(stages), multilevel)
