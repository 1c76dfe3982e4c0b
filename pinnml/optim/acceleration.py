"""Steps bent along the curvature of the residual, and chord steps after them."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from torch import Tensor

from pinnml.objective import AbstractGaussNewton, Iterate, Observed
from pinnml.optim.linear import AbstractSystem, Factor
from pinnml.settings import Above, AtLeast, setting

PATIENCE = 3
"""Chord steps in a row that did not lower f, after which there are no more."""

CONTRACTION = 0.9
"""A chord step that leaves more than this share of f is the last one: the next gains less than it costs."""


@setting
class Geodesic:
    """A step d becomes d + a + Σb, bent along the residual's curvature and corrected by chord steps.

    The acceleration a comes from (JᵀJ + λD)a = −½Jᵀr_vv, and a step is taken only if 2‖D^½a‖ < `bend`·‖D^½d‖
    (Transtrum, Sethna 2012, arXiv 1201.5885). r_vv is the second derivative of r along d, by a difference:
    Jᵀr_vv ≈ (2/h)((Jᵀr(θ + hd) − Jᵀr)/h − JᵀJd). Then come chord steps with the same factor,
    (JᵀJ + λD)b = −(Jᵀr(θ + δ) + λDd) for the step δ so far: they take out the orders of r along δ beyond the second,
    so that Jᵀr becomes what the linear model said. They cost a residual and a product each, and make steps with much
    less damping succeed (docs/experiments.md).

    Parameters
    ----------
    chord_steps : int, default 8
        The most chord steps.
    difference : float, default 0.1
        h (dimensionless), above 0.
    bend : float or None, default 0.75
        The largest bend of a step that is taken (dimensionless), above 0; None for chord steps alone, from θ + d, where
        J changes so little that a full step and its corrections are worth more than many short ones.
    """

    chord_steps: Annotated[int, AtLeast(0)] = 8
    difference: Annotated[float, Above(0)] = 0.1
    bend: Annotated[float, Above(0)] | None = 0.75

    def bent(
        self, objective: AbstractGaussNewton, theta: Tensor, system: AbstractSystem, factor: Factor, scale: Tensor
    ) -> Tensor | None:
        """Return θ + d + a, shape (p,); None where the step bends too much, or the solve for a has failed."""
        h, step = self.difference, factor.step
        if self.bend is None:
            return theta + step

        def evaluate() -> tuple[Tensor | None, tuple[Tensor, ...]]:
            ahead = objective.pull_back(theta, objective.observe(theta + h * step))
            curvature = (2 / h) * ((ahead - system.grad) / h - factor.curved)
            acceleration = factor.solve(-0.5 * curvature)
            return acceleration, (() if acceleration is None else (bending(scale, step, acceleration),))

        acceleration, bends = objective.reading(evaluate)
        # NaN compares false
        if acceleration is None or not bends[0] < self.bend:
            return None
        return theta + step + acceleration

    def corrected(
        self, objective: AbstractGaussNewton, theta: Tensor, begin: float, factor: Factor, reached: Tensor
    ) -> Iterate:
        """Return the lowest point of the chord steps, which end where they no longer lower f, or not below `begin`."""
        point, (f,) = objective.reading(lambda: _seen(objective.observe(reached)))
        best, before, poor = Iterate(point.theta, point.f).knowing(f), f, 0
        for left in reversed(range(self.chord_steps)):
            if before == 0:
                break
            following, numbers = objective.reading(partial(_chord_step, objective, theta, factor, point))
            if following is None:
                break
            point, (f,) = following, numbers
            rate, before = f / before, f
            if f < best.value:
                poor = 0 if rate < CONTRACTION else PATIENCE
                best = Iterate(point.theta, point.f).knowing(f)
            else:
                poor += 1
            # NaN compares false, and ends the chord steps, too
            in_time = f <= begin or (rate < 1 and f * rate**left <= begin)
            if poor >= PATIENCE or not in_time:
                break
        return best


def _seen(point: Observed) -> tuple[Observed, tuple[Tensor, ...]]:
    """Return a point with its f, which is to be read."""
    return point, (point.f,)


def _chord_step(
    objective: AbstractGaussNewton, theta: Tensor, factor: Factor, point: Observed
) -> tuple[Observed | None, tuple[Tensor, ...]]:
    """Return the point after one chord step from another, with its f; None where the solve has failed."""
    correction = factor.solve(objective.pull_back(theta, point) + factor.held)
    return (None, ()) if correction is None else _seen(objective.observe(point.theta - correction))


def bending(scale: Tensor, step: Tensor, acceleration: Tensor) -> Tensor:
    """Return 2‖D^½a‖/‖D^½d‖, a 0-dimensional tensor; `scale` is D, shape (p,)."""
    return 2 * (scale * acceleration.square()).sum().sqrt() / (scale * step.square()).sum().sqrt()
