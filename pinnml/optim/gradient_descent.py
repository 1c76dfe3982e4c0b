"""Steepest descent, to which a search gives its steps."""

from __future__ import annotations

from dataclasses import field

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.line_search import Search
from pinnml.optim.observed import ObservedLipschitz
from pinnml.optim.quasi_newton import Plateau, ended, steepest
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.settings import record, setting


@record
class GradientState:
    """What the search has learned from the last step, 0 at first, and how long nothing but rounding has changed."""

    known: float = 0.0
    plateau: Plateau = field(default_factory=Plateau)


@setting
class GradientDescent(AbstractSolver):
    """θ⁺ = θ − α∇f, with α by a search that begins where its last step tells it to.

    Parameters
    ----------
    search : Search, default ObservedLipschitz()
        How far to go along −∇f.
    """

    search: Search = field(default_factory=ObservedLipschitz)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> GradientState:
        """Return that nothing is known."""
        return GradientState(plateau=Plateau().after(iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: GradientState) -> GradientState:
        """Keep what is known of the length of steps."""
        return GradientState(state.known, Plateau().after(iterate))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: GradientState
    ) -> tuple[Iterate, GradientState, Status]:
        """Take one step."""
        direction, slope = steepest(iterate.grad)
        if slope == 0:
            return iterate, state, Status.CONVERGED
        first = self.search.opening(state.known, direction, slope)
        found = self.search(objective, iterate, direction, slope, first)
        descent = ended(iterate, direction, found, state.plateau, trusted=False)
        known = self.search.learned(state.known, iterate, direction, slope, found)
        return descent.iterate, GradientState(known, descent.plateau), descent.status
