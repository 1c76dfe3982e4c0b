"""Quasi-Newton methods with a trust region: limited-memory SR1 and BFGS."""

from __future__ import annotations

from dataclasses import field, replace

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Structure
from pinnml.optim.compact import AbstractUpdate, BFGSUpdate, Change, Minimum, Spectrum, SR1Update
from pinnml.optim.line_search import rounding
from pinnml.optim.quasi_newton import PATIENCE, Plateau
from pinnml.optim.secant import SecantMemory
from pinnml.optim.status import Status
from pinnml.optim.trust_region import TrustRegion
from pinnml.optim.within import AbstractTrustRegionSolver
from pinnml.settings import Count, record, setting


@record
class TrustRegionState:
    """The secant pairs, the radius Δ (0 before the first step), how long nothing but rounding has changed, and ‖s‖."""

    memory: SecantMemory
    radius: float = 0.0
    plateau: Plateau = field(default_factory=Plateau)
    length: float = 0.0


@setting
class TrustRegionQuasiNewton(AbstractTrustRegionSolver):
    """θ⁺ = θ + s with s the minimum of ⟨∇f, s⟩ + ½⟨s, Bs⟩ where ‖s‖ ≤ Δ, found exactly (see `Spectrum.minimum`).

    B comes from the last `memory` secant pairs by `update`; without pairs it is (‖∇f‖/Δ)I. Every trial costs f and ∇f,
    and those that are refused teach B, too, unless they are not finite (Nocedal, Wright 2006, algorithm 6.2). f never
    rises. Where no trial is taken, the pairs are dropped; without pairs the run ends.

    Parameters
    ----------
    memory : int, default 100
        The most secant pairs, at least 1.
    update : AbstractUpdate, default SR1Update()
        How B is made of the pairs.
    region : TrustRegion, default TrustRegion(start=0.1)
        How Δ moves; its norm is ‖s‖.
    """

    memory: Count = 100
    update: AbstractUpdate = field(default_factory=SR1Update)
    region: TrustRegion = field(default_factory=lambda: TrustRegion(start=0.1))

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return the pairs, Ψ and its orthonormal basis."""
        return 2 * self.memory * size * (1 + self.update.rows)

    def within(self, radius: float) -> TrustRegionQuasiNewton:
        """Return the method with `largest` of its region bounded by a radius."""
        return replace(self, region=self.region.bounded(radius))

    def travelled(self, state: TrustRegionState) -> float:
        """Return ‖s‖."""
        return state.length

    def retilted(self, iterate: Iterate, state: TrustRegionState) -> TrustRegionState:
        """Keep pairs and radius: differences of gradients do not feel a linear term."""
        return replace(state, plateau=Plateau().after(iterate))

    def init(self, objective: AbstractObjective, iterate: Iterate) -> TrustRegionState:
        """Return an empty memory, and no radius yet."""
        return TrustRegionState(SecantMemory.empty(iterate.theta), plateau=Plateau().after(iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: TrustRegionState) -> TrustRegionState:
        """Drop the pairs, which belong to the old function, and shorten the radius."""
        return replace(self.init(objective, iterate), radius=self.region.renewed(state.radius))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: TrustRegionState, sources: Tensor
    ) -> TrustRegionState:
        """Keep pairs, with zeros for what is new, and radius."""
        memory = state.memory.rearranged(sources, self.update.bound)
        return TrustRegionState(memory, state.radius, Plateau().after(iterate))

    def carried(self, state: TrustRegionState) -> TrustRegionState:
        """Keep the radius: pairs of another restriction are stale."""
        return TrustRegionState(_emptied(state.memory), state.radius)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: TrustRegionState
    ) -> tuple[Iterate, TrustRegionState, Status]:
        """Take one step, with a smaller radius until one lowers f as B has foretold."""
        if iterate.norm == 0:
            return iterate, state, Status.CONVERGED
        radius, memory = self._opened(state.radius, iterate.theta), state.memory
        status = Status.SEARCH_FAILED
        for refused in range(self.region.max_trials):
            best = self._minimum(iterate, memory, radius)
            if best is None:
                break
            if best.predicted <= rounding(iterate):
                status = Status.AT_ROUNDING
                break
            found, pair, change = _tried(objective, iterate, best)
            if found.is_finite():
                memory = memory.pushed(*pair, self.memory) if self.update.enters(change) else memory
                ratio = (iterate.value - found.value) / best.predicted
                if ratio > self.region.least:
                    radius = self.region.following(radius, best.length, ratio)
                    plateau = state.plateau.after(found)
                    status = Status.AT_ROUNDING if plateau.steps >= PATIENCE else Status.RUNNING
                    return found, TrustRegionState(memory, radius, plateau, best.length), status
            radius = self.region.refused(best.length, refused)
        plateau = state.plateau.after(iterate)
        return iterate, TrustRegionState(_emptied(memory), radius, plateau), Status.RUNNING if len(memory) else status

    def _opened(self, radius: float, theta: Tensor) -> float:
        """Return Δ, at first a share of ‖θ‖."""
        return self.region.opened(radius, theta, torch.ones_like(theta))

    def _minimum(self, iterate: Iterate, memory: SecantMemory, radius: float) -> Minimum | None:
        """Return the step within a radius; None where B or ∇f is not finite."""
        gradient, size = iterate.grad, iterate.norm
        if not len(memory):
            return Spectrum.multiple(size / radius, gradient, size).minimum(radius)
        B = Spectrum.of(memory, self.update, gradient)
        return None if B is None else B.minimum(radius)


def _emptied(memory: SecantMemory) -> SecantMemory:
    """Return a memory without pairs, for vectors of the same length."""
    return SecantMemory(memory.s[:0], memory.y[:0], memory.products[:0, :0])


def _tried(
    objective: AbstractObjective, start: Iterate, best: Minimum
) -> tuple[Iterate, tuple[Tensor, Tensor], Change]:
    """Return f and ∇f after a step, with the pair (s, y): one evaluation, and one reading."""

    def evaluate() -> tuple[tuple[Iterate, Tensor], tuple[Tensor, ...]]:
        found, s = objective.at(start.theta + best.step), best.step
        y = found.grad - start.grad
        error = found.grad + best.shift * s  # y − Bs, since (B + σI)s = −∇f
        return (found, y), (s.dot(y), s.norm(), y.norm(), s.dot(error), error.norm(), *found.scalars)

    (found, y), numbers = objective.reading(evaluate)
    return found.knowing(*numbers[5:]), (best.step, y), Change(*numbers[:5])


def LSR1(memory: int = 100, *, skip: float = 1e-8, region: TrustRegion | None = None) -> TrustRegionQuasiNewton:  # noqa: N802 — the method's name, as a constructor
    """Return limited-memory SR1 with a trust region (Brust, Erway, Marcia, Comput. Optim. Appl. 66, 2017).

    Parameters
    ----------
    memory : int, default 100
        The most secant pairs, at least 1.
    skip : float, default 1e-8
        That of `SR1Update`.
    region : TrustRegion, default TrustRegion(start=0.1)
        How the radius moves.

    Returns
    -------
    TrustRegionQuasiNewton
    """
    return TrustRegionQuasiNewton(memory, SR1Update(skip), region or TrustRegion(start=0.1))


def TrustRegionLBFGS(  # noqa: N802 — the method's name, as a constructor
    memory: int = 100, *, curvature: float = 1e-10, region: TrustRegion | None = None
) -> TrustRegionQuasiNewton:
    """Return L-BFGS with a trust region instead of a search (Burdakov, Gong, Zikrin, Yuan, 2017).

    Parameters
    ----------
    memory : int, default 100
        The most secant pairs, at least 1.
    curvature : float, default 1e-10
        That of `BFGSUpdate`.
    region : TrustRegion, default TrustRegion(start=0.1)
        How the radius moves.

    Returns
    -------
    TrustRegionQuasiNewton
    """
    return TrustRegionQuasiNewton(memory, BFGSUpdate(curvature), region or TrustRegion(start=0.1))
