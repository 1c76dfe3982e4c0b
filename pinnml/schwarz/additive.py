"""Additive Schwarz over blocks of parameters: all local solves from one point, then their combination."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import LevenbergMarquardt, Status
from pinnml.schwarz.combination import AbstractCombination, LineSearchedSum
from pinnml.schwarz.correction import Correction, corrected
from pinnml.schwarz.decomposition import ByLayer, Decomposition
from pinnml.schwarz.local import Local
from pinnml.schwarz.schwarz import AbstractSchwarz, Reached
from pinnml.settings import setting


@dataclass(frozen=True)
class AdditiveState:
    """Each block's local state, and how many local solves did not lower the loss so far."""

    local: tuple[Any, ...]
    failures: int


@setting
class AdditiveSchwarz(AbstractSchwarz):
    """One sweep: every block is improved by a local solve of the full loss, the others frozen as in the same θ.

    `combination` makes one step of the corrections; the default is a line search along their sum. Overlapping blocks
    want `Averaged` or `Owned` around it. Source: ASPQN's local phase (Kopaničáková, Kothari, Karniadakis, Krause,
    SISC 46(5), 2024); overlap and the search block by block, `Synchronised`: Lee, Kopaničáková, Karniadakis, CMAME
    448, 2025.
    """

    decomposition: Decomposition = field(default_factory=ByLayer)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))
    combination: AbstractCombination = field(default_factory=LineSearchedSum)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> AdditiveState:
        """Return no local states yet."""
        blocks = self.decomposition.restrictions(objective, len(iterate.theta))
        return AdditiveState((None,) * len(blocks), 0)

    def sweep(
        self, objective: AbstractObjective, begin: Reached, state: AdditiveState
    ) -> tuple[Reached, AdditiveState, Status]:
        """Solve on every block from θ and combine; where the loss did not fall, `begin` itself comes back."""
        corrections, state = self.corrections(objective, begin, state)
        end, status = self.combination.reach(objective, begin, corrections)
        return end, state, status

    def corrections(
        self, objective: AbstractObjective, begin: Reached, state: AdditiveState
    ) -> tuple[tuple[Correction, ...], AdditiveState]:
        """Return one correction for each block, zero where its local solve failed."""
        owners = self.decomposition.owners(objective, begin.theta)
        blocks = self.decomposition.restrictions(objective, len(begin.theta))
        corrections, local = [], []
        for number, (restriction, known) in enumerate(zip(blocks, state.local, strict=True)):
            correction, following = corrected(objective, restriction, self.local, begin.theta, begin.f, known)
            own = (restriction(owners) == number).to(begin.theta)
            corrections.append(replace(correction, own=own))
            local.append(following)
        failures = sum(not correction.success for correction in corrections)
        return tuple(corrections), AdditiveState(tuple(local), state.failures + failures)
