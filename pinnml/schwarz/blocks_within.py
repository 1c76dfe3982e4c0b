"""Trust-region solves on blocks of parameters, whose sum is proposed as one step: the local phase of APTS."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import torch

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, Iterate, Structure, read
from pinnml.optim import (
    LSR1,
    AbstractProposal,
    AbstractTrustRegionSolver,
    Component,
    Inside,
    Proposal,
    improve_within,
)
from pinnml.schwarz.decomposition import ByLayer, Decomposition
from pinnml.settings import Count, record, setting


@record
class BlocksState:
    """What the solver keeps for each block."""

    local: tuple[Any, ...]


@setting
class BlocksWithin(AbstractProposal):
    """Σ_s E_sδ_s of local solves of f on all blocks from one θ, each within Δ/√s, and the sum of their decreases.

    Blocks that do not overlap then make a step within Δ. APTS bounds by the largest entry, which needs no √s.
    Source: Trotti, Cruz-Alegría, Kopaničáková, Krause, arXiv 2312.13677, algorithm 2.

    Parameters
    ----------
    decomposition : Decomposition, default ByLayer()
        Which parameters are a block.
    solver : AbstractTrustRegionSolver, default LSR1(5)
        What solves on a block.
    steps : int, default 5
        The most steps on each.
    """

    decomposition: Decomposition = field(default_factory=ByLayer)
    solver: AbstractTrustRegionSolver = field(default_factory=lambda: LSR1(5))
    steps: Count = 5

    def proposed(
        self, objective: AbstractObjective, iterate: Iterate, state: BlocksState | None, radius: float
    ) -> tuple[Proposal | None, BlocksState]:
        """Solve on every block from θ."""
        blocks = self.decomposition.restrictions(objective.structure, len(iterate.theta))
        known = state.local if state is not None and len(state.local) == len(blocks) else (None,) * len(blocks)
        total, predicted, kept = torch.zeros_like(iterate.theta), 0.0, []
        starts = [Iterate(R(iterate.theta), iterate.f, R(iterate.grad)) for R in blocks]
        norms, share = read(*(start.grad.norm() for start in starts)), radius / len(blocks) ** 0.5
        for R, start, norm, local in zip(blocks, starts, norms, known, strict=True):
            start.knowing(iterate.value, True, norm)
            problem = objective.restricted(R, iterate.theta)
            reached, after = improve_within(self.solver, problem, start, local, self.steps, share)
            kept.append(self.solver.carried(after))
            if reached.value < iterate.value:
                total = total + R.adjoint(reached.theta - start.theta)
                predicted += iterate.value - reached.value
        (length,) = read(total.norm())
        return (Proposal(total, length, predicted) if length > 0 else None), BlocksState(tuple(kept))

    def parts(self) -> tuple[Component, ...]:
        """Return the solver of the blocks."""
        return (Component(self.solver, at_work=False),)

    def inside(self, state: BlocksState | None, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the solver of each block."""
        local = () if state is None else state.local
        if size is None or not local:
            return tuple(Inside(self.solver, one, structure, None) for one in local)
        blocks = self.decomposition.restrictions(structure, size)
        if len(blocks) != len(local):
            what = f"The state is of {len(local)} blocks, not {len(blocks)}"
            raise DeclarationError(what, type(self).__name__, "restore the file, or hand over the run's solver")
        pairs = zip(blocks, local, strict=True)
        return tuple(Inside(self.solver, one, R.structure(structure), R.shape[0]) for R, one in pairs)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the solver on the largest block."""
        blocks = self.decomposition.restrictions(structure, size)
        return max(self.solver.storage(R.structure(structure), R.shape[0], rows) for R in blocks)
