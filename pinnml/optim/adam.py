"""Adam as a solver, by torch's own implementation."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated

import torch
from torch import Tensor
from torch.optim.adam import adam

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.line_search import Search
from pinnml.optim.quasi_newton import Plateau, ended
from pinnml.optim.solver import AbstractSolver, moved
from pinnml.optim.status import Status
from pinnml.settings import Above, AtLeast, Shape, record, setting


@record
class AdamState:
    """First and second moments (p,), the number of steps taken (a 0-dimensional tensor), and what a search knows.

    `plateau` is how long nothing but rounding has changed, where there is a search.
    """

    first: Annotated[Tensor, Shape(("p",))]
    second: Annotated[Tensor, Shape(("p",))]
    steps: Annotated[Tensor, Shape(), AtLeast(0)]
    known: float = 0.0
    plateau: Plateau = field(default_factory=Plateau)


@setting
class Adam(AbstractSolver):
    """Adam (Kingma, Ba 2015, algorithm 1); one step is one evaluation, and the loss may rise.

    A step to a point that is not finite is undone and ends the run with that reason. With a `search` the step is α
    times Adam's, or, where that is no direction of descent, α times that without momentum, −rate·∇f/(√v̂ + ε); the loss
    then never rises.

    Parameters
    ----------
    rate : float, default 1e-3
        The length of a step in each parameter (the parameters' units), above 0.
    betas : pair of float, default (0.9, 0.999)
        What is kept of the first and second moments from step to step (dimensionless).
    epsilon : float, default 1e-8
        What is added to the root of the second moment, in units of the gradient.
    search : Search or None, default None
        How far to go along Adam's step; None for α = 1, without a look at f.
    """

    rate: Annotated[float, Above(0)] = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    search: Search | None = None

    def init(self, objective: AbstractObjective, iterate: Iterate) -> AdamState:
        """Return zero moments."""
        zero = torch.zeros_like(iterate.theta)
        return AdamState(
            zero, zero, torch.zeros((), dtype=torch.float32, device="cpu"), plateau=Plateau().after(iterate)
        )

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: AdamState) -> AdamState:
        """Keep the moments, averages over many evaluations, unless θ has another length."""
        if len(state.first) != len(iterate.theta):
            return self.init(objective, iterate)
        return replace(state, plateau=Plateau().after(iterate))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: AdamState, sources: Tensor
    ) -> AdamState:
        """Keep the moments; those of new parameters are zero."""
        first, second = moved(state.first, sources), moved(state.second, sources)
        return AdamState(first, second, state.steps, state.known, Plateau().after(iterate))

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
        after = replace(state, first=first, second=second, steps=steps)
        if self.search is not None:
            return self._searched(objective, iterate, theta - iterate.theta, after, self.search)
        following = objective.at(theta)
        if not following.is_finite():
            return iterate, state, Status.NOT_FINITE
        return following, after, Status.RUNNING

    def _searched(
        self, objective: AbstractObjective, iterate: Iterate, direction: Tensor, state: AdamState, search: Search
    ) -> tuple[Iterate, AdamState, Status]:
        """Go along Adam's step as far as the search says; one that fails drops the moments, or ends the run."""
        (slope,), follows = iterate.read(iterate.grad.dot(direction)), float(state.steps) > 1
        if not slope < 0:
            deviation = (state.second / (1 - self.betas[1] ** float(state.steps))).sqrt()
            direction = -self.rate * iterate.grad / (deviation + self.epsilon)
            slope = float(iterate.grad.dot(direction))
        if not -float("inf") < slope < 0:
            return iterate, self.init(objective, iterate), Status.RUNNING if follows else Status.CONVERGED
        first = search.opening(state.known, direction, slope) if state.known else 1.0
        found = search(objective, iterate, direction, slope, first)
        descent = ended(iterate, direction, found, state.plateau, follows)
        known = search.learned(state.known, iterate, direction, slope, found)
        after = state if found.step > 0 else self.init(objective, iterate)
        return descent.iterate, replace(after, known=known, plateau=descent.plateau), descent.status
