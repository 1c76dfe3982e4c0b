"""The type that every solver has: a map from an iterate to the next one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Structure
from pinnml.optim.status import Status


@dataclass(frozen=True)
class Component:
    """A solver inside another one, its state, None where it has none yet, and whether it is the one at work."""

    solver: AbstractSolver
    state: Any = None
    at_work: bool = True


@dataclass(frozen=True)
class Inside:
    """A method inside a solver, its state, and the θ that it works on: the parts and the length, None if unknown."""

    method: Any
    state: Any
    structure: Structure
    size: int | None


class AbstractSolver(ABC):
    """A map `Iterate -> Iterate`, whose state is a `record` of tensors, numbers and records, which files can keep."""

    @abstractmethod
    def init(self, objective: AbstractObjective, iterate: Iterate) -> Any:
        """Return the state to start with."""

    @abstractmethod
    def step(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> tuple[Iterate, Any, Status]:
        """Return the next iterate, the next state, and whether to go on.

        The given iterate has its gradient if `needs_gradient` is true; the returned one need not have it. Its f is
        never larger than the given one's, except for methods that say so.
        """

    @property
    def needs_gradient(self) -> bool:
        """Whether `init` and `step` need the gradient of the given iterate."""
        return True

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> Any:
        """Return the state to go on with after the objective has changed, and perhaps the length of θ with it.

        The default is a fresh start.
        """
        return self.init(objective, iterate)

    def rearranged(self, objective: AbstractObjective, iterate: Iterate, state: Any, sources: Tensor) -> Any:
        """Return the state to go on with after θ (p′,) has got and lost entries, f being the function that it was.

        Entry i was entry `sources[i]` before, and is a new one where that is −1. The default is `renewed`; what keeps
        vectors of θ (p,) can keep them by `moved`.
        """
        return self.renewed(objective, iterate, state)

    def carried(self, state: Any) -> Any:
        """Return the part of the state after an inner solve that the next one on the same block starts with.

        The default is None, a fresh start: secant pairs of another restriction are stale.
        """
        return None

    def parts(self, state: Any) -> tuple[Component, ...]:
        """Return the solvers that this one switches between or is made of; none for a simple method."""
        return ()

    def inside(self, state: Any, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the methods inside with what the state of this one has of theirs, by which a file is checked.

        θ is made of the parts of `structure` and has `size` entries, None where nobody knows. Raises `DeclarationError`
        where the state is of others. The default is that the part at work has the whole of θ, and others had another.
        """
        return tuple(
            Inside(part.solver, part.state, structure, size if part.at_work else None) for part in self.parts(state)
        )

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return how many numbers the solver keeps at once beside vectors of θ (size,), to predict a run's memory.

        `rows` is the number of residuals. The default is the largest number among the parts.
        """
        return max((part.solver.storage(structure, size, rows) for part in self.parts(None)), default=0)


def moved(vectors: Tensor, sources: Tensor) -> Tensor:
    """Return vectors (…, p) with their entries where these have gone, shape (…, p′), and zeros for new ones.

    Entry i of θ (p′,) was entry `sources[i]` before, and is a new one where that is −1.
    """
    return torch.where(sources >= 0, vectors[..., sources.clamp_min(0)], 0.0)


def phase(solver: AbstractSolver, state: Any) -> tuple[int, ...]:
    """Return which part of a solver is at work, and which part of that, as numbers; empty where there is no choice."""
    parts = solver.parts(state)
    if len(parts) < 2:
        return phase(parts[0].solver, parts[0].state) if parts and parts[0].at_work else ()
    for number, part in enumerate(parts):
        if part.at_work:
            return (number, *phase(part.solver, part.state))
    return ()


@dataclass(frozen=True)
class Improved:
    """Where an inner solve ended, the state to pass in next time, and whether the loss fell."""

    iterate: Iterate
    state: Any
    success: bool


def improve(solver: AbstractSolver, objective: AbstractObjective, start: Iterate, state: Any, steps: int) -> Improved:
    """Take up to `steps` steps from a point whose f is known, as the inner solve of a block or a coarse level.

    Reaching the limit of steps is no failure.

    Parameters
    ----------
    solver : AbstractSolver
        The inner solver.
    objective : AbstractObjective
        The objective of the block or level.
    start : Iterate
        Where to begin; f is known there, the gradient need not be.
    state : object
        The state returned by the last inner solve, None at first.
    steps : int
        The most steps.

    Returns
    -------
    Improved
        Where the solve ended; where the loss did not fall, that is `start` itself.
    """
    iterate = start
    for _ in range(steps):
        iterate = iterate.with_gradient(objective) if solver.needs_gradient else iterate
        state = solver.init(objective, iterate) if state is None else state
        following, state, status = solver.step(objective, iterate, state)
        if status is not Status.NOT_FINITE:
            iterate = following
        if status is not Status.RUNNING:
            break
    # NaN compares false, so that a value that is not finite never comes back
    if not iterate.value < start.value:
        return Improved(start, solver.carried(state), False)
    return Improved(iterate, solver.carried(state), True)
