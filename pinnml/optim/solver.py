"""The type that every solver has: a map from an iterate to the next one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.status import Status


@dataclass(frozen=True)
class Improved:
    """Where an inner solve ended: θ (p,), f there, the state to hand in next time, and whether the loss fell."""

    theta: Tensor
    f: Tensor
    state: Any
    success: bool


class AbstractSolver(ABC):
    """A map `Iterate -> Iterate`; its state is a frozen record of tensors, so that a checkpoint is complete."""

    @abstractmethod
    def init(self, objective: AbstractObjective, iterate: Iterate) -> Any:
        """Return the state to start with."""

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> Any:
        """Return the state to go on with after the objective has changed, as it is unless a solver says otherwise."""
        return state

    def phase(self, state: Any) -> tuple[int, ...]:
        """Return which of its parts is at work, as numbers; empty for a method of one piece."""
        return ()

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return how many numbers it keeps at once, to predict a run's memory, vectors of θ (size,) left out.

        `objective` tells of layers only, and `rows` is the number of residuals.
        """
        return 0

    @abstractmethod
    def step(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> tuple[Iterate, Any, Status]:
        """Return the next iterate, the next state, and whether to go on."""

    def improve(self, objective: AbstractObjective, theta: Tensor, f: Tensor, state: Any, steps: int) -> Improved:
        """Take up to `steps` steps from a θ whose f is known, as the inner solve of a block or a coarse level.

        `state` is the one of the last inner solve, None at first. Solvers begin afresh each time unless they say
        otherwise: secant pairs of another restriction are stale. Reaching the step limit is no failure; where the loss
        did not fall, θ and f come back as they were.
        """
        iterate = objective.at(theta)
        state = self.init(objective, iterate)
        for _ in range(steps):
            iterate, state, status = self.step(objective, iterate, state)
            if status is not Status.RUNNING:
                break
        # NaN compares false, so that a value that is not finite never comes back
        if not float(iterate.f) < float(f):
            return Improved(theta, f, None, False)
        return Improved(iterate.theta, iterate.f, None, True)
