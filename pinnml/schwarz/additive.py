"""Additive Schwarz over blocks of parameters: all local solves from one point, then their combination."""

from __future__ import annotations

from dataclasses import field, replace

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import LevenbergMarquardt, Status
from pinnml.schwarz.combination import AbstractCombination, LineSearchedSum
from pinnml.schwarz.correction import Correction, Local, correct
from pinnml.schwarz.decomposition import ByLayer, Decomposition
from pinnml.schwarz.schwarz import AbstractSchwarz, SchwarzState
from pinnml.settings import setting


@setting
class AdditiveSchwarz(AbstractSchwarz):
    """One sweep: every block is improved by a local solve of the full loss, the others frozen at the same θ.

    Source: ASPQN's local phase (Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024); overlap and the search
    block by block, `Synchronised`: Lee, Kopaničáková, Karniadakis, CMAME 448, 2025.

    Parameters
    ----------
    decomposition : Decomposition, default ByLayer()
        Which parameters are a block.
    local : Local, default one plain Gauss–Newton step
        What is done on a block.
    combination : AbstractCombination, default LineSearchedSum()
        How the corrections become one step; overlapping blocks want `Averaged` or `Owned` around it.
    """

    decomposition: Decomposition = field(default_factory=ByLayer)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))
    combination: AbstractCombination = field(default_factory=LineSearchedSum)

    def sweep(
        self, objective: AbstractObjective, begin: Iterate, state: SchwarzState
    ) -> tuple[Iterate, SchwarzState, Status]:
        """Solve on every block from θ and combine; where f did not fall, `begin` itself comes back."""
        corrections, state = self.corrections(objective, begin, state)
        end, status = self.combination.reach(objective, begin, corrections)
        return end, state, status

    def corrections(
        self, objective: AbstractObjective, begin: Iterate, state: SchwarzState
    ) -> tuple[tuple[Correction, ...], SchwarzState]:
        """Return one correction for each block, zero where its local solve failed."""
        owners = self.decomposition.owners(objective.structure, begin.theta)
        corrections, local = [], []
        for number, (block, known) in enumerate(zip(self.blocks(objective, begin), state.local, strict=True)):
            correction, following = correct(objective, block, self.local, begin, known)
            owned = (block(owners) == number).to(begin.theta)
            corrections.append(replace(correction, owned=owned))
            local.append(following)
        failures = sum(not correction.success for correction in corrections)
        return tuple(corrections), state.after(local, failures)
