"""Recursive multilevel trust regions: coarse models propose steps within the fine level's radius."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

import torch
from torch import Tensor

from pinnml.levels.level import consistent
from pinnml.objective import (
    AbstractCoarsening,
    AbstractObjective,
    AbstractRestriction,
    Iterate,
    ShareOfPoints,
    Structure,
    read,
)
from pinnml.optim import (
    LSR1,
    AbstractProposal,
    AbstractTrustRegionSolver,
    Component,
    Inside,
    NestedTrustRegions,
    Proposal,
    TrustRegion,
    improve_within,
)
from pinnml.settings import AtLeast, Between, Count, record, setting

POWERS = 5
"""Steps of the power method for ‖P‖."""


@record
class CoarseState:
    """What the coarse level's solver keeps."""

    local: Any


@setting
class CoarseProposal(AbstractProposal):
    """A coarse objective f_c, tilted to agree with f to first order, minimised for a few steps within Δ.

    h(y) = f_c(y) + ⟨Pᵀ∇f(θ) − ∇f_c(Πθ), y − Πθ⟩ from y₀ = Πθ; the step is P(y − y₀), the decrease of h its prediction.
    There is a proposal only where ‖Pᵀ∇f‖ ≥ κ‖∇f‖ and ‖Pᵀ∇f‖ > ε. Secant pairs of f_c stay right from step to step,
    since a linear term does not change them. Source: Gratton, Sartenaer, Toint, SIAM J. Optim. 19, 2008, RMTR.

    Parameters
    ----------
    rule : AbstractCoarsening, default ShareOfPoints(0.25)
        What makes f_c; where it does not apply there are no proposals.
    solver : AbstractTrustRegionSolver, default LSR1()
        What minimises h; of more than two levels where it proposes steps by a coarse model itself.
    steps : int, default 5
        The most steps of it.
    share : float, default 0.1
        κ (dimensionless), from 0 to 1.
    tolerance : float, default 0
        ε, in units of ∇f, at least 0.
    """

    rule: AbstractCoarsening = field(default_factory=ShareOfPoints)
    solver: AbstractTrustRegionSolver = field(default_factory=LSR1)
    steps: Count = 5
    share: Annotated[float, Between(0, 1)] = 0.1
    tolerance: Annotated[float, AtLeast(0)] = 0.0

    def proposed(
        self, objective: AbstractObjective, iterate: Iterate, state: CoarseState | None, radius: float
    ) -> tuple[Proposal | None, CoarseState | None]:
        """Minimise the model for some steps from Πθ."""
        coarse = objective.coarse(self.rule, iterate.theta)
        if coarse is None:
            return None, state
        gradient, enlarged = coarse.restriction(iterate.grad), 1.0
        norm = iterate.norm
        if not coarse.has_same_unknowns:
            norm, enlarged = read(gradient.norm(), _norm(coarse.restriction, gradient))
        if not (norm > self.tolerance and norm >= self.share * iterate.norm):
            return None, state
        start, model = consistent(coarse, iterate, gradient)
        known = None if state is None else self.solver.retilted(start, state.local)
        reached, after = improve_within(self.solver, model, start, known, self.steps, radius / enlarged)
        step = coarse.restriction.adjoint(reached.theta - start.theta)
        predicted = start.value - reached.value
        (length,) = read(step.norm())
        # ‖P‖ is known to some digits
        shorter = min(1.0, radius / length) if length > 0 else 0.0
        proposal = Proposal(shorter * step, shorter * length, shorter * predicted)
        return (proposal if predicted > 0 and length > 0 else None), CoarseState(after)

    def parts(self) -> tuple[Component, ...]:
        """Return the solver of the level."""
        return (Component(self.solver, at_work=False),)

    def inside(self, state: CoarseState | None, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the solver of the level, whose unknowns are known above the waist alone."""
        return () if state is None else (Inside(self.solver, state.local, Structure(), None),)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the level's solver, as for all unknowns."""
        return self.solver.storage(structure, size, rows)


def _norm(restriction: AbstractRestriction, like: Tensor) -> Tensor:
    """Return ‖P‖ = ‖PᵀP‖^½ by the power method, a 0-dimensional tensor; one where P has no effect."""
    v, size = torch.ones_like(like), like.new_ones(())
    for _ in range(POWERS):
        v = v / v.norm()
        v = restriction(restriction.adjoint(v))
        size = v.norm()
    return torch.where(size > 0, size.sqrt(), torch.ones_like(size))


def RMTR(  # noqa: N802 — the method's name, as a constructor
    rules: tuple[AbstractCoarsening, ...] = (ShareOfPoints(0.25),),
    *,
    smoother: AbstractTrustRegionSolver | None = None,
    steps: int = 5,
    share: float = 0.1,
    tolerance: float = 0.0,
    region: TrustRegion | None = None,
    before: int = 0,
    after: int = 1,
) -> AbstractTrustRegionSolver:
    """Return the recursive multilevel trust-region method: one coarse model after another, each of the one before.

    Source: Gratton, Sartenaer, Toint, SIAM J. Optim. 19, 2008; for networks Kopaničáková, Krause, SISC 44, 2022,
    arXiv 2107.07572.

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default (ShareOfPoints(0.25),)
        What makes each level from the one above it; none for the smoother alone.
    smoother : AbstractTrustRegionSolver, default LSR1()
        What takes steps on every level.
    steps : int, default 5
        Steps on a coarse level for one proposal; with levels below it each is a cycle.
    share, tolerance
        Those of `CoarseProposal`.
    region, before, after
        Those of `NestedTrustRegions`.

    Returns
    -------
    AbstractTrustRegionSolver
    """
    method: AbstractTrustRegionSolver = smoother or LSR1()
    smooth = method
    for rule in reversed(rules):
        model = CoarseProposal(rule, method, steps, share, tolerance)
        method = NestedTrustRegions(model, smooth, region or TrustRegion(start=0.1), before, after)
    return method
