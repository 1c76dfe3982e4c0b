"""Limited-memory BFGS that can be trusted: it ends with a reason, at the best iterate, whatever the objective does."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.line_search import Outcome, Search, Searched, StrongWolfe
from pinnml.optim.secant import SecantMemory, has_curvature
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status


@dataclass(frozen=True)
class LBFGSState:
    """The secant pairs of the past steps."""

    memory: SecantMemory


@dataclass(frozen=True)
class LBFGS(AbstractSolver):
    """θ⁺ = θ − αH∇f with H from the last `memory` secant pairs (Liu, Nocedal, Math. Prog. 45, 1989).

    A pair enters only if s·y > `curvature`·‖s‖‖y‖. A failed search drops the memory and tries steepest descent; if that
    fails too, the run ends at the best iterate with the reason.
    """

    memory: int = 50
    search: Search = field(default_factory=StrongWolfe)
    curvature: float = 1e-10

    def __post_init__(self) -> None:
        if not isinstance(self.memory, int) or self.memory < 1:
            raise ValueError(f"memory is {self.memory!r}; where: LBFGS; give a whole number of pairs, at least 1.")

    def init(self, objective: AbstractObjective, iterate: Iterate) -> LBFGSState:
        """Return an empty memory."""
        return LBFGSState(SecantMemory.empty(iterate.theta))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: LBFGSState
    ) -> tuple[Iterate, LBFGSState, Status]:
        """Take one step."""
        memory = state.memory
        direction = -memory.inverse_times(iterate.grad)
        slope = float(iterate.grad.dot(direction))
        if not -float("inf") < slope < 0:
            memory, direction = SecantMemory.empty(iterate.theta), -iterate.grad
            slope = float(iterate.grad.dot(direction))
        if slope == 0:
            return iterate, LBFGSState(memory), Status.CONVERGED
        first = 1.0 if len(memory) else min(1.0, 1 / float(direction.norm()))
        found = self.search(objective, iterate, direction, slope, first)
        if found.outcome is Outcome.FAILED:
            ended = Status.RUNNING if len(memory) else _reason(iterate, slope)
            return iterate, LBFGSState(SecantMemory.empty(iterate.theta)), ended
        return found.iterate, LBFGSState(self._remembered(memory, iterate, found)), Status.RUNNING

    def _remembered(self, memory: SecantMemory, iterate: Iterate, found: Searched) -> SecantMemory:
        s: Tensor = found.iterate.theta - iterate.theta
        y: Tensor = found.iterate.grad - iterate.grad
        return memory.pushed(s, y, self.memory) if has_curvature(s, y, self.curvature) else memory


def _reason(iterate: Iterate, slope: float) -> Status:
    """Tell whether steepest descent failed because its promise, |slope|·α, is lost in the rounding of f."""
    resolution = torch.finfo(iterate.theta.dtype).eps * abs(float(iterate.f))
    norm = abs(slope) ** 0.5
    promised = abs(slope) * min(1.0, 1 / norm) * 1e-6
    return Status.AT_ROUNDING if promised <= resolution or norm <= resolution else Status.SEARCH_FAILED
