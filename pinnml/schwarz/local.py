"""What is done on one block: some steps of any solver on the restricted objective."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pinnml.objective import AbstractObjective
from pinnml.optim import AbstractSolver, Improved
from pinnml.settings import at_least, setting


@setting
class Local:
    """`steps` steps of a solver on one block; what of its state outlives an inner solve is the solver's to say."""

    solver: AbstractSolver
    steps: int = 1

    def __post_init__(self) -> None:
        at_least(self, 1, "steps")

    def solve(self, objective: AbstractObjective, x: Tensor, f: Tensor, state: Any) -> Improved:
        """Improve x from a known f; `state` is the one returned last, None at first."""
        return self.solver.improve(objective, x, f, state, self.steps)
