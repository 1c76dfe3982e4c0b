"""Quasi-Newton methods preconditioned from the right by a nonlinear solver, such as a Schwarz sweep."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Structure
from pinnml.optim.line_search import Search, StrongWolfe
from pinnml.optim.quasi_newton import Plateau, descend, secant_pair
from pinnml.optim.secant import SecantMemory
from pinnml.optim.solver import AbstractSolver, Component, moved
from pinnml.optim.status import Status
from pinnml.settings import Between, Count, Shape, record, setting


@record
class RightPreconditionedState:
    """The preconditioner's state, the secant pairs of the global steps, the velocity v (p,), and the plateau."""

    inner: Any
    memory: SecantMemory
    velocity: Annotated[Tensor, Shape(("p",))]
    plateau: Plateau


@setting
class RightPreconditioned(AbstractSolver):
    """θ½ = one step of `preconditioner` from θ, then θ⁺ = θ½ + αp with p = −H∇f(θ½): SPQN's outer iteration.

    H holds the last `memory` secant pairs, which span the global steps only: s = θ⁺ − θ½, y = ∇f(θ⁺) − ∇f(θ½). With
    `momentum` μ > 0 the search goes along v ← (1 − μ)v + μp, v = 0 as long as there are no pairs; where that is no
    direction of descent, v ← p. A preconditioner that fails does not end the run: the global step goes on from where it
    ended; the run ends when both have failed, or where the gradient is zero.
    Source: SPQN (Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024).

    Parameters
    ----------
    preconditioner : AbstractSolver
        Any solver, such as a sweep.
    memory : int, default 3
        The most secant pairs of global steps, at least 1.
    search : Search, default StrongWolfe()
        How far to go in a global step.
    momentum : float, default 0
        μ (dimensionless), from 0 to 1.
    curvature : float, default 1e-10
        The least s·y/‖s‖‖y‖ of a pair that enters (dimensionless).
    """

    preconditioner: AbstractSolver
    memory: Count = 3
    search: Search = field(default_factory=StrongWolfe)
    momentum: Annotated[float, Between(0, 1)] = 0.0
    curvature: float = 1e-10

    def parts(self, state: RightPreconditionedState | None) -> tuple[Component, ...]:
        """Return the preconditioner."""
        return (Component(self.preconditioner, None if state is None else state.inner),)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return 2m vectors and that of the preconditioner."""
        return 2 * self.memory * size + self.preconditioner.storage(structure, size, rows)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> RightPreconditionedState:
        """Return the preconditioner's start and an empty memory."""
        return self._afresh(iterate, self.preconditioner.init(objective, iterate))

    def renewed(
        self, objective: AbstractObjective, iterate: Iterate, state: RightPreconditionedState
    ) -> RightPreconditionedState:
        """Drop pairs and velocity, which belong to the old function, and renew the preconditioner's state."""
        return self._afresh(iterate, self.preconditioner.renewed(objective, iterate, state.inner))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: RightPreconditionedState, sources: Tensor
    ) -> RightPreconditionedState:
        """Keep pairs and velocity, with zeros for what is new, and rearrange the preconditioner's state."""
        return RightPreconditionedState(
            self.preconditioner.rearranged(objective, iterate, state.inner, sources),
            state.memory.rearranged(sources, self.curvature),
            moved(state.velocity, sources),
            Plateau().after(iterate),
        )

    def _afresh(self, iterate: Iterate, inner: Any) -> RightPreconditionedState:
        memory, velocity = SecantMemory.empty(iterate.theta), torch.zeros_like(iterate.theta)
        return RightPreconditionedState(inner, memory, velocity, Plateau().after(iterate))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: RightPreconditionedState
    ) -> tuple[Iterate, RightPreconditionedState, Status]:
        """Take one preconditioning and one global step."""
        half, inner, preconditioned = self.preconditioner.step(objective, iterate, state.inner)
        half = half.with_gradient(objective)
        direction = self._direction(half, state)
        descent = descend(objective, half, direction, len(state.memory) > 0, state.plateau, self.search)
        memory = state.memory if descent.trusted else SecantMemory.empty(half.theta)
        # −∇f, which is not of H's size, would outweigh what follows
        velocity = descent.direction if descent.trusted else torch.zeros_like(half.theta)
        pair = secant_pair(half, descent, self.curvature)
        if pair is not None:
            memory = memory.pushed(*pair, self.memory)
        following = RightPreconditionedState(inner, memory, velocity, descent.plateau)
        goes_on = preconditioned is Status.RUNNING and descent.status is not Status.CONVERGED
        return descent.iterate, following, Status.RUNNING if goes_on else descent.status

    def _direction(self, half: Iterate, state: RightPreconditionedState) -> Tensor:
        plain = -state.memory.inverse_times(half.grad)
        if self.momentum == 0:
            return plain
        velocity = (1 - self.momentum) * state.velocity + self.momentum * plain
        # NaN compares false
        return velocity if bool(half.grad.dot(velocity) < 0) else plain
