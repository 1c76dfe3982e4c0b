"""pinnml: derivatives carried forward through the layers, its own L-BFGS."""

from __future__ import annotations

import numpy as np
import torch
from job import Job

import pinnml as pm
from pinnml import problems
from pinnml.loss import Discretisation, PinnObjective
from pinnml.points import given


class Peer:
    """Burgers' equation as pinnml states it."""

    versions = f"pinnml {pm.__version__}, torch {torch.__version__}"

    def __init__(self, job: Job) -> None:
        problem = problems.get("burgers")
        width, depth = int(job.widths[1]), len(job.widths) - 2
        network = pm.MLP(width=width, depth=depth, embedding=pm.networks.Identity())
        points = {"pde": torch.from_numpy(job.points)}
        domain = problem.domain
        self._network = network.bind(domain.names, domain.lower, domain.upper, len(problem.fields))
        self._problem = problem
        self._objective = PinnObjective(problem, Discretisation(self._network, given(problem, points)))
        self._theta = torch.from_numpy(job.theta)

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Return loss and gradient."""
        iterate = self._objective.at(self._theta)
        return float(iterate.f), iterate.grad.numpy()

    def train(self, seconds: float, memory: int | None) -> tuple[float, int, float]:
        """Train; return loss, evaluations of loss and gradient, and seconds."""
        solver = pm.LBFGS() if memory is None else pm.LBFGS(memory=memory)
        result = pm.optim.minimise(self._objective, self._theta, solver, pm.Seconds(seconds))
        self._theta = result.iterate.theta
        return float(result.iterate.f), result.nfev, result.seconds

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Return u at points (m, 2), shape (m,)."""
        from pinnml.approximation import field_values

        values = field_values(self._problem, self._network, self._theta, torch.from_numpy(points), ["u"])
        return np.asarray(values[0])
