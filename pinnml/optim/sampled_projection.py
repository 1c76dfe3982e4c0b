"""Variable projection on mini-batches: outgoing weights by least squares with a memory, all else by any solver."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated, Any

import torch
from torch import Tensor

from pinnml.objective import (
    AbstractLeastSquares,
    AbstractObjective,
    AbstractRestriction,
    Iterate,
    RootModel,
    Structure,
    least_squares_solution,
    projectable,
    restriction_of,
    spans_by_kind,
)
from pinnml.optim.adam import Adam
from pinnml.optim.solver import AbstractSolver, Component, Inside
from pinnml.optim.status import Status
from pinnml.settings import Above, Count, Shape, record, setting


@record
class SampledProjectionState:
    """The state of the solver inside, and what is known of other batches.

    `triangles` (m, k, k) are the factors R_i of their J_c, zeros where there was none yet; `ridge` is Λ, `steps` how
    often it was added. Where nothing can be eliminated the solver works on θ, and there are none.
    """

    inner: Any
    triangles: Annotated[Tensor, Shape(("m", "k", "k"))]
    ridge: Annotated[Tensor, Shape()]
    steps: int = 0


@setting
class SampledVariableProjection(AbstractSolver):
    """c⁺ = c + d, then a step of `solver` on all else in θ, with c the outgoing weights and J_c those of this batch.

    With r and J_c = ∂r/∂c of the present batch, the k-th, d is the least of

        ½‖J_c d + r‖² + ½Σ_i ‖R_i d‖² + ½(k − 1)Λ‖d‖² + ½Λ‖c + d‖²,

    the sum over the last m batches: what c was fitted to is not forgotten at once, and steps grow shorter. If all else
    stays as it is and m batches are all there are, c is that of ridge regression on all samples. f of a batch may rise.
    On an objective without residuals, without outgoing weights, or without anything else, `solver` works on θ itself.
    Source: slimTrain: Newman, Chung, Chung, Ruthotto, SIAM J. Sci. Comput. 44, 2022; slimTik: Slagel, Chung, Chung,
    Kozak, Tenorio, Inverse Problems 35, 2019.

    Parameters
    ----------
    solver : AbstractSolver, default Adam()
        What steps on all else, on the same batch, once c is known.
    memory : int, default 5
        m, at least 1.
    ridge : float, default 1e-6
        Λ as a share of the square of J_c's longest column on the first batch (dimensionless), above 0.
    """

    solver: AbstractSolver = field(default_factory=Adam)
    memory: Count = 5
    ridge: Annotated[float, Above(0)] = 1e-6

    def parts(self, state: SampledProjectionState | None) -> tuple[Component, ...]:
        """Return the solver inside."""
        return (Component(self.solver, None if state is None else state.inner),)

    def inside(self, state: SampledProjectionState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the solver inside with what is left of θ."""
        if not len(state.triangles) or size is None:
            return (Inside(self.solver, state.inner, structure, size),)
        left = restriction_of(spans_by_kind(structure)[1], size)
        return (Inside(self.solver, state.inner, left.structure(structure), left.shape[0]),)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the solver inside, and of the triangles with their factor."""
        outgoing = sum(stop - start for start, stop in spans_by_kind(structure)[0])
        return self.solver.storage(structure, size, rows) + 2 * (self.memory + 2) * outgoing**2

    def init(self, objective: AbstractObjective, iterate: Iterate) -> SampledProjectionState:
        """Start the solver at all else, and remember nothing."""
        found = _parts(objective, len(iterate.theta))
        zero = iterate.theta.new_zeros(())
        if found is None:
            begin = iterate.with_gradient(objective) if self.solver.needs_gradient else iterate
            return SampledProjectionState(self.solver.init(objective, begin), zero.expand(0, 0, 0).clone(), zero)
        k = found[0].shape[0]
        inner = self.solver.init(*self._left(objective, iterate, found[1]))
        return SampledProjectionState(inner, iterate.theta.new_zeros(self.memory, k, k), zero)

    def renewed(
        self, objective: AbstractObjective, iterate: Iterate, state: SampledProjectionState
    ) -> SampledProjectionState:
        """Go on with another batch; start afresh where other entries of θ are outgoing weights."""
        found = _parts(objective, len(iterate.theta))
        if found is None or state.triangles.shape[1] != found[0].shape[0]:
            return self.init(objective, iterate)
        return replace(state, inner=self.solver.renewed(*self._left(objective, iterate, found[1]), state.inner))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: SampledProjectionState
    ) -> tuple[Iterate, SampledProjectionState, Status]:
        """Improve c, then take a step of the solver on all else."""
        found = _parts(objective, len(iterate.theta))
        if found is None:
            begin = iterate.with_gradient(objective) if self.solver.needs_gradient else iterate
            following, inner, status = self.solver.step(objective, begin, state.inner)
            return following, replace(state, inner=inner), status
        assert isinstance(objective, AbstractLeastSquares)
        outgoing, others = found
        theta, after = self._improved(objective, iterate.theta, outgoing, state)
        block, x = objective.restricted(others, theta), others(theta)
        begin = block.at(x) if self.solver.needs_gradient else Iterate(x, block.value(x))
        if not begin.is_finite():
            return iterate, state, Status.NOT_FINITE
        following, inner, status = self.solver.step(block, begin, state.inner)
        whole = theta + others.adjoint(following.theta - begin.theta)
        return Iterate(whole, following.f), replace(after, inner=inner), status

    def _left(
        self, objective: AbstractObjective, iterate: Iterate, others: AbstractRestriction
    ) -> tuple[AbstractObjective, Iterate]:
        """Return f as a function of all else, and the iterate there."""
        block = objective.restricted(others, iterate.theta)
        begin = Iterate(others(iterate.theta), iterate.f)
        return block, begin.with_gradient(block) if self.solver.needs_gradient else begin

    def _improved(
        self,
        objective: AbstractLeastSquares,
        theta: Tensor,
        outgoing: AbstractRestriction,
        state: SampledProjectionState,
    ) -> tuple[Tensor, SampledProjectionState]:
        """Return θ with c⁺, and the state that remembers this batch in place of the oldest one."""
        model: RootModel = objective.restricted(outgoing, theta).square_root(outgoing(theta))
        c, upper = outgoing(theta), model.triangle
        longest = self.ridge * upper.square().sum(0).max()
        ridge = longest if not state.steps else state.ridge
        eye = torch.eye(len(c), dtype=c.dtype, device=c.device)
        below = [(state.steps * ridge).sqrt() * eye, ridge.sqrt() * eye]
        rows = torch.cat([upper, *state.triangles, *below])
        right = torch.cat([-model.turned, c.new_zeros((len(state.triangles) + 1) * len(c)), -ridge.sqrt() * c])
        step = least_squares_solution(rows, right)
        triangles = torch.cat([state.triangles[1:], upper[None]])
        return theta + outgoing.adjoint(step), replace(state, triangles=triangles, ridge=ridge, steps=state.steps + 1)


def _parts(objective: AbstractObjective, size: int) -> tuple[AbstractRestriction, AbstractRestriction] | None:
    """Return the restrictions to outgoing weights and to all else, None where there is nothing to eliminate."""
    if not projectable(objective):
        return None
    outgoing, others = spans_by_kind(objective.structure)
    return restriction_of(outgoing, size), restriction_of(others, size)
