"""A solver that lowers the loss by the same factor in every step."""

from __future__ import annotations

import torch
from dense_least_squares import Linear

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import AbstractSolver, Status


class Shrinking(AbstractSolver):
    """θ ← factor·θ, so that ½‖θ‖² falls by −2 ln(factor); it ends by itself after `last` steps."""

    def __init__(self, factor: float, last: int = 1000) -> None:
        self.factor, self.last, self.seen = factor, last, 0

    def init(self, objective: AbstractObjective, iterate: Iterate) -> int:
        return 0

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: int) -> int:
        self.seen += 1
        return state

    def step(self, objective: AbstractObjective, iterate: Iterate, state: int) -> tuple[Iterate, int, Status]:
        status = Status.RUNNING if state + 1 < self.last else Status.AT_ROUNDING
        return objective.at(self.factor * iterate.theta), state + 1, status


def norm() -> Linear:
    """½‖θ‖²."""
    objective = Linear()
    objective.A, objective.b = torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    return objective


START = torch.ones(3, dtype=torch.float64)
