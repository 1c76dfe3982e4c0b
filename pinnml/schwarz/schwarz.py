"""The interface of Schwarz methods: a sweep of local solves, alone or within a method of several levels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, AbstractRestriction, Iterate, Structure
from pinnml.optim import AbstractSolver, Component, Inside, Status
from pinnml.schwarz.correction import Correction, Local
from pinnml.schwarz.decomposition import Decomposition
from pinnml.settings import record

T = TypeVar("T")


@record
class SchwarzState:
    """Each block's local state, None before its first solve, the length of θ, and how many local solves have failed."""

    local: tuple[Any, ...]
    size: int
    failures: int = 0

    def after(self, local: Iterable[Any], failures: int) -> SchwarzState:
        """Return the state after a sweep that left these local states, with so many failures more."""
        return SchwarzState(tuple(local), self.size, self.failures + failures)


class AbstractSchwarz(AbstractSolver):
    """A solver whose step is a sweep of local solves, with the extrapolation factors `stretches` after it."""

    decomposition: Decomposition
    local: Local
    stretches: tuple[float, ...] = ()

    @property
    def needs_gradient(self) -> bool:
        """Whether the given iterate needs its gradient: false, local solves compute theirs."""
        return False

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the local solve on the largest block, and a vector for each block."""
        blocks = self.decomposition.restrictions(structure, size)
        local = [self.local.solver.storage(block.structure(structure), block.shape[0], rows) for block in blocks]
        return max(local) + len(blocks) * size

    def parts(self, state: SchwarzState | None) -> tuple[Component, ...]:
        """Return the solver of the blocks; none of them is at work between two steps."""
        return (Component(self.local.solver, at_work=False),)

    def inside(self, state: SchwarzState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the solver of each block."""
        if size is None:
            return tuple(Inside(self.local.solver, local, structure, None) for local in state.local)
        blocks = self.decomposition.restrictions(structure, size)
        if len(blocks) != len(state.local) or state.size != size:
            what = f"The state is of {len(state.local)} blocks of {state.size} parameters, not {len(blocks)} of {size}"
            raise DeclarationError(what, type(self).__name__, "restore the file, or hand over the run's solver")
        return tuple(
            Inside(self.local.solver, local, block.structure(structure), block.shape[0])
            for block, local in zip(blocks, state.local, strict=True)
        )

    def init(self, objective: AbstractObjective, iterate: Iterate) -> SchwarzState:
        """Return no local states yet."""
        return SchwarzState((None,) * len(self.blocks(objective, iterate)), len(iterate.theta))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: SchwarzState) -> SchwarzState:
        """Keep the local states, as from sweep to sweep; begin from scratch where the length of θ has changed."""
        return state if state.size == len(iterate.theta) else self.init(objective, iterate)

    def carried(self, state: SchwarzState) -> SchwarzState:
        """Keep what the local solvers keep."""
        return state

    def blocks(self, objective: AbstractObjective, iterate: Iterate) -> tuple[AbstractRestriction, ...]:
        """Return the restrictions to all blocks of θ."""
        return self.decomposition.restrictions(objective.structure, len(iterate.theta))

    @abstractmethod
    def sweep(
        self, objective: AbstractObjective, begin: Iterate, state: SchwarzState
    ) -> tuple[Iterate, SchwarzState, Status]:
        """Do the local solves of one sweep and combine them; where none lowered f, `begin` itself comes back."""

    @abstractmethod
    def corrections(
        self, objective: AbstractObjective, begin: Iterate, state: SchwarzState
    ) -> tuple[tuple[Correction, ...], SchwarzState]:
        """Return the sweep's corrections of θ without combining them."""

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: SchwarzState
    ) -> tuple[Iterate, SchwarzState, Status]:
        """Do one sweep and its extrapolation; stop where no block could lower f."""
        end, state, status = self.sweep(objective, iterate, state)
        if end is iterate:
            return iterate, state, status
        return extrapolate(objective, iterate, end, self.stretches), state, Status.RUNNING


def solve_in_turn(
    begin: Iterate,
    parts: Iterable[T],
    states: Iterable[Any],
    solve: Callable[[T, Iterate, Any], tuple[Correction, Any]],
) -> tuple[Iterate, tuple[Any, ...], int]:
    """Solve on one part after another, each from where the one before ended.

    Return where they end, `begin` itself if none lowered f, the parts' states, and how many failed.
    """
    reached, kept, failures = begin, [], 0
    for part, state in zip(parts, states, strict=True):
        correction, following = solve(part, reached, state)
        kept.append(following)
        if correction.success and correction.f is not None:
            reached = correction.reached(reached.theta + correction.extended)
        else:
            failures += 1
    return reached, tuple(kept), failures


def extrapolate(objective: AbstractObjective, begin: Iterate, end: Iterate, factors: tuple[float, ...]) -> Iterate:
    """Return θ_begin + c(θ_end − θ_begin) for the last of the growing factors c with which f still fell.

    Parameters
    ----------
    objective : AbstractObjective
        The objective; one value is evaluated for each factor tried.
    begin, end : Iterate
        Where the step began and ended; f is known at both.
    factors : tuple of float
        c (dimensionless), growing and above 1.

    Returns
    -------
    Iterate
        `end` itself where no factor lowers f.
    """
    best = end
    for factor in factors:
        theta = begin.theta + factor * (end.theta - begin.theta)
        trial = objective.value_at(theta)
        if not trial.value < best.value:
            break
        best = trial
    return best
