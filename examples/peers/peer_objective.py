"""One solver of pinnml, L-BFGS or plain Levenberg–Marquardt, on the network and the points that peers are given."""

from __future__ import annotations

import numpy as np
import torch
from job import AbstractPeer, Clock, Job, Trace, Trained

import pinnml as pm
from pinnml import problems
from pinnml.approximation import field_values
from pinnml.loss import Discretisation, PinnObjective
from pinnml.points import given

SOLVERS = {"lbfgs": pm.LBFGS(memory=100), "lm": pm.LevenbergMarquardt(geodesic=False)}


class Peer(AbstractPeer):
    """A problem as pinnml states it, without subdomains, readouts or renewal of points."""

    versions = f"pinnml {pm.__version__}, torch {torch.__version__}"

    def __init__(self, job: Job, method: str) -> None:
        super().__init__(job, method)
        self._problem = problems.get(job.problem)
        width, depth = int(job.widths[1]), len(job.widths) - 2
        network = pm.MLP(width=width, depth=depth, embedding=pm.networks.Identity())
        points = {"pde": torch.from_numpy(job.points)}
        domain = self._problem.domain
        self._network = network.bind(domain.names, domain.lower, domain.upper, len(self._problem.fields))
        self._objective = PinnObjective(self._problem, Discretisation(self._network, given(self._problem, points)))
        self._theta = torch.from_numpy(job.theta)
        self.unknowns = len(job.theta)

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Return loss and gradient."""
        iterate = self._objective.at(self._theta)
        return float(iterate.f), iterate.grad.numpy()

    def train(self, seconds: float) -> Trained:
        """Train, and keep the iterates."""
        clock, trace = Clock(), Trace()

        def follow(progress: pm.optim.Progress) -> None:
            trace.note(clock.seconds, lambda: progress.iterate.theta)

        result = pm.optim.minimise(
            self._objective, self._theta, SOLVERS[self.method], pm.Seconds(seconds), callback=follow
        )
        spent = clock.seconds
        trace.note(spent, lambda: result.iterate.theta, last=True)
        return Trained(float(result.iterate.f), result.nfev, spent, trace)

    def predict(self, state: torch.Tensor) -> np.ndarray:
        """Return u on the grid for these parameters, (m,)."""
        values = field_values(self._problem, self._network, state, torch.from_numpy(self.job.grid), ["u"])
        return np.asarray(values[0])
