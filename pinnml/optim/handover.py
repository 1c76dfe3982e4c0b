"""One solver until it falls behind, then another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.settings import setting


@dataclass(frozen=True)
class HandoverState:
    """Which solver is at work, ln f before minus ln f after each of its last steps, and its state."""

    second: bool
    decreases: tuple[float, ...]
    inner: Any


@setting
class Handover(AbstractSolver):
    """`first` until its last `window` steps lowered ln f by less than `decrease` each on average, then `second`.

    It is handed over, too, when `first` ends. What a step gains is measured within the step, so that neither renewed
    points nor the speed of the machine decide: a run repeats to the bit.
    """

    first: AbstractSolver
    second: AbstractSolver
    decrease: float = 0.3
    window: int = 4

    def __post_init__(self) -> None:
        if self.window < 1:
            raise DeclarationError(f"window is {self.window}; where: Handover; look at one step at least.")

    def init(self, objective: AbstractObjective, iterate: Iterate) -> HandoverState:
        """Begin with the first solver."""
        return HandoverState(False, (), self.first.init(objective, iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: HandoverState) -> HandoverState:
        """Tell the solver at work."""
        solver = self.second if state.second else self.first
        return replace(state, inner=solver.renewed(objective, iterate, state.inner))

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the solver with more."""
        return max(solver.storage(objective, size, rows) for solver in (self.first, self.second))

    def phase(self, state: HandoverState) -> tuple[int, ...]:
        """Return 0 or 1 for the solver at work, and the phase within it."""
        return (int(state.second), *(self.second if state.second else self.first).phase(state.inner))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: HandoverState
    ) -> tuple[Iterate, HandoverState, Status]:
        """Take a step of the solver at work, and hand over where it has fallen behind."""
        if state.second:
            following, inner, status = self.second.step(objective, iterate, state.inner)
            return following, replace(state, inner=inner), status
        following, inner, status = self.first.step(objective, iterate, state.inner)
        decreases = (*state.decreases, log_decrease(iterate, following))[-self.window :]
        slow = len(decreases) == self.window and sum(decreases) < self.window * self.decrease
        if slow or status is not Status.RUNNING:
            return following, HandoverState(True, (), self.second.init(objective, following)), Status.RUNNING
        return following, HandoverState(False, decreases, inner), Status.RUNNING


def log_decrease(before: Iterate, after: Iterate) -> float:
    """Return ln f before minus ln f after a step, ∞ where f is zero afterwards, 0 where it is not finite."""
    f, lower = float(before.f), float(after.f)
    if not math.isfinite(f + lower):
        return 0.0
    return math.log(f / lower) if f > 0 and lower > 0 else math.inf
