"""What is done on one block: some steps of any solver on the restricted objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pinnml.objective import AbstractLeastSquares, AbstractObjective
from pinnml.optim import AbstractSolver, LevenbergMarquardt, Status


@dataclass(frozen=True)
class Improved:
    """A block's parameters after its local solve, f there, the solver's state, and whether the loss fell."""

    x: Tensor
    f: Tensor
    state: Any
    success: bool


@dataclass(frozen=True)
class Local:
    """`steps` steps of a solver, begun afresh each time, but for dampings: secant pairs of another θ are stale.

    Reaching the step limit is no failure; a solver that could not lower the loss leaves the block as it is.
    """

    solver: AbstractSolver
    steps: int = 1

    def solve(self, objective: AbstractObjective, x: Tensor, f: Tensor, state: Any) -> Improved:
        """Improve x from a known f; `state` is the one returned last, None at first."""
        if isinstance(self.solver, LevenbergMarquardt) and isinstance(objective, AbstractLeastSquares):
            return self._damped(self.solver, objective, x, state)
        iterate = objective.at(x)
        state = self.solver.init(objective, iterate)
        for _ in range(self.steps):
            iterate, state, status = self.solver.step(objective, iterate, state)
            if status is not Status.RUNNING:
                break
        if not float(iterate.f) < float(f):
            return Improved(x, f, None, False)
        return Improved(iterate.theta, iterate.f, None, True)

    def _damped(self, solver: LevenbergMarquardt, objective: AbstractLeastSquares, x: Tensor, state: Any) -> Improved:
        """Levenberg–Marquardt needs no gradient beforehand, and its damping is worth keeping from sweep to sweep."""
        state = solver.start(x) if state is None else state
        improved, f = False, None
        for _ in range(self.steps):
            x, f, state, status = solver.improved(objective, x, state)
            if status is not Status.RUNNING:
                break
            improved = True
        assert f is not None
        return Improved(x, f, state, improved)
