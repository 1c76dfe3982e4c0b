"""DeepXDE with its PyTorch backend: its network, its derivatives, its L-BFGS and its NysNewtonCG ("NNCG")."""

from __future__ import annotations

import contextlib
from typing import Any

import deepxde as dde
import numpy as np
import torch
from job import AbstractPeer, Job, TimeIsUpError, Trained, Watch

ENDLESS = 10**9
FIRST_SHARE = 0.5
"""Of its time NNCG spends this share on L-BFGS, after which its authors use it (Rathore et al. 2024)."""
INNER = 100
"""The most inner iterations of a step of NNCG, whose default of 1000 can take a minute."""

BreakdownError = torch.linalg.LinAlgError  # type: ignore[attr-defined]


class Peer(AbstractPeer):
    """A problem as DeepXDE states it, with hard conditions alone."""

    versions = f"deepxde {dde.__version__}, torch {torch.__version__}"

    def __init__(self, job: Job, method: str) -> None:
        super().__init__(job, method)
        dde.config.set_default_float("float64")
        equation = job.equation

        def residual(points: Any, u: Any) -> Any:
            first = [dde.grad.jacobian(u, points, i=0, j=axis) for axis in (0, 1)]
            axes = [1] if equation.evolution else [0, 1]
            second = [dde.grad.hessian(u, points, i=axis, j=axis) if axis in axes else 0 * u for axis in (0, 1)]
            return equation.residual(torch, points[:, :1], points[:, 1:], u, *first, *second)

        box = dde.geometry.Rectangle(equation.lower, equation.upper)
        data = dde.data.PDE(box, residual, [], anchors=job.points)
        network = dde.nn.FNN([int(width) for width in job.widths], "tanh", "Glorot normal")
        network.apply_output_transform(lambda points, n: equation.held(torch, points[:, :1], points[:, 1:], n))
        for linear, (weight, bias) in zip(network.linears, job.layers(), strict=True):
            linear.weight.data.copy_(torch.from_numpy(weight))
            linear.bias.data.copy_(torch.from_numpy(bias))
        self._model = dde.Model(data, network)
        self._parameters = list(network.parameters())
        self.unknowns = len(job.theta)
        self._compile("L-BFGS")
        if not np.array_equal(data.train_x, job.points):
            raise RuntimeError("DeepXDE trains on other points than those it was given.")

    def _compile(self, name: str) -> None:
        dde.optimizers.config.set_LBFGS_options(maxcor=100, ftol=0, gtol=0, maxiter=ENDLESS)
        dde.optimizers.config.set_NNCG_options(cgmaxiter=INNER)
        # the loss is the mean of r²; the weight makes it the other peers' ½ mean r²
        self._model.compile(name, loss="MSE", loss_weights=[0.5], verbose=0)

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Return loss and gradient, by the closure that DeepXDE hands to its optimiser."""
        found: list[float] = []
        kept, self._model.opt.step = self._model.opt.step, lambda closure: found.append(closure().item())
        self._model.train_step(*self._model.data.train_next_batch())
        self._model.opt.step = kept
        return found[0], np.concatenate([p.grad.numpy().ravel() for p in self._parameters if p.grad is not None])

    def train(self, seconds: float) -> Trained:
        """Train by L-BFGS, and then by NNCG where that is the method.

        DeepXDE calls its callbacks once in 1000 iterations of L-BFGS, which are minutes here; the time limit therefore
        ends the training at the closure, where evaluations are counted, too.
        """
        watch = Watch(self._parameters, seconds)
        if self.method == "nncg":
            self._phase(watch, FIRST_SHARE * seconds)
            watch.restore()
            self._compile("NNCG")
            self._guard(watch)
        self._phase(watch, seconds)
        return watch.stopped()

    def _phase(self, watch: Watch, until: float) -> None:
        step, watch.limit = self._model.opt.step, until
        self._model.opt.step = lambda closure: step(watch.watched(closure))
        # where NNCG's preconditioner breaks down the best point so far is what it has reached
        with contextlib.suppress(TimeIsUpError, BreakdownError), contextlib.redirect_stdout(None):
            self._model.train(iterations=ENDLESS, display_every=ENDLESS, verbose=0)

    def _guard(self, watch: Watch) -> None:
        """Let products with the Hessian heed the clock, and count each as two gradients."""
        product = self._model.opt._hvp

        def guarded(*given: Any) -> Any:
            watch.check()
            watch.evaluations += 2
            return product(*given)

        self._model.opt._hvp = guarded

    def predict(self, state: list[Any]) -> np.ndarray:
        """Return u on the grid for these parameters, (m,)."""
        for parameter, value in zip(self._parameters, state, strict=True):
            parameter.data.copy_(value)
        return np.asarray(self._model.predict(self.job.grid))[:, 0]
