"""Steepest descent within bounds, with a search along the way that the projection bends."""

from __future__ import annotations

from dataclasses import field, replace

import torch

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.bounds import AbstractBoundedSolver, Bounds, along_the_arc
from pinnml.optim.gradient_descent import GradientState
from pinnml.optim.line_search import AbstractBacktracking
from pinnml.optim.observed import ObservedLipschitz
from pinnml.optim.quasi_newton import Plateau, ended, steepest
from pinnml.optim.status import Status
from pinnml.settings import setting


@setting
class ProjectedGradient(AbstractBoundedSolver):
    """θ⁺ = Π(θ − α∇f), Π projecting on the bounds, with α by a search along this way (Bertsekas 1982).

    Entries at a bound beyond which −∇f points stay. What the search has learned of the bend of f is carried from one
    inner solve to the next, so that a smoother need not find it again. A run ends where no entry may follow −∇f.

    Parameters
    ----------
    search : AbstractBacktracking, default ObservedLipschitz()
        How far to go.
    bounds : Bounds, default Bounds()
        The bounds; none by default.

    Raises
    ------
    DeclarationError
        In `init`, where θ is outside of the bounds, or they are of another length.
    """

    search: AbstractBacktracking = field(default_factory=ObservedLipschitz)
    bounds: Bounds = field(default_factory=Bounds)

    def within(self, bounds: Bounds) -> ProjectedGradient:
        """Return the method within these bounds."""
        return replace(self, bounds=bounds)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> GradientState:
        """Return that nothing is known."""
        self.bounds.check(iterate.theta, type(self).__name__)
        return GradientState(plateau=Plateau().after(iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: GradientState) -> GradientState:
        """Keep what is known of the length of steps."""
        return replace(self.init(objective, iterate), known=state.known)

    def carried(self, state: GradientState) -> GradientState:
        """Keep what is known of the length of steps."""
        return GradientState(state.known)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: GradientState
    ) -> tuple[Iterate, GradientState, Status]:
        """Take one step."""
        free = self.bounds.free(iterate.theta, iterate.grad)
        direction, slope = steepest(torch.where(free, iterate.grad, 0.0))
        if slope == 0:
            return iterate, state, Status.CONVERGED
        first = self.search.opening(state.known, direction, slope)
        found, slope = along_the_arc(objective, iterate, direction, first, self.bounds, self.search)
        descent = ended(iterate, direction, found, state.plateau, trusted=False)
        known = self.search.learned(state.known, iterate, found.iterate.theta - iterate.theta, slope, found)
        return descent.iterate, GradientState(known, descent.plateau), descent.status
