"""One solver where a trial of it shows that it is fast, another everywhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.handover import log_decrease
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.settings import setting


@dataclass(frozen=True)
class IfFastState:
    """Whether `first` was chosen, None before the trial, and the state of the chosen solver."""

    chosen: bool | None
    inner: Any


@setting
class IfFast(AbstractSolver):
    """`first` if the last one of `trial` steps lowers ln f by at least `decrease`, else `otherwise`.

    The trial is made once, from the first iterate, on a `share` of the points, and forgotten: whichever is chosen
    begins where the trial began. What counts is what steps gain, not the time that they take: a run repeats to the bit.
    """

    first: AbstractSolver
    otherwise: AbstractSolver
    trial: int = 3
    decrease: float = 0.5
    share: float = 0.25

    def __post_init__(self) -> None:
        if self.trial < 1:
            raise DeclarationError(f"trial is {self.trial}; where: IfFast; try one step at least.")
        if not 0 < self.share <= 1:
            raise DeclarationError(
                f"share is {self.share}; where: IfFast; give a share of the points, above 0 up to 1."
            )

    def init(self, objective: AbstractObjective, iterate: Iterate) -> IfFastState:
        """Choose nothing yet."""
        return IfFastState(None, None)

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: IfFastState) -> IfFastState:
        """Tell the solver at work."""
        if state.chosen is None:
            return state
        return replace(state, inner=self._solver(state.chosen).renewed(objective, iterate, state.inner))

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the solver with more."""
        return max(solver.storage(objective, size, rows) for solver in (self.first, self.otherwise))

    def phase(self, state: IfFastState) -> tuple[int, ...]:
        """Return 1 for `first`, 0 for `otherwise`, and the phase within it; empty before the trial."""
        return () if state.chosen is None else (int(state.chosen), *self._solver(state.chosen).phase(state.inner))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: IfFastState
    ) -> tuple[Iterate, IfFastState, Status]:
        """Take a step of the chosen solver, before the first one make the choice."""
        if state.chosen is None:
            chosen = self._is_fast(objective, iterate)
            state = IfFastState(chosen, self._solver(chosen).init(objective, iterate))
        following, inner, status = self._solver(bool(state.chosen)).step(objective, iterate, state.inner)
        return following, replace(state, inner=inner), status

    def _solver(self, chosen: bool) -> AbstractSolver:
        return self.first if chosen else self.otherwise

    def _is_fast(self, objective: AbstractObjective, iterate: Iterate) -> bool:
        """Make the trial; a solver that ends within it has nothing left to do, or cannot go on."""
        fewer = objective.thinned(self.share) if self.share < 1 else objective
        iterate = fewer.at(iterate.theta)
        state, gained = self.first.init(fewer, iterate), 0.0
        for _ in range(self.trial):
            following, state, status = self.first.step(fewer, iterate, state)
            if status is not Status.RUNNING:
                return status.success
            gained, iterate = log_decrease(iterate, following), following
        return gained >= self.decrease
