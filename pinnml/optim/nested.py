"""Nested trust regions: steps that other problems propose within the radius of a solver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Structure
from pinnml.optim.rules import log_decrease
from pinnml.optim.solver import Component, Inside
from pinnml.optim.status import Status
from pinnml.optim.trust_region import TrustRegion
from pinnml.optim.within import AT_BOUNDARY, AbstractTrustRegionSolver
from pinnml.settings import AtLeast, record, setting


@dataclass(frozen=True)
class Proposal:
    """A step (p,), its length, and the decrease of f that the problems which it comes from have seen."""

    step: Tensor
    length: float
    predicted: float


class AbstractProposal(ABC):
    """A rule that proposes a step by solving other problems within a radius, such as blocks or a coarse level."""

    @abstractmethod
    def proposed(
        self, objective: AbstractObjective, iterate: Iterate, state: Any, radius: float
    ) -> tuple[Proposal | None, Any]:
        """Return a step of at most a length, None where none is worth a trial, and the state of the solves.

        The iterate has its gradient; the state is None at first.
        """

    @abstractmethod
    def parts(self) -> tuple[Component, ...]:
        """Return the solvers of the other problems."""

    @abstractmethod
    def inside(self, state: Any, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return these with their states and unknowns; see `AbstractSolver.inside`."""

    @abstractmethod
    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return how many numbers these keep; see `AbstractSolver.storage`."""

    def renewed(self, state: Any) -> Any:
        """Return the state after the objective has changed; the default is none."""
        return None


@record
class NestedRegionsState:
    """The radius of proposals (0 before the first), their state and the smoother's, and what has come of them.

    `length` bounds the last step; `tried` and `taken` count proposals; `gained` is the fall of ln f by them, `smoothed`
    that by the smoother.
    """

    smoother: Any
    proposal: Any = None
    radius: float = 0.0
    length: float = 0.0
    tried: int = 0
    taken: int = 0
    gained: float = 0.0
    smoothed: float = 0.0


@setting
class NestedTrustRegions(AbstractTrustRegionSolver):
    """Steps of a trust-region solver, and between them a step that other problems propose, if f follows them.

    A proposal within Δ is taken if f falls by more than a share of what the other problems have seen, and that ratio
    moves Δ as in any trust region. The smoother keeps a radius of its own, since its model is another one. f never
    rises.
    Sources: APTS (Groß, Krause 2009; Trotti, Cruz-Alegría, Kopaničáková, Krause, arXiv 2312.13677), where blocks
    propose; RMTR (Gratton, Sartenaer, Toint 2008), where a coarse level does. There, one radius serves both.

    Parameters
    ----------
    proposal : AbstractProposal
        What proposes a step.
    smoother : AbstractTrustRegionSolver
        What takes the other steps.
    region : TrustRegion, default TrustRegion(start=0.1)
        How the radius of proposals moves.
    before, after : int, default 0 and 1
        Steps of the smoother before and after a proposal.
    """

    proposal: AbstractProposal
    smoother: AbstractTrustRegionSolver
    region: TrustRegion = field(default_factory=lambda: TrustRegion(start=0.1))
    before: Annotated[int, AtLeast(0)] = 0
    after: Annotated[int, AtLeast(0)] = 1

    def within(self, radius: float) -> NestedTrustRegions:
        """Return the method whose whole step is bounded by a radius."""
        return replace(self, region=self.region.bounded(radius))

    def parts(self, state: NestedRegionsState | None) -> tuple[Component, ...]:
        """Return smoother and what proposes; none of them is at work between two steps."""
        smoother = Component(self.smoother, None if state is None else state.smoother, at_work=False)
        return (smoother, *self.proposal.parts())

    def inside(self, state: NestedRegionsState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the smoother on θ, and what proposes on its own unknowns."""
        smoother = Inside(self.smoother, state.smoother, structure, size)
        return (smoother, *self.proposal.inside(state.proposal, structure, size))

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the smoother and of the proposals, which are kept at once."""
        return self.smoother.storage(structure, size, rows) + self.proposal.storage(structure, size, rows)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> NestedRegionsState:
        """Return the smoother's start."""
        return NestedRegionsState(self.smoother.init(objective, iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: NestedRegionsState) -> NestedRegionsState:
        """Renew the states, and shorten the radius."""
        smoother, proposal = (
            self.smoother.renewed(objective, iterate, state.smoother),
            self.proposal.renewed(state.proposal),
        )
        return replace(state, smoother=smoother, proposal=proposal, radius=self.region.renewed(state.radius))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: NestedRegionsState, sources: Tensor
    ) -> NestedRegionsState:
        """Rearrange the smoother's state; proposals begin afresh."""
        smoother = self.smoother.rearranged(objective, iterate, state.smoother, sources)
        return replace(state, smoother=smoother, proposal=None)

    def carried(self, state: NestedRegionsState) -> NestedRegionsState:
        """Keep the radius, and what the smoother keeps."""
        return NestedRegionsState(self.smoother.carried(state.smoother), None, state.radius)

    def travelled(self, state: NestedRegionsState) -> float:
        """Return the sum of the lengths of all steps inside."""
        return state.length

    def retilted(self, iterate: Iterate, state: NestedRegionsState) -> NestedRegionsState:
        """Keep all but what the smoother does not keep: what a coarse level sees is tilted by each proposal anyway."""
        return replace(state, smoother=self.smoother.retilted(iterate, state.smoother))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: NestedRegionsState
    ) -> tuple[Iterate, NestedRegionsState, Status]:
        """Smooth, try a proposal, and smooth."""
        begin, reached, status = iterate, iterate, Status.SEARCH_FAILED
        if begin.norm == 0:
            return iterate, state, Status.CONVERGED
        state = replace(state, length=0.0)
        for _ in range(self.before):
            reached, state, status = self._smoothed(objective, reached, state)
        reached, state = self._corrected(objective, reached, state)
        for _ in range(self.after):
            reached, state, status = self._smoothed(objective, reached, state)
        moved = reached is not begin
        return reached, state, Status.RUNNING if moved and status is not Status.CONVERGED else status

    def _smoothed(
        self, objective: AbstractObjective, at: Iterate, state: NestedRegionsState
    ) -> tuple[Iterate, NestedRegionsState, Status]:
        """Take a step of the smoother within what is left."""
        left = self.region.largest - state.length
        # NaN compares false
        if not left > AT_BOUNDARY * self.region.largest and left < float("inf"):
            return at, state, Status.RUNNING
        at = at.with_gradient(objective)
        solver = self.smoother if left == float("inf") else self.smoother.within(left)
        following, smoother, status = solver.step(objective, at, state.smoother)
        if status is Status.NOT_FINITE or not following.value < at.value:
            return at, replace(state, smoother=smoother), status
        smoothed, length = (
            state.smoothed + log_decrease(at, following),
            state.length + self.smoother.travelled(smoother),
        )
        return following, replace(state, smoother=smoother, smoothed=smoothed, length=length), status

    def _corrected(
        self, objective: AbstractObjective, at: Iterate, state: NestedRegionsState
    ) -> tuple[Iterate, NestedRegionsState]:
        """Try one proposal within the radius and what is left."""
        left = self.region.largest - state.length
        # NaN compares false
        if not left > AT_BOUNDARY * self.region.largest and left < float("inf"):
            return at, state
        at = at.with_gradient(objective)
        radius = min(self.region.opened(state.radius, at.theta, at.theta.new_ones(len(at.theta))), left)
        proposal, kept = self.proposal.proposed(objective, at, state.proposal, radius)
        state = replace(state, proposal=kept, radius=radius)
        if proposal is None or not proposal.predicted > 0:
            return at, state
        found, numbers = objective.reading(lambda: ((found := objective.at(at.theta + proposal.step)), found.scalars))
        found = found.knowing(*numbers)
        ratio = (at.value - found.value) / proposal.predicted if found.is_finite() else float("nan")
        state = replace(state, radius=self.region.following(radius, proposal.length, ratio), tried=state.tried + 1)
        if not ratio > self.region.least:
            return at, state
        gained, length = state.gained + log_decrease(at, found), state.length + proposal.length
        return found, replace(state, taken=state.taken + 1, gained=gained, length=length)
