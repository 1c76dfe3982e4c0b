"""Adam as a solver, by torch's own implementation."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.optim.adam import adam

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.solver import AbstractSolver, moved
from pinnml.optim.status import Status
from pinnml.settings import Above, record, setting


@record
class AdamState:
    """First and second moments (p,) and the number of steps taken (a 0-dimensional tensor)."""

    first: Tensor
    second: Tensor
    steps: Tensor


@setting
class Adam(AbstractSolver):
    """Adam (Kingma, Ba 2015, algorithm 1); one step is one evaluation, and the loss may rise.

    A step to a point that is not finite is undone and ends the run with that reason.

    Parameters
    ----------
    rate : float, default 1e-3
        The length of a step in each parameter (the parameters' units), above 0.
    betas : pair of float, default (0.9, 0.999)
        What is kept of the first and second moments from step to step (dimensionless).
    epsilon : float, default 1e-8
        What is added to the root of the second moment, in units of the gradient.
    """

    rate: Annotated[float, Above(0)] = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def init(self, objective: AbstractObjective, iterate: Iterate) -> AdamState:
        """Return zero moments."""
        zero = torch.zeros_like(iterate.theta)
        return AdamState(zero, zero, torch.zeros((), dtype=torch.float32))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: AdamState) -> AdamState:
        """Keep the moments, averages over many evaluations, unless θ has another length."""
        return state if len(state.first) == len(iterate.theta) else self.init(objective, iterate)

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: AdamState, sources: Tensor
    ) -> AdamState:
        """Keep the moments; those of new parameters are zero."""
        return AdamState(moved(state.first, sources), moved(state.second, sources), state.steps)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: AdamState
    ) -> tuple[Iterate, AdamState, Status]:
        """Take one step."""
        theta, first, second = iterate.theta.clone(), state.first.clone(), state.second.clone()
        steps = state.steps.clone()
        with torch.no_grad():
            adam(
                [theta], [iterate.grad], [first], [second], [], [steps],
                amsgrad=False, beta1=self.betas[0], beta2=self.betas[1],
                lr=self.rate, weight_decay=0.0, eps=self.epsilon, maximize=False,
            )  # fmt: skip
        following = objective.at(theta)
        if not following.is_finite():
            return iterate, state, Status.NOT_FINITE
        return following, AdamState(first, second, steps), Status.RUNNING
