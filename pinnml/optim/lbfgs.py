"""Limited-memory BFGS that can be trusted: it ends with a reason, at the best iterate, whatever the objective does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.line_search import Outcome, Search, Searched, StrongWolfe, rounding
from pinnml.optim.secant import SecantMemory, has_curvature
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status

PATIENCE = 20
"""Steps in a row without progress beyond rounding, after which a run is at rounding."""

PROGRESS = 0.9
"""A gradient's norm below this share of its smallest so far is progress too, while the loss changes by rounding."""


@dataclass(frozen=True)
class Plateau:
    """Loss and smallest gradient norm when there was progress last, and the steps taken since."""

    f: float = float("inf")
    norm: float = float("inf")
    steps: int = 0

    def after(self, iterate: Iterate) -> Plateau:
        """Return the record after one more step, which ended at `iterate`."""
        f, norm = float(iterate.f), float(iterate.grad.norm())
        if self.f - f > rounding(iterate.f) or norm < PROGRESS * self.norm:
            return Plateau(f, min(norm, self.norm))
        return replace(self, steps=self.steps + 1)


@dataclass(frozen=True)
class LBFGSState:
    """The secant pairs of the past steps, and how long nothing but rounding has changed."""

    memory: SecantMemory
    plateau: Plateau = field(default_factory=Plateau)


@dataclass(frozen=True)
class LBFGS(AbstractSolver):
    """θ⁺ = θ − αH∇f with H from the last `memory` secant pairs (Liu, Nocedal, Math. Prog. 45, 1989).

    A pair enters only if s·y > `curvature`·‖s‖‖y‖. A failed search drops the memory and tries steepest descent; if that
    fails too, the run ends at the best iterate with the reason. It ends at rounding, too, when for `PATIENCE` steps
    neither the loss nor the gradient's norm has fallen by more than rounding.
    """

    memory: int = 100
    search: Search = field(default_factory=StrongWolfe)
    curvature: float = 1e-10

    def __post_init__(self) -> None:
        if not isinstance(self.memory, int) or self.memory < 1:
            raise ValueError(f"memory is {self.memory!r}; where: LBFGS; give a whole number of pairs, at least 1.")

    def init(self, objective: AbstractObjective, iterate: Iterate) -> LBFGSState:
        """Return an empty memory."""
        return LBFGSState(SecantMemory.empty(iterate.theta), Plateau().after(iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: LBFGSState) -> LBFGSState:
        """Drop the pairs: they are differences of another function's gradients."""
        return self.init(objective, iterate)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: LBFGSState
    ) -> tuple[Iterate, LBFGSState, Status]:
        """Take one step."""
        memory = state.memory
        direction = -memory.inverse_times(iterate.grad)
        slope = float(iterate.grad.dot(direction))
        if not -float("inf") < slope < 0:
            memory = SecantMemory.empty(iterate.theta)
            direction, slope = _steepest(iterate.grad)
        if slope == 0:
            return iterate, replace(state, memory=memory), Status.CONVERGED
        first = 1.0 if len(memory) else 1 / float(direction.norm())
        found = self.search(objective, iterate, direction, slope, first)
        plateau = state.plateau.after(found.iterate)
        if found.outcome in (Outcome.ROUNDING, Outcome.FAILED):
            reason = Status.AT_ROUNDING if found.outcome is Outcome.ROUNDING else Status.SEARCH_FAILED
            ended = Status.RUNNING if len(memory) else reason
            return iterate, LBFGSState(SecantMemory.empty(iterate.theta), plateau), ended
        ended = Status.AT_ROUNDING if plateau.steps >= PATIENCE else Status.RUNNING
        return found.iterate, LBFGSState(self._remembered(memory, iterate, found), plateau), ended

    def _remembered(self, memory: SecantMemory, iterate: Iterate, found: Searched) -> SecantMemory:
        s: Tensor = found.iterate.theta - iterate.theta
        y: Tensor = found.iterate.grad - iterate.grad
        return memory.pushed(s, y, self.memory) if has_curvature(s, y, self.curvature) else memory


def _steepest(gradient: Tensor) -> tuple[Tensor, float]:
    """Return −∇f and its slope −‖∇f‖², both divided by the largest entry where the square overflows."""
    slope = -float(gradient.dot(gradient))
    if slope > -float("inf"):
        return -gradient, slope
    direction = -gradient / gradient.abs().max()
    return direction, float(gradient.dot(direction))
