"""Limited-memory BFGS that can be trusted: it ends with a reason, at the best iterate, whatever the objective does."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Meter, Structure, metered
from pinnml.optim.inverse import AbstractInverse, AbstractPreconditioner
from pinnml.optim.line_search import Search, StrongWolfe
from pinnml.optim.quasi_newton import PATIENCE, PROGRESS, Descent, Plateau, descend, secant_pair
from pinnml.optim.rebuild import AbstractRebuild, Age, Every
from pinnml.optim.secant import SecantMemory
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.settings import AtLeast, Count, record, setting

__all__ = ["LBFGS", "PATIENCE", "PROGRESS", "LBFGSState", "Plateau"]


@record
class LBFGSState:
    """The secant pairs of the past steps, and how long nothing but rounding has changed.

    `inverse` is the initial matrix, if there is one, `age` what has happened since it was made, and `due` the number of
    steps until it is made again, or until that is asked again.
    """

    memory: SecantMemory
    plateau: Plateau = field(default_factory=Plateau)
    inverse: AbstractInverse | None = None
    due: int = 0
    age: Age = field(default_factory=Age)


@setting
class LBFGS(AbstractSolver):
    """θ⁺ = θ − αH∇f with H from the last `memory` secant pairs (Liu, Nocedal, Math. Prog. 45, 1989).

    A pair enters only if s·y > `curvature`·‖s‖‖y‖. A failed search drops the memory and tries steepest descent; if that
    fails too, the run ends at the best iterate with the reason. It ends at rounding, too, when for `PATIENCE` steps
    neither the loss nor the gradient's norm has fallen by more than rounding.

    With `initial` the pairs update a multiple of M⁻¹ instead of one of the identity: L-BFGS preconditioned by domain
    decomposition, or by the whole Gauss–Newton matrix. M⁻¹ is computed again after `rebuild` steps, when the
    objective has changed, and when a search with one made earlier fails; the pairs are kept.

    Parameters
    ----------
    memory : int, default 100
        The most secant pairs, at least 1; each takes two vectors of θ.
    search : Search, default StrongWolfe()
        How far to go along −H∇f.
    curvature : float, default 1e-10
        The least s·y/‖s‖‖y‖ of a pair (dimensionless).
    initial : AbstractPreconditioner or None, default None
        What makes M⁻¹; None for a multiple of the identity.
    rebuild : int or AbstractRebuild, default 100
        When M⁻¹ is computed again: after so many steps, at least 1, or by a rule such as `Stale()`.
    damping : float, default 1e-6
        λ in M = JᵀJ + λ·diag(JᵀJ) (dimensionless), at least 0.

    Raises
    ------
    TypeError
        In a step, with `initial` for an objective without a Gauss–Newton model.
    """

    memory: Count = 100
    search: Search = field(default_factory=StrongWolfe)
    curvature: float = 1e-10
    initial: AbstractPreconditioner | None = None
    rebuild: Count | AbstractRebuild = 100
    damping: Annotated[float, AtLeast(0)] = 1e-6

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return 2m vectors, their products, and the initial matrix."""
        matrix = self.initial.storage(structure, size, rows) if self.initial is not None else 0
        return 2 * self.memory * size + self.memory**2 + matrix

    def init(self, objective: AbstractObjective, iterate: Iterate) -> LBFGSState:
        """Return an empty memory."""
        return LBFGSState(SecantMemory.empty(iterate.theta), Plateau().after(iterate))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: LBFGSState, sources: Tensor
    ) -> LBFGSState:
        """Keep the pairs, with zeros for what is new; M⁻¹ is computed again."""
        return LBFGSState(state.memory.rearranged(sources, self.curvature), Plateau().after(iterate))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: LBFGSState
    ) -> tuple[Iterate, LBFGSState, Status]:
        """Take one step."""
        state = self._prepared(objective, iterate, state)
        direction = -state.memory.inverse_times(iterate.grad, state.inverse)
        known = len(state.memory) > 0 or state.inverse is not None
        meter = Meter()
        # what a step costs is of interest to the age of an initial matrix alone
        counted = objective if self.initial is None else metered(objective, meter)
        descent = descend(counted, iterate, direction, known, state.plateau, self.search)
        memory = state.memory if descent.trusted else SecantMemory.empty(iterate.theta)
        pair = secant_pair(iterate, descent, self.curvature)
        if pair is not None:
            memory = memory.pushed(*pair, self.memory)
        following = self._following(iterate, state, descent, meter.counts.work)
        return descent.iterate, replace(following, memory=memory, plateau=descent.plateau), descent.status

    def _prepared(self, objective: AbstractObjective, iterate: Iterate, state: LBFGSState) -> LBFGSState:
        """Make the initial matrix where it is due."""
        if self.initial is None or state.due > 0:
            return state
        meter = Meter()
        inverse = self.initial.factors(metered(objective, meter), iterate.theta, self.damping)
        age = Age(meter.counts.work)
        return replace(state, inverse=inverse, due=self._rule.due(age), age=age)

    @property
    def _rule(self) -> AbstractRebuild:
        return Every(self.rebuild) if isinstance(self.rebuild, int) else self.rebuild

    def _following(self, before: Iterate, state: LBFGSState, descent: Descent, work: float) -> LBFGSState:
        """Return the state after a step, in which the matrix may have failed or become due."""
        if self.initial is None:
            return state
        age = state.age.after(before, descent, work)
        if descent.trusted:
            return replace(state, due=self._rule.due(age), age=age)
        # a matrix that failed where it was made would fail again
        is_left = state.age.steps == 0 or state.inverse is None
        return replace(state, inverse=None, due=self._rule.due(age) if is_left else 0, age=age)
