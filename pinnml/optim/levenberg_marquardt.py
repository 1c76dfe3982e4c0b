"""Levenberg–Marquardt with geodesic acceleration: for the whole network, for a block of it, or for a coarse level."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, AbstractObjective, GaussNewtonModel, Iterate
from pinnml.optim.solver import AbstractSolver, Improved
from pinnml.optim.status import Status

FLOOR = 1e-12
"""Parameters that the residual does not feel are damped as if their share of the largest entry of D were this."""

NEEDS = "Levenberg–Marquardt needs a least-squares objective."

ROUNDING = 1e-15
"""A predicted decrease below this share of f is lost in rounding."""


@dataclass(frozen=True)
class LevenbergMarquardtState:
    """The damping λ (a 0-dimensional tensor on the host) and D (p,), the running maximum of diag JᵀJ."""

    damping: Tensor
    scale: Tensor


@dataclass(frozen=True)
class LevenbergMarquardt(AbstractSolver):
    """θ⁺ = θ + d + a with (JᵀJ + λD)d = −Jᵀr and D the running maximum of diag JᵀJ (Moré 1978).

    With `geodesic`, a from (JᵀJ + λD)a = −½Jᵀr_vv bends the step along the residual's curvature; a step is then taken
    only if 2‖D^½a‖ < `bend`·‖D^½d‖ (Transtrum, Sethna 2012, arXiv 1201.5885). r_vv is the second
    derivative of r along d, by a difference: Jᵀr_vv ≈ (2/h)((Jᵀr(θ + hd) − Jᵀr)/h − JᵀJd).
    λ falls by `decrease` after a good step and grows by `increase` after a refused one.
    """

    geodesic: bool = True
    damping: float = 1e-2
    difference: float = 0.1
    bend: float = 0.75
    decrease: float = 3.0
    increase: float = 4.0
    max_trials: int = 12

    def init(self, objective: AbstractObjective, iterate: Iterate) -> LevenbergMarquardtState:
        """Return the first damping, and no scale yet."""
        return self.start(iterate.theta)

    def start(self, theta: Tensor) -> LevenbergMarquardtState:
        """Return the state to start with at θ (p,)."""
        return LevenbergMarquardtState(torch.tensor(self.damping, dtype=torch.float64), torch.zeros_like(theta))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: LevenbergMarquardtState
    ) -> tuple[Iterate, LevenbergMarquardtState, Status]:
        """Take one step, with more damping until one lowers the loss."""
        if not isinstance(objective, AbstractLeastSquares):
            raise TypeError(NEEDS)
        theta, _, state, status = self._stepped(objective, iterate.theta, state)
        if status is not Status.RUNNING:
            return iterate, state, status
        return objective.at(theta), state, status

    def improve(
        self,
        objective: AbstractObjective,
        theta: Tensor,
        f: Tensor,
        state: LevenbergMarquardtState | None,
        steps: int,
    ) -> Improved:
        """Take up to `steps` steps without a gradient beforehand, and keep the damping for the next inner solve."""
        if not isinstance(objective, AbstractLeastSquares):
            raise TypeError(NEEDS)
        state = self.start(theta) if state is None else state
        success = False
        for _ in range(steps):
            theta, lower, state, status = self._stepped(objective, theta, state)
            if status is not Status.RUNNING:
                break
            f, success = lower, True
        return Improved(theta, f, state, success)

    def _stepped(
        self, objective: AbstractLeastSquares, theta: Tensor, state: LevenbergMarquardtState
    ) -> tuple[Tensor, Tensor, LevenbergMarquardtState, Status]:
        """Return θ⁺ and f(θ⁺) without the gradient there; θ itself with the reason where no trial lowered f."""
        model = objective.gauss_newton(theta)
        if not bool(model.grad.any()):
            return theta, model.f, state, Status.CONVERGED
        scale = torch.maximum(state.scale, model.gram.diagonal())
        damping = float(state.damping)
        status = Status.SEARCH_FAILED
        for _ in range(self.max_trials):
            trial = self._trial(objective, theta, model, scale, damping)
            if trial is not None:
                following, predicted = trial
                f = objective.value(following)
                gain = float(model.f - f)
                # NaN compares false, so that a value that is not finite is refused
                if gain > 0:
                    ratio = gain / predicted
                    damping = self._relaxed(damping, ratio)
                    return following, f, self._state(damping, scale, state), Status.RUNNING
                if predicted <= ROUNDING * float(model.f):
                    status = Status.AT_ROUNDING
                    break
            damping *= self.increase
        return theta, model.f, self._state(damping, scale, state), status

    def _state(self, damping: float, scale: Tensor, state: LevenbergMarquardtState) -> LevenbergMarquardtState:
        return replace(state, damping=torch.tensor(damping, dtype=torch.float64), scale=scale)

    def _relaxed(self, damping: float, ratio: float) -> float:
        if self.geodesic or ratio > 0.75:
            return max(damping / self.decrease, 1e-15)
        return 2 * damping if ratio < 0.25 else damping

    def _trial(
        self, objective: AbstractLeastSquares, theta: Tensor, model: GaussNewtonModel, scale: Tensor, damping: float
    ) -> tuple[Tensor, float] | None:
        """Return θ + d + a and the decrease that the model predicts of d; None where the damping is too small."""
        damped = model.gram.clone()
        damped.diagonal().add_(scale.clamp_min(FLOOR * float(scale.max())), alpha=damping)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if bool(failed):
            return None
        step = torch.cholesky_solve(-model.grad[:, None], factor)[:, 0]
        curved = model.gram @ step
        predicted = -float(model.grad.dot(step) + 0.5 * step.dot(curved))
        if not self.geodesic:
            return theta + step, predicted
        h = self.difference
        ahead = objective.vjp(theta, objective.residual(theta + h * step))
        bent = (2 / h) * ((ahead - model.grad) / h - curved)
        acceleration = torch.cholesky_solve(-0.5 * bent[:, None], factor)[:, 0]
        bending = 2 * (scale * acceleration.square()).sum().sqrt() / (scale * step.square()).sum().sqrt()
        if not float(bending) < self.bend:
            return None
        return theta + step + acceleration, predicted
