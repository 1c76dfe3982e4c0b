"""What every Schwarz method offers: a sweep of local solves, for itself and for methods of several levels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, evaluated
from pinnml.optim import AbstractSolver, Status
from pinnml.schwarz.correction import Correction
from pinnml.schwarz.decomposition import Decomposition
from pinnml.schwarz.local import Local

T = TypeVar("T")


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
        return evaluated(objective.at, self.theta) if self.grad is None else Iterate(self.theta, self.f, self.grad)


class AbstractSchwarz(AbstractSolver):
    """A solver whose step is a sweep of local solves, with the extrapolation factors `stretches` after it."""

    decomposition: Decomposition
    local: Local
    stretches: tuple[float, ...] = ()

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the local solve on the largest block, and a vector for each block."""
        sizes = self.decomposition.sizes(objective, size)
        return self.local.solver.storage(objective, max(sizes), rows) + len(sizes) * size

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
        return stretched(objective, begin, end, self.stretches).iterate(objective), state, Status.RUNNING


def in_turn(
    begin: Reached,
    parts: Iterable[T],
    states: Iterable[Any],
    solve: Callable[[T, Reached, Any], tuple[Correction, Any]],
) -> tuple[Reached, tuple[Any, ...], int]:
    """Solve on one part after another, each from where the one before ended.

    Return where they end, `begin` itself if none lowered the loss, the parts' states, and how many failed.
    """
    reached, kept, failures = begin, [], 0
    for part, state in zip(parts, states, strict=True):
        correction, following = solve(part, reached, state)
        kept.append(following)
        if correction.success and correction.f is not None:
            reached = Reached(reached.theta + correction.extended, correction.f)
        else:
            failures += 1
    return reached, tuple(kept), failures


def stretched(objective: AbstractObjective, begin: Reached, end: Reached, factors: tuple[float, ...]) -> Reached:
    """Return θ_begin + c(θ_end − θ_begin) for the last of the growing factors c with which the loss still fell."""
    best = end
    for factor in factors:
        theta = begin.theta + factor * (end.theta - begin.theta)
        trial = Reached(theta, objective.value(theta))
        if not float(trial.f) < float(best.f):
            break
        best = trial
    return best
