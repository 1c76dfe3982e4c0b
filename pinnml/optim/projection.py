"""Variable projection: any solver on what is left of θ when its outgoing weights are eliminated."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated, Any

from pinnml.objective import (
    AbstractLeastSquares,
    AbstractObjective,
    Iterate,
    Kaufman,
    ProjectedJacobian,
    ProjectedLeastSquares,
    Structure,
    projectable,
    restriction_of,
    spans_by_kind,
)
from pinnml.optim.solver import AbstractSolver, Component, Inside
from pinnml.optim.status import Status
from pinnml.settings import AtLeast, Count, record, setting


@record
class ProjectionState:
    """The state of the solver inside, and whether it works on what is left of θ, rather than on θ."""

    inner: Any
    projected: bool


@setting
class VariableProjection(AbstractSolver):
    """A step of `solver` on φ(w) = min_c ½‖r(w, c)‖² + ½τ²‖c − c₀‖², c the outgoing weights and w all else in θ.

    c₀ is the last c, so that the floor τ holds c back from where J_c says little, and vanishes where it settles.

    c is exact for equations and conditions that are linear in the fields. For others r is not affine in c: a few
    Gauss–Newton steps on c alone are taken, each only if it lowers f, and Kaufman's form is that of Ruhe and Wedin. θ
    is whole after every step, and f rises in none in which `solver` does not raise it. On an objective without
    residuals, without outgoing weights, or without anything else, `solver` works on θ itself.
    Source: Golub, Pereyra, SIAM J. Numer. Anal. 10, 1973; Kaufman, BIT 15, 1975; Ruhe, Wedin, SIAM Review 22, 1980.

    Parameters
    ----------
    solver : AbstractSolver
        Any solver, which sees w and r̂ alone.
    jacobian : ProjectedJacobian, default Kaufman()
        Or `Full()`, the whole derivative of the projected residual, for r affine in c.
    steps : int, default 3
        The most Gauss–Newton steps for c at each w, at least 1; one is enough where r is affine.
    floor : float, default 0.1
        τ as a share of the longest column of J_c (dimensionless), at least 0. Without it c grows where columns of J_c
        become dependent, and plain Gauss–Newton steps follow them into a corner.
    """

    solver: AbstractSolver
    jacobian: ProjectedJacobian = field(default_factory=Kaufman)
    steps: Count = 3
    floor: Annotated[float, AtLeast(0)] = 0.1

    @property
    def needs_gradient(self) -> bool:
        """Whether the solver inside needs it."""
        return self.solver.needs_gradient

    def parts(self, state: ProjectionState | None) -> tuple[Component, ...]:
        """Return the solver inside."""
        return (Component(self.solver, None if state is None else state.inner),)

    def inside(self, state: ProjectionState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the solver inside with what is left of θ."""
        if not state.projected or size is None:
            return (Inside(self.solver, state.inner, structure, size),)
        left = restriction_of(spans_by_kind(structure)[1], size)
        return (Inside(self.solver, state.inner, left.structure(structure), left.shape[0]),)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the solver inside, and the triangle of J in its new order, or J where it is made whole."""
        own = size**2 if self.jacobian.is_short else 2 * rows * size
        return self.solver.storage(structure, size, rows) + own

    def init(self, objective: AbstractObjective, iterate: Iterate) -> ProjectionState:
        """Start the solver at w."""
        reduced, begin = self._begun(objective, iterate)
        return ProjectionState(self.solver.init(reduced or objective, begin), reduced is not None)

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: ProjectionState) -> ProjectionState:
        """Renew the solver's state; start afresh where it worked on θ before and does not now, or the other way."""
        reduced, begin = self._begun(objective, iterate)
        projected = reduced is not None
        if projected != state.projected:
            return ProjectionState(self.solver.init(reduced or objective, begin), projected)
        return ProjectionState(self.solver.renewed(reduced or objective, begin, state.inner), projected)

    def carried(self, state: ProjectionState) -> ProjectionState | None:
        """Keep what the solver inside keeps."""
        inner = self.solver.carried(state.inner)
        return None if inner is None else replace(state, inner=inner)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: ProjectionState
    ) -> tuple[Iterate, ProjectionState, Status]:
        """Eliminate c, take a step of the solver, and put θ together again."""
        reduced, begin = self._begun(objective, iterate)
        if reduced is None:
            following, inner, status = self.solver.step(objective, iterate, state.inner)
            return following, replace(state, inner=inner), status
        if not begin.is_finite():
            return iterate, state, Status.NOT_FINITE
        following, inner, status = self.solver.step(reduced, begin, state.inner)
        point = reduced.eliminated(following.theta)
        return Iterate(point.theta, point.f), replace(state, inner=inner), status

    def _begun(self, objective: AbstractObjective, iterate: Iterate) -> tuple[ProjectedLeastSquares | None, Iterate]:
        """Return φ and its iterate; None where there is nothing to eliminate, and the iterate as it is."""
        if not projectable(objective):
            return None, iterate
        assert isinstance(objective, AbstractLeastSquares)
        reduced = ProjectedLeastSquares(objective, iterate.theta, self.jacobian, self.steps, self.floor)
        return reduced, reduced.first(iterate, self.solver.needs_gradient)
