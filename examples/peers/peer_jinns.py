"""jinns: its network, its loss, and its self-scaled Broyden method with optax's zoom line search.

`jinns.solve` knows no clock and compiles anew whenever it is called, so that its loop is written out here: what it does
in an iteration, a few iterations a call. Loss and gradient at an iterate are taken from the search that found it.
"""

from __future__ import annotations

import math
import warnings
from importlib.metadata import version
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from equations import Equation
from jinns.data._Batchs import PDEStatioBatch
from jinns.loss import LossPDEStatio, LossWeightsPDEStatio, PDEStatio
from jinns.nn import PINN_MLP
from jinns.optimizers import scale_by_SSBroyden_family
from jinns.parameters import Params
from job import AbstractPeer, Clock, Job, Trace, Trained

jax.config.update("jax_enable_x64", True)
ITERATIONS = 5
"""Iterations a call, between which the clock is looked at."""


def stated(problem: Equation) -> PDEStatio:
    """Return a problem as a loss of jinns; time is one coordinate among two, since conditions are hard."""

    class Residual(PDEStatio):
        def equation(self, x: Any, u: Any, params: Any) -> Any:
            """Return r at a point (2,), shape (1,), from nested forward derivatives."""

            def along(axis: int) -> tuple[Any, Any]:
                unit = jnp.eye(2)[axis]
                return jax.jvp(lambda p: jax.jvp(lambda q: u(q, params), (p,), (unit,))[1], (x,), (unit,))

            (u_a, u_aa), (u_b, u_bb) = along(0), along(1)
            return problem.residual(jnp, x[0], x[1], u(x, params), u_a, u_b, u_aa, u_bb)

    return Residual()


class Peer(AbstractPeer):
    """A problem as jinns states it."""

    versions = ", ".join(f"{name} {version(name)}" for name in ("jinns", "jax", "optax"))

    def __init__(self, job: Job, method: str) -> None:
        super().__init__(job, method)
        self._network, self._start = self._made(job)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses conditions on the boundary, which are hard
            self._loss = LossPDEStatio(
                u=self._network, dynamic_loss=stated(job.equation), loss_weights=LossWeightsPDEStatio(dyn_loss=0.5),
                params=self._start,
            )  # fmt: skip
        self._batch = PDEStatioBatch(domain_batch=jnp.asarray(job.points), border_batch=None)
        self._optimiser = scale_by_SSBroyden_family()
        state = self._optimiser.init(self._start)
        self._both = jax.jit(jax.value_and_grad(self._value))
        self._iterations = jax.jit(self._iterate).lower(self._start, state, *self._both(self._start)).compile()
        self._field = jax.jit(lambda params: jax.vmap(lambda x: self._network(x, params)[0])(jnp.asarray(job.grid)))
        self.unknowns = len(job.theta)

    @staticmethod
    def _made(job: Job) -> tuple[Any, Any]:
        shapes = [(eqx.nn.Linear, int(a), int(b)) for a, b in zip(job.widths[:-1], job.widths[1:], strict=True)]
        layers = [entry for shape in shapes for entry in (shape, (jax.nn.tanh,))][:-1]
        network, values = PINN_MLP.create(
            eq_type="PDEStatio", key=jax.random.PRNGKey(0), eqx_list=tuple(layers),
            output_transform=lambda x, out, params: job.equation.held(jnp, x[0], x[1], out),
        )  # fmt: skip
        flat = [jnp.asarray(part) for weight, bias in job.layers() for part in (weight, bias)]
        return network, Params(nn_params=jax.tree.unflatten(jax.tree.structure(values), flat), eq_params={})

    def _value(self, params: Any) -> Any:
        return self._loss.evaluate(params, self._batch)[0]

    def _iterate(self, params: Any, state: Any, value: Any, grad: Any) -> tuple[Any, Any, Any, Any, Any]:
        def one(index: int, carry: Any) -> Any:
            params, state, value, grad, count = carry
            updates, state = self._optimiser.update(
                grad, state, params, value=value, grad_pt=grad, value_fn=self._value, grad_fn=jax.grad(self._value)
            )
            search = state.linesearch_state
            count += search.info.num_linesearch_steps + 1
            return optax.apply_updates(params, updates), state, search.value, search.grad, count

        return jax.lax.fori_loop(0, ITERATIONS, one, (params, state, value, grad, 0))

    def evaluate(self) -> tuple[float, np.ndarray]:
        """Return loss and gradient."""
        value, grad = self._both(self._start)
        return float(value), np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(grad)])

    def train(self, seconds: float) -> Trained:
        """Train until the time is over or the loss no longer falls; where it is not finite, begin anew with H = 1."""
        clock, trace, params, count = Clock(), Trace(), self._start, 0
        state, (value, grad) = self._optimiser.init(params), self._both(params)
        fresh = True
        while clock.seconds < seconds:
            reached, state, after, slope, more = self._iterations(params, state, value, grad)
            count += int(more)
            if math.isfinite(after) and after < value:
                params, value, grad, fresh = reached, after, slope, False
                trace.note(clock.seconds, lambda kept=params: kept)  # type: ignore[misc]
            elif fresh:
                break
            else:
                state, (value, grad), fresh = self._optimiser.init(params), self._both(params), True
        trace.note(clock.seconds, lambda: params, last=True)
        return Trained(float(value), count, trace.times[-1], trace)

    def predict(self, state: Any) -> np.ndarray:
        """Return u on the grid for these parameters, (m,)."""
        return np.asarray(self._field(state))
