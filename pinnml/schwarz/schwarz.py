"""What every Schwarz method offers: a sweep of local solves, for itself and for methods of several levels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import AbstractSolver, Status
from pinnml.schwarz.correction import Correction
from pinnml.schwarz.decomposition import Decomposition
from pinnml.schwarz.local import Local


@dataclass(frozen=True)
class Reached:
    """A point θ (p,) on the way through a step, f there, and the gradient (p,) where it happens to be known."""

    theta: Tensor
    f: Tensor
    grad: Tensor | None = None

    @classmethod
    def by(cls, iterate: Iterate) -> Reached:
        """Return all that is known of an iterate."""
        return cls(iterate.theta, iterate.f, iterate.grad)

    def iterate(self, objective: AbstractObjective) -> Iterate:
        """Return the iterate, evaluated unless its gradient is known."""
        return objective.at(self.theta) if self.grad is None else Iterate(self.theta, self.f, self.grad)


class AbstractSchwarz(AbstractSolver):
    """A solver whose step is a sweep of local solves, with the extrapolation factors `stretches` after it."""

    decomposition: Decomposition
    local: Local
    stretches: tuple[float, ...] = ()

    @abstractmethod
    def sweep(self, objective: AbstractObjective, begin: Reached, state: Any) -> tuple[Reached, Any, Status]:
        """Do the local solves of one sweep and combine them; where none lowered the loss, `begin` itself comes back."""

    @abstractmethod
    def corrections(
        self, objective: AbstractObjective, begin: Reached, state: Any
    ) -> tuple[tuple[Correction, ...], Any]:
        """Return the sweep's corrections of θ without combining them."""

    def step(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> tuple[Iterate, Any, Status]:
        """Do one sweep and its extrapolation; stop where no block could lower the loss."""
        begin = Reached.by(iterate)
        end, state, status = self.sweep(objective, begin, state)
        if end is begin:
            return iterate, state, status
        theta, f = stretched(objective, begin.theta, end.theta, end.f, self.stretches)
        end = end if theta is end.theta else Reached(theta, f)
        return end.iterate(objective), state, Status.RUNNING


def stretched(
    objective: AbstractObjective, old: Tensor, new: Tensor, f: Tensor, factors: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Return θ_old + c(θ_new − θ_old) for the last of the growing factors c with which the loss still fell."""
    best = new
    for factor in factors:
        trial = old + factor * (new - old)
        value = objective.value(trial)
        if not float(value) < float(f):
            break
        best, f = trial, value
    return best, f
