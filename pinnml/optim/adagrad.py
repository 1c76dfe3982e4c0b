"""AdaGrad as a method that needs no values of f."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.solver import AbstractSolver, moved
from pinnml.optim.status import Status
from pinnml.settings import Above, Shape, record, setting


@record
class AdaGradState:
    """The sum of the squares of all gradients so far, shape (p,)."""

    squares: Annotated[Tensor, Shape(("p",))]


@setting
class AdaGrad(AbstractSolver):
    """θ⁺ = θ − η∇f/w with w = √(σ + Σ∇f²), entry by entry; f is not looked at, and may rise.

    A trust-region method with the box |s_i| ≤ η|∂_if|/w_i that never tests a step (Gratton, Jerad, Toint, 2022; Duchi,
    Hazan, Singer 2011). A step to a point that is not finite is undone and ends the run with that reason.

    Parameters
    ----------
    rate : float, default 0.1
        η, the length of a first step in each parameter (the parameters' units), above 0.
    floor : float, default 1e-10
        σ, in units of ∇f², above 0.
    """

    rate: Annotated[float, Above(0)] = 0.1
    floor: Annotated[float, Above(0)] = 1e-10

    def init(self, objective: AbstractObjective, iterate: Iterate) -> AdaGradState:
        """Return zero."""
        return AdaGradState(torch.zeros_like(iterate.theta))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: AdaGradState) -> AdaGradState:
        """Keep the sum, unless θ has another length."""
        return state if len(state.squares) == len(iterate.theta) else self.init(objective, iterate)

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: AdaGradState, sources: Tensor
    ) -> AdaGradState:
        """Keep the sums; those of new parameters are zero."""
        return AdaGradState(moved(state.squares, sources))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: AdaGradState
    ) -> tuple[Iterate, AdaGradState, Status]:
        """Take one step: one evaluation."""
        if iterate.norm == 0:
            return iterate, state, Status.CONVERGED
        squares = state.squares + iterate.grad.square()
        following = objective.at(iterate.theta - self.box(iterate.grad, squares))
        if not following.is_finite():
            return iterate, state, Status.NOT_FINITE
        return following, AdaGradState(squares), Status.RUNNING

    def box(self, gradient: Tensor, squares: Tensor) -> Tensor:
        """Return η∇f/w, whose entries are those of the box, with the gradient's signs; `squares` is Σ∇f²."""
        return self.rate * gradient / (self.floor + squares).sqrt()
