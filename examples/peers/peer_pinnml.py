"""pinnml as it comes, `pm.solve(problem, seconds=…)`: its own network, points and method."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from job import AbstractPeer, Clock, Job, Trace, Trained

import pinnml as pm
from pinnml import problems
from pinnml.approximation import field_values
from pinnml.run.keeper import History


class Peer(AbstractPeer):
    """The default, without the reference: where pinnml could compute an error, the solution is kept for later."""

    versions = f"pinnml {pm.__version__}, torch {torch.__version__}"

    def __init__(self, job: Job, method: str = "default") -> None:
        super().__init__(job, method)
        self._problem = problems.get(job.problem)
        self._problem.reference = None
        self.unknowns = 0

    def train(self, seconds: float) -> Trained:
        """Solve, and keep the best solutions on the way."""
        clock, trace = Clock(), Trace()

        def keep(history: History, progress: Any, best: Any) -> None:
            trace.note(clock.seconds, lambda: best[:2])

        with patch.object(History, "_score", keep):
            solution = pm.solve(self._problem, seconds=seconds, seed=self.job.seed, progress=False)
        spent, last = clock.seconds, solution.history[-1]
        trace.note(spent, lambda: (solution.network, solution.theta), last=True)
        self.unknowns = len(solution.theta)
        return Trained(last.loss, last.evaluations, spent, trace)

    def predict(self, state: Any) -> np.ndarray:
        """Return u on the grid for a network and its parameters, (m,)."""
        network, theta = state
        return np.asarray(field_values(self._problem, network, theta, torch.from_numpy(self.job.grid), ["u"])[0])
