"""Solvers one after another, each until its own stop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pinnml.objective import AbstractObjective, Counted, Counts, Iterate
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.optim.stop import Progress, Stop


@dataclass(frozen=True)
class SequentialState:
    """The phase under way, the steps and seconds it has had, the counts at its start, and its solver's state."""

    phase: int
    steps: int
    seconds: float
    counts: Counts
    inner: Any


class Sequential(AbstractSolver):
    """Phases `(solver, stop)`, the last one may go without a stop: `Sequential((Adam(), Iterations(500)), LBFGS())`.

    A phase ends at its stop, or when its solver ends; the run ends with the last phase.
    """

    def __init__(self, *phases: tuple[AbstractSolver, Stop] | AbstractSolver) -> None:
        if not phases:
            raise ValueError("There is no phase; where: Sequential; give (solver, stop) pairs and a last solver.")
        for phase in phases[:-1]:
            if isinstance(phase, AbstractSolver):
                raise ValueError(f"{phase} has no stop; where: Sequential; give (solver, stop) for all but the last.")
        self.phases = tuple((phase, None) if isinstance(phase, AbstractSolver) else phase for phase in phases)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> SequentialState:
        """Return the first phase's start."""
        return self._begun(0, objective, iterate)

    def _begun(self, phase: int, objective: AbstractObjective, iterate: Iterate) -> SequentialState:
        inner = self.phases[phase][0].init(objective, iterate)
        return SequentialState(phase, 0, 0.0, _counts(objective), inner)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: SequentialState
    ) -> tuple[Iterate, SequentialState, Status]:
        """Take one step of the phase under way, and begin the next where it has ended."""
        solver, stop = self.phases[state.phase]
        began = time.perf_counter()
        iterate, inner, status = solver.step(objective, iterate, state.inner)
        seconds = state.seconds + time.perf_counter() - began
        state = SequentialState(state.phase, state.steps + 1, seconds, state.counts, inner)
        used = _since(_counts(objective), state.counts)
        ended = status is not Status.RUNNING or (
            stop is not None and stop.reason(Progress(state.steps, iterate, seconds, used)) is not None
        )
        if not ended:
            return iterate, state, Status.RUNNING
        if state.phase + 1 < len(self.phases):
            return iterate, self._begun(state.phase + 1, objective, iterate), Status.RUNNING
        return iterate, state, Status.FINISHED if status is Status.RUNNING else status

    def __repr__(self) -> str:
        return "Sequential(" + ", ".join(f"({solver}, {stop})" for solver, stop in self.phases) + ")"


def _counts(objective: AbstractObjective) -> Counts:
    return objective.counts if isinstance(objective, Counted) else Counts()


def _since(now: Counts, then: Counts) -> Counts:
    return Counts(
        now.gradients - then.gradients,
        now.residuals - then.residuals,
        now.products - then.products,
        now.jacobians - then.jacobians,
        now.work - then.work,
    )
