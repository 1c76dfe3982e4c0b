"""Multiplicative Schwarz over blocks of parameters, with extrapolation of the sweep."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from pinnml.objective import AbstractObjective, AbstractRestriction, Iterate, everything
from pinnml.optim import LevenbergMarquardt, Status
from pinnml.schwarz.correction import Correction, Local, correct
from pinnml.schwarz.decomposition import ByLayer, Decomposition
from pinnml.schwarz.schwarz import AbstractSchwarz, SchwarzState, solve_in_turn
from pinnml.settings import setting


@setting
class MultiplicativeSchwarz(AbstractSchwarz):
    """One sweep: each block in order is improved by a local solve of the full loss, the others frozen as they are then.

    Source: MSPQN's local phase (Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024).

    Parameters
    ----------
    decomposition : Decomposition, default ByLayer()
        Which parameters are a block.
    local : Local, default one plain Gauss–Newton step
        What is done on a block.
    stretches : tuple of float, default (3, 5, 9, 17)
        After the sweep θ_old + c·(θ_new − θ_old) is tried for these growing factors c while f falls.
    """

    decomposition: Decomposition = field(default_factory=ByLayer)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))
    stretches: tuple[float, ...] = (3.0, 5.0, 9.0, 17.0)

    def sweep(
        self, objective: AbstractObjective, begin: Iterate, state: SchwarzState
    ) -> tuple[Iterate, SchwarzState, Status]:
        """Improve block after block; where no block could lower f, `begin` itself comes back."""

        def solve(block: AbstractRestriction, reached: Iterate, kept: Any) -> tuple[Correction, Any]:
            return correct(objective, block, self.local, reached, kept)

        end, local, failures = solve_in_turn(begin, self.blocks(objective, begin), state.local, solve)
        status = Status.SEARCH_FAILED if end is begin else Status.RUNNING
        return end, state.after(local, failures), status

    def corrections(
        self, objective: AbstractObjective, begin: Iterate, state: SchwarzState
    ) -> tuple[tuple[Correction, ...], SchwarzState]:
        """Return the whole sweep as one correction."""
        end, state, status = self.sweep(objective, begin, state)
        whole = everything(len(begin.theta))
        return (Correction(whole, end.theta - begin.theta, end.f, status is Status.RUNNING, value=end.value),), state
