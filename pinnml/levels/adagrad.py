"""Multilevel AdaGrad: coarse steps inside the fine level's box, and no values of f."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

import torch
from torch import Tensor

from pinnml.levels.level import consistent
from pinnml.objective import AbstractCoarsening, AbstractObjective, Iterate, ShareOfPoints
from pinnml.optim import AbstractSolver, AdaGrad, Status, moved
from pinnml.settings import Between, Count, Shape, record, setting


@record
class AdaGradLevelsState:
    """Σ∇f² of a level, shape (p,), and the same of the level below, None before it was visited."""

    squares: Annotated[Tensor, Shape(("p",))]
    below: Any = None


@setting
class MultilevelAdaGrad(AbstractSolver):
    """AdaGrad's steps, each after one that coarse levels propose: both inside the box |s_i| ≤ η|∂_if|/w_i; f may rise.

    The coarse objective is tilted to agree with f to first order at Πθ, and takes `steps` steps of this very method on
    the remaining rules. P times what comes of it is cut to the box, and taken if it promises at least κ of what a step
    of AdaGrad does: −⟨∇f, s⟩ ≥ κΣ|∂_if|η|∂_if|/w_i. Values are never looked at, so that renewed points do no harm.
    Source: Gratton, Kopaničáková, Toint, Multilevel objective-function-free optimization with an application to neural
    networks training, SIAM J. Optim. 33(4), 2023, arXiv 2302.07049.

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default (ShareOfPoints(0.25),)
        What makes each level from the one above it; none for AdaGrad itself.
    fine : AdaGrad, default AdaGrad()
        η and σ, on all levels.
    steps : int, default 3
        Steps of a coarse level for one of its proposals.
    share : float, default 0.1
        κ (dimensionless), from 0 to 1.
    """

    rules: tuple[AbstractCoarsening, ...] = (ShareOfPoints(0.25),)
    fine: AdaGrad = field(default_factory=AdaGrad)
    steps: Count = 3
    share: Annotated[float, Between(0, 1)] = 0.1

    def init(self, objective: AbstractObjective, iterate: Iterate) -> AdaGradLevelsState:
        """Return zero."""
        return AdaGradLevelsState(torch.zeros_like(iterate.theta))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: AdaGradLevelsState) -> AdaGradLevelsState:
        """Keep the sums, unless θ has another length."""
        return state if len(state.squares) == len(iterate.theta) else self.init(objective, iterate)

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: AdaGradLevelsState, sources: Tensor
    ) -> AdaGradLevelsState:
        """Keep the finest sums; those of new parameters are zero, and so are those of other levels."""
        return AdaGradLevelsState(moved(state.squares, sources))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: AdaGradLevelsState
    ) -> tuple[Iterate, AdaGradLevelsState, Status]:
        """Take a coarse step and one of AdaGrad."""
        if iterate.norm == 0:
            return iterate, state, Status.CONVERGED
        reached, after = self._cycle(objective, iterate, state, self.rules)
        return (reached, after, Status.RUNNING) if reached.is_finite() else (iterate, state, Status.NOT_FINITE)

    def _cycle(
        self,
        objective: AbstractObjective,
        iterate: Iterate,
        state: AdaGradLevelsState,
        rules: tuple[AbstractCoarsening, ...],
    ) -> tuple[Iterate, AdaGradLevelsState]:
        """Take a coarse step on the remaining rules, and one of AdaGrad, on any level."""
        squares, below = state.squares + iterate.grad.square(), state.below
        step, below = self._coarse(objective, iterate, squares, below, rules)
        if step is not None:
            iterate = objective.at(iterate.theta + step)
            squares = squares + iterate.grad.square()
        return objective.at(iterate.theta - self.fine.box(iterate.grad, squares)), AdaGradLevelsState(squares, below)

    def _coarse(
        self,
        objective: AbstractObjective,
        iterate: Iterate,
        squares: Tensor,
        state: AdaGradLevelsState | None,
        rules: tuple[AbstractCoarsening, ...],
    ) -> tuple[Tensor | None, AdaGradLevelsState | None]:
        """Return the step of the level below inside the box, None where it promises too little."""
        coarse = objective.coarse(rules[0], iterate.theta) if rules else None
        if coarse is None:
            return None, state
        start, model = consistent(coarse, iterate, coarse.restriction(iterate.grad))
        state = AdaGradLevelsState(torch.zeros_like(start.theta)) if state is None else state
        reached = start
        for _ in range(self.steps):
            reached, state = self._cycle(model, reached, state, rules[1:])
        box = self.fine.box(iterate.grad, squares).abs()
        step = coarse.restriction.adjoint(reached.theta - start.theta).clamp(-box, box)
        promise, wanted = iterate.read(-iterate.grad.dot(step), iterate.grad.abs().dot(box))
        # NaN compares false
        return (step if promise >= self.share * wanted else None), state
