"""Plain torch: a loss as it is commonly written, with nested automatic differentiation, and torch.optim.LBFGS."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import torch
from job import Job, TimeIsUpError, Watch
from torch import Tensor, nn

ENDLESS = 10**9


class Peer:
    """Burgers' equation by hand."""

    versions = f"torch {torch.__version__}"

    def __init__(self, job: Job) -> None:
        modules: list[nn.Module] = []
        for weight, bias in job.layers():
            linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
            linear.weight.data.copy_(torch.from_numpy(weight))
            linear.bias.data.copy_(torch.from_numpy(bias))
            modules += [linear, nn.Tanh()]
        self._network = nn.Sequential(*modules[:-1])
        self._points = torch.from_numpy(job.points).requires_grad_()
        self._nu = job.nu
        self._parameters = list(self._network.parameters())

    def _field(self, points: Tensor) -> Tensor:
        t, x = points[:, :1], points[:, 1:]
        return -torch.sin(math.pi * x) + t * (1 - x**2) * self._network(points)

    def _closure(self) -> Tensor:
        u = self._field(self._points)
        first = torch.autograd.grad(u.sum(), self._points, create_graph=True)[0]
        u_t, u_x = first[:, :1], first[:, 1:]
        u_xx = torch.autograd.grad(u_x.sum(), self._points, create_graph=True)[0][:, 1:]
        loss = 0.5 * (u_t + u * u_x - self._nu * u_xx).square().mean()
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward(inputs=self._parameters)
        return loss

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Return loss and gradient."""
        loss = self._closure().item()
        return loss, np.concatenate([p.grad.numpy().ravel() for p in self._parameters if p.grad is not None])

    def train(self, seconds: float, memory: int | None) -> tuple[float, int, float]:
        """Train; return loss, evaluations of loss and gradient, and seconds."""
        optimiser = torch.optim.LBFGS(
            self._parameters,
            max_iter=ENDLESS,
            max_eval=ENDLESS,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=memory or 100,
            line_search_fn="strong_wolfe",
        )
        watch = Watch(self._parameters, seconds)
        taken, going = 0, True
        with contextlib.suppress(TimeIsUpError):
            while going:  # it returns where it can go no further; one more step from there tells whether that is so
                optimiser.step(watch.watched(self._closure))
                before, taken = taken, optimiser.state[self._parameters[0]]["n_iter"]
                going = taken > before + 1
        spent = watch.seconds
        watch.restore()
        return watch.loss, watch.evaluations, spent

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Return u at points (m, 2), shape (m,)."""
        with torch.no_grad():
            return self._field(torch.from_numpy(points))[:, 0].numpy()
