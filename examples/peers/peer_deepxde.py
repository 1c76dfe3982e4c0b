"""DeepXDE with its PyTorch backend: its network, its derivatives, its L-BFGS."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import deepxde as dde
import numpy as np
import torch
from job import Job, TimeIsUpError, Watch

ENDLESS = 10**9


class Peer:
    """Burgers' equation as DeepXDE states it, with coordinates (t, x) and hard conditions alone."""

    versions = f"deepxde {dde.__version__}, torch {torch.__version__}"

    def __init__(self, job: Job) -> None:
        dde.config.set_default_float("float64")

        def residual(points: Any, u: Any) -> Any:
            u_t, u_x = (dde.grad.jacobian(u, points, i=0, j=axis) for axis in (0, 1))
            return u_t + u * u_x - job.nu * dde.grad.hessian(u, points, i=1, j=1)

        def held(points: Any, network: Any) -> Any:
            t, x = points[:, :1], points[:, 1:]
            return -torch.sin(math.pi * x) + t * (1 - x**2) * network

        box = dde.geometry.Rectangle([0, -1], [1, 1])
        data = dde.data.PDE(box, residual, [], anchors=job.points)
        network = dde.nn.FNN([int(width) for width in job.widths], "tanh", "Glorot normal")
        network.apply_output_transform(held)
        for linear, (weight, bias) in zip(network.linears, job.layers(), strict=True):
            linear.weight.data.copy_(torch.from_numpy(weight))
            linear.bias.data.copy_(torch.from_numpy(bias))
        self._model = dde.Model(data, network)
        self._parameters = list(network.parameters())
        self._compile(100)
        if not np.array_equal(data.train_x, job.points):
            raise RuntimeError("DeepXDE trains on other points than those it was given.")

    def _compile(self, memory: int) -> None:
        dde.optimizers.config.set_LBFGS_options(maxcor=memory, ftol=0, gtol=0, maxiter=ENDLESS)
        # the loss is the mean of r²; the weight makes it the other peers' ½ mean r²
        self._model.compile("L-BFGS", loss="MSE", loss_weights=[0.5], verbose=0)

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Return loss and gradient, by the closure that DeepXDE hands to its optimiser."""
        found: list[float] = []
        kept, self._model.opt.step = self._model.opt.step, lambda closure: found.append(closure().item())
        self._model.train_step(*self._model.data.train_next_batch())
        self._model.opt.step = kept
        return found[0], np.concatenate([p.grad.numpy().ravel() for p in self._parameters if p.grad is not None])

    def train(self, seconds: float, memory: int | None) -> tuple[float, int, float]:
        """Train; return loss, evaluations of loss and gradient, and seconds.

        DeepXDE calls its callbacks once in 1000 iterations of L-BFGS, which are minutes here; the time limit therefore
        ends the training at the closure, where evaluations are counted, too.
        """
        self._compile(memory or 100)
        watch = Watch(self._parameters, seconds)
        step = self._model.opt.step
        self._model.opt.step = lambda closure: step(watch.watched(closure))
        with contextlib.suppress(TimeIsUpError):
            self._model.train(verbose=0)
        spent = watch.seconds
        watch.restore()
        return watch.loss, watch.evaluations, spent

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Return u at points (m, 2), shape (m,)."""
        return np.asarray(self._model.predict(points))[:, 0]
