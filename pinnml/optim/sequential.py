"""Solvers one after another, each until its own stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, BudgetSpentError, Counts, Iterate, counted
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.optim.stop import Progress, Stop


@dataclass(frozen=True)
class SequentialState:
    """The phase under way, the steps, seconds and evaluations it has had, and its solver's state."""

    phase: int
    steps: int
    seconds: float
    counts: Counts
    inner: Any


class Sequential(AbstractSolver):
    """Phases `(solver, stop)`, the last one may go without a stop: `Sequential((Adam(), Iterations(500)), LBFGS())`.

    A phase ends at its stop, or when its solver ends; the run ends with the last phase. A phase's limits of seconds,
    work and evaluations hold like those of a run: the step under way is dropped.
    """

    def __init__(
        self, *phases: tuple[AbstractSolver, Stop] | AbstractSolver, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        if not phases:
            raise DeclarationError("There is no phase; where: Sequential; give (solver, stop) pairs and a last solver.")
        pairs = [(phase, None) if isinstance(phase, AbstractSolver) else phase for phase in phases]
        for number, pair in enumerate(pairs, 1):
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], AbstractSolver)):
                raise DeclarationError(f"{pair!r} is no phase; where: Sequential; give pairs (solver, stop).")
            if not isinstance(pair[1], Stop) and (pair[1] is not None or number < len(pairs)):
                raise DeclarationError(
                    f"{pair[0]} has no stop; where: Sequential; give (solver, stop) for all but the last."
                )
        self.phases = tuple(pairs)
        self._clock = clock

    def init(self, objective: AbstractObjective, iterate: Iterate) -> SequentialState:
        """Return the first phase's start."""
        return self._begun(0, objective, iterate)

    def _begun(self, phase: int, objective: AbstractObjective, iterate: Iterate) -> SequentialState:
        return SequentialState(phase, 0, 0.0, Counts(), self.phases[phase][0].init(objective, iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: SequentialState) -> SequentialState:
        """Tell the phase under way."""
        return replace(state, inner=self.phases[state.phase][0].renewed(objective, iterate, state.inner))

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the phase with most."""
        return max(solver.storage(objective, size, rows) for solver, _ in self.phases)

    def phase(self, state: SequentialState) -> tuple[int, ...]:
        """Return the number of the phase under way, and the phase within it."""
        return (state.phase, *self.phases[state.phase][0].phase(state.inner))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: SequentialState
    ) -> tuple[Iterate, SequentialState, Status]:
        """Take one step of the phase under way, and begin the next where it has ended."""
        # a stop may be reached before a phase's first step
        while self._stopped(iterate, state):
            if state.phase + 1 == len(self.phases):
                return iterate, state, Status.FINISHED
            state = self._begun(state.phase + 1, objective, iterate)
        iterate, state, status = self._stepped(objective, iterate, state)
        if status is Status.RUNNING and not self._stopped(iterate, state):
            return iterate, state, Status.RUNNING
        if state.phase + 1 < len(self.phases):
            return iterate, self._begun(state.phase + 1, objective, iterate), Status.RUNNING
        return iterate, state, Status.FINISHED if status in (Status.RUNNING, Status.STOPPED) else status

    def _stopped(self, iterate: Iterate, state: SequentialState) -> bool:
        stop = self.phases[state.phase][1]
        progress = Progress(state.steps, iterate, state.seconds, state.counts)
        return stop is not None and stop.reason(progress) is not None

    def _stepped(
        self, objective: AbstractObjective, iterate: Iterate, state: SequentialState
    ) -> tuple[Iterate, SequentialState, Status]:
        """Take one step within the phase's budget; STOPPED tells that the budget ended it half way."""
        solver, stop = self.phases[state.phase]
        began = self._clock()

        def had() -> tuple[float, Counts]:
            return state.seconds + self._clock() - began, _sum(state.counts, budget.counts)

        budget = counted(objective, lambda counts: stop is not None and stop.spent(*had()))
        try:
            following, inner, status = solver.step(budget, iterate, state.inner)
        except BudgetSpentError:
            if stop is None or not stop.spent(*had()):
                raise  # it is the whole run's budget that is spent
            return iterate, SequentialState(state.phase, state.steps, *had(), state.inner), Status.STOPPED
        return following, SequentialState(state.phase, state.steps + 1, *had(), inner), status

    def __repr__(self) -> str:
        return "Sequential(" + ", ".join(f"({solver}, {stop})" for solver, stop in self.phases) + ")"


def _sum(a: Counts, b: Counts) -> Counts:
    return Counts(
        a.gradients + b.gradients,
        a.residuals + b.residuals,
        a.products + b.products,
        a.jacobians + b.jacobians,
        a.work + b.work,
    )
