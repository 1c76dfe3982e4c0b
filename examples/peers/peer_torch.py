"""Plain torch: a loss as it is commonly written, with nested automatic differentiation, and torch.optim.LBFGS."""

from __future__ import annotations

import contextlib

import numpy as np
import torch
from job import AbstractPeer, Job, TimeIsUpError, Trained, Watch
from torch import Tensor, nn

ENDLESS = 10**9


class Peer(AbstractPeer):
    """A problem by hand."""

    versions = f"torch {torch.__version__}"

    def __init__(self, job: Job, method: str = "lbfgs") -> None:
        super().__init__(job, method)
        modules: list[nn.Module] = []
        for weight, bias in job.layers():
            linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
            linear.weight.data.copy_(torch.from_numpy(weight))
            linear.bias.data.copy_(torch.from_numpy(bias))
            modules += [linear, nn.Tanh()]
        self._network = nn.Sequential(*modules[:-1])
        self._points = torch.from_numpy(job.points).requires_grad_()
        self._parameters = list(self._network.parameters())
        self.unknowns = len(job.theta)

    def _field(self, points: Tensor) -> Tensor:
        u: Tensor = self.job.equation.held(torch, points[:, :1], points[:, 1:], self._network(points))
        return u

    def _closure(self) -> Tensor:
        u = self._field(self._points)
        first = torch.autograd.grad(u.sum(), self._points, create_graph=True)[0]
        u_a, u_b = first[:, :1], first[:, 1:]
        u_aa, u_bb = (
            torch.autograd.grad(part.sum(), self._points, create_graph=True)[0][:, axis : axis + 1]
            if axis or not self.job.equation.evolution
            else torch.zeros_like(u)
            for axis, part in enumerate((u_a, u_b))
        )
        points = self._points[:, :1], self._points[:, 1:]
        loss: Tensor = 0.5 * self.job.equation.residual(torch, *points, u, u_a, u_b, u_aa, u_bb).square().mean()
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward(inputs=self._parameters)
        return loss

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Return loss and gradient."""
        loss = self._closure().item()
        return loss, np.concatenate([p.grad.numpy().ravel() for p in self._parameters if p.grad is not None])

    def train(self, seconds: float) -> Trained:
        """Train by L-BFGS until the time is over."""
        optimiser = torch.optim.LBFGS(
            self._parameters,
            max_iter=ENDLESS,
            max_eval=ENDLESS,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=100,
            line_search_fn="strong_wolfe",
        )
        watch = Watch(self._parameters, seconds)
        taken, going = 0, True
        with contextlib.suppress(TimeIsUpError):
            while going:  # it returns where it can go no further; one more step from there tells whether that is so
                optimiser.step(watch.watched(self._closure))
                before, taken = taken, optimiser.state[self._parameters[0]]["n_iter"]
                going = taken > before + 1
        return watch.stopped()

    def predict(self, state: list[Tensor]) -> np.ndarray:
        """Return u on the grid for these parameters, (m,)."""
        for parameter, value in zip(self._parameters, state, strict=True):
            parameter.data.copy_(value)
        with torch.no_grad():
            return self._field(torch.from_numpy(self.job.grid))[:, 0].numpy()
