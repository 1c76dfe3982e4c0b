"""One solver for networks, and another one for readouts: what is at work depends on the structure of θ."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Structure
from pinnml.optim.acceleration import Geodesic
from pinnml.optim.direct import QR
from pinnml.optim.gauss_newton import GaussNewton
from pinnml.optim.globalisation import Ladder
from pinnml.optim.rules import log_decrease
from pinnml.optim.solver import AbstractSolver, Component
from pinnml.optim.status import Status
from pinnml.settings import record, setting

NOTHING = 0.02
"""A fall of ln f in a step that is next to nothing (dimensionless)."""


def readout_solver() -> GaussNewton:
    """Return full Gauss–Newton steps by QR with their chord steps: one step solves a linear equation's readout."""
    return GaussNewton(QR(), Ladder(), Geodesic(8, bend=None))


@record
class WhereLinearState:
    """Whether the readout's solver is at work, and the states of both, None where they have not begun.

    `exhausted` says that the last step of a readout, on the present points, has gained next to nothing.
    """

    linear: bool
    body: Any
    readout: Any
    exhausted: bool = False


@setting
class WhereLinear(AbstractSolver):
    """`readout` where all of θ enters the fields linearly, `body` for every other network.

    Which of the two is at work is decided when the run begins and when the objective has changed, as by a rule that
    widens a network whose layers stay as they are. A readout's step that gains next to nothing does not end a run,
    since more neurons or points may come; the second one in a row does.

    Parameters
    ----------
    body : AbstractSolver
        The method for networks.
    readout : AbstractSolver, default readout_solver()
        The method for readouts.
    """

    body: AbstractSolver
    readout: AbstractSolver = field(default_factory=readout_solver)

    def parts(self, state: WhereLinearState | None) -> tuple[Component, ...]:
        """Return both solvers; the active one is at work."""
        linear = None if state is None else state.linear
        body, readout = (None, None) if state is None else (state.body, state.readout)
        return (
            Component(self.body, body, linear is False),
            Component(self.readout, readout, linear is True),
        )

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the body: how large a readout will be is not θ's affair, but that of what widens it."""
        return self.body.storage(structure, size, rows)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> WhereLinearState:
        """Start the solver for the objective's structure."""
        if objective.structure.is_linear:
            return WhereLinearState(True, None, self._begun(self.readout, objective, iterate))
        return WhereLinearState(False, self._begun(self.body, objective, iterate), None)

    def _begun(self, solver: AbstractSolver, objective: AbstractObjective, iterate: Iterate) -> Any:
        return solver.init(objective, iterate.with_gradient(objective) if solver.needs_gradient else iterate)

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: WhereLinearState) -> WhereLinearState:
        """Renew the active solver's state; where the other one takes over, renew or start that."""
        linear = objective.structure.is_linear
        solver, had = (self.readout, state.readout) if linear else (self.body, state.body)
        # a readout that was left is another function: begin afresh
        fresh = had is None or (linear and not state.linear)
        after = self._begun(solver, objective, iterate) if fresh else solver.renewed(objective, iterate, had)
        if linear:
            return WhereLinearState(True, state.body, after)
        return WhereLinearState(False, after, None)

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: WhereLinearState, sources: Tensor
    ) -> WhereLinearState:
        """Rearrange the active solver's state, that of the body; a readout's is renewed."""
        if state.linear or objective.structure.is_linear:
            return self.renewed(objective, iterate, state)
        return WhereLinearState(False, self.body.rearranged(objective, iterate, state.body, sources), None)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: WhereLinearState
    ) -> tuple[Iterate, WhereLinearState, Status]:
        """Take a step of the active solver."""
        if state.linear:
            following, inner, status = self.readout.step(objective, iterate, state.readout)
            exhausted = status.success or status is Status.SEARCH_FAILED
            exhausted = exhausted or (status is Status.RUNNING and log_decrease(iterate, following) < NOTHING)
            if exhausted:
                status = Status.FINISHED if state.exhausted else Status.RUNNING
            return following, replace(state, readout=inner, exhausted=exhausted), status
        begin = iterate.with_gradient(objective) if self.body.needs_gradient else iterate
        iterate, inner, status = self.body.step(objective, begin, state.body)
        return iterate, replace(state, body=inner), status
