"""The type that every solver has: a map from an iterate to the next one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.status import Status


class AbstractSolver(ABC):
    """A map `Iterate -> Iterate`; its state is a frozen record of tensors, so that a checkpoint is complete."""

    @abstractmethod
    def init(self, objective: AbstractObjective, iterate: Iterate) -> Any:
        """Return the state to start with."""

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> Any:
        """Return the state to go on with after the objective has changed, as it is unless a solver says otherwise."""
        return state

    @abstractmethod
    def step(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> tuple[Iterate, Any, Status]:
        """Return the next iterate, the next state, and whether to go on."""
