"""Levenberg–Marquardt along curved valleys: for the whole network, for a block of it, or for a coarse level."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, AbstractObjective, Iterate, evaluated
from pinnml.optim.damping import ROUNDING, bends_little, curvature_along, lowered, raised
from pinnml.optim.inverse import least_squares, positive
from pinnml.optim.normal_equations import AbstractFactorisation, AbstractSystem, Cholesky, Solve
from pinnml.optim.solver import AbstractSolver, Improved
from pinnml.optim.status import Status
from pinnml.settings import at_least, setting


@dataclass(frozen=True)
class LevenbergMarquardtState:
    """λ (a 0-dimensional tensor on the host), D (p,), the running maximum of diag JᵀJ, and the streak.

    The streak is how many steps in a row, up to the last one, were taken without a refusal.
    """

    damping: Tensor
    scale: Tensor
    streak: int = 0


@dataclass(frozen=True)
class Tried:
    """Where a trial step leads, f there, and the decrease that the linear model predicts of d."""

    theta: Tensor
    f: Tensor
    predicted: float


@setting
class LevenbergMarquardt(AbstractSolver):
    """θ⁺ = θ + d + a + Σb with (JᵀJ + λD)d = −Jᵀr and D the running maximum of diag JᵀJ (Moré 1978).

    With `geodesic`, a from (JᵀJ + λD)a = −½Jᵀr_vv bends the step along the residual's curvature; a step is then taken
    only if 2‖D^½a‖ < `bend`·‖D^½d‖ (Transtrum, Sethna 2012, arXiv 1201.5885). r_vv is the second
    derivative of r along d, by a difference: Jᵀr_vv ≈ (2/h)((Jᵀr(θ + hd) − Jᵀr)/h − JᵀJd).
    Then come up to `corrections` chord steps with the same factor, (JᵀJ + λD)b = −(Jᵀr(θ + δ) + λDd) for the step δ
    so far: they take out the orders of r along δ beyond the second, so that Jᵀr becomes what the linear model said.
    They cost a residual and a product each, and make steps with much less damping succeed (docs/experiments.md).
    λ falls by `decrease` and more after steps taken at once, little after one that was refused at first, and grows by
    `increase` and more when refused; by `renewal` when the objective is renewed, since a step with little damping
    would fit the new residuals alone.
    """

    geodesic: bool = True
    corrections: int = 8
    factorisation: AbstractFactorisation = field(default_factory=Cholesky)
    damping: float = 1e-2
    difference: float = 0.1
    bend: float = 0.75
    decrease: float = 3.0
    increase: float = 2.0
    renewal: float = 10.0
    max_trials: int = 20

    def __post_init__(self) -> None:
        at_least(self, 0, "difference", "bend", above=True)
        at_least(self, 0, "damping")
        at_least(self, 1, "decrease", "renewal", "max_trials")
        at_least(self, 1, "increase", above=True)
        at_least(self, 0, "corrections")

    def init(self, objective: AbstractObjective, iterate: Iterate) -> LevenbergMarquardtState:
        """Return the first damping, and no scale yet."""
        return self.start(iterate.theta)

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the system and its factor."""
        return self.factorisation.storage(size, rows)

    def start(self, theta: Tensor) -> LevenbergMarquardtState:
        """Return the state to start with at θ (p,)."""
        return _state(self.damping, torch.zeros_like(theta))

    def renewed(
        self, objective: AbstractObjective, iterate: Iterate, state: LevenbergMarquardtState
    ) -> LevenbergMarquardtState:
        """Raise the damping."""
        return replace(state, damping=self.renewal * state.damping)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: LevenbergMarquardtState
    ) -> tuple[Iterate, LevenbergMarquardtState, Status]:
        """Take one step, with more damping until one lowers the loss."""
        problem = least_squares(objective, "LevenbergMarquardt")
        theta, _, state, status = self._stepped(problem, iterate.theta, state)
        if status is not Status.RUNNING:
            return iterate, state, status
        return evaluated(objective.at, theta), state, status

    def improve(
        self,
        objective: AbstractObjective,
        theta: Tensor,
        f: Tensor,
        state: LevenbergMarquardtState | None,
        steps: int,
    ) -> Improved:
        """Take up to `steps` steps without a gradient beforehand, and keep the damping for the next inner solve."""
        problem = least_squares(objective, "LevenbergMarquardt")
        state = self.start(theta) if state is None else state
        success = False
        for _ in range(steps):
            theta, lower, state, status = self._stepped(problem, theta, state)
            if status is not Status.RUNNING:
                break
            f, success = lower, True
        return Improved(theta, f, state, success)

    def _stepped(
        self, objective: AbstractLeastSquares, theta: Tensor, state: LevenbergMarquardtState
    ) -> tuple[Tensor, Tensor, LevenbergMarquardtState, Status]:
        """Return θ⁺ and f(θ⁺) without the gradient there; θ itself with the reason where no trial lowered f."""
        system = self.factorisation.at(objective, theta)
        if not bool(torch.isfinite(system.f + system.grad.sum() + system.diagonal.sum())):
            return theta, system.f, state, Status.NOT_FINITE
        if not bool(system.grad.any()):
            return theta, system.f, state, Status.CONVERGED
        scale = torch.maximum(state.scale, system.diagonal)
        damping = float(state.damping)
        for refused in range(self.max_trials):
            trial = self._trial(objective, theta, system, scale, damping)
            if trial is not None:
                gain = float(system.f - trial.f)
                # NaN compares false, so that a value that is not finite is refused
                if gain > 0:
                    ratio, kind = gain / trial.predicted, self.geodesic
                    damping = lowered(damping, self.decrease, ratio, refused, state.streak, accelerated=kind)
                    streak = 0 if refused else state.streak + 1
                    return trial.theta, trial.f, _state(damping, scale, streak), Status.RUNNING
                if trial.predicted <= ROUNDING * float(system.f):
                    return theta, system.f, _state(damping, scale), Status.AT_ROUNDING
            damping = raised(damping, self.increase, refused)
        return theta, system.f, _state(damping, scale), Status.SEARCH_FAILED

    def _trial(
        self, objective: AbstractLeastSquares, theta: Tensor, system: AbstractSystem, scale: Tensor, damping: float
    ) -> Tried | None:
        """Return the step for one damping; None where that is too small."""
        damped = damping * positive(scale)
        factor = system.factor(damped)
        if factor is None:
            return None
        step = factor.step
        curved = -system.grad - damped * step  # JᵀJd
        predicted = -float(system.grad.dot(step) + 0.5 * step.dot(curved))
        reached = theta + step
        if self.geodesic:
            bent = curvature_along(objective, theta, system.grad, step, curved, self.difference)
            acceleration = factor.solve(-0.5 * bent)
            if not bends_little(scale, step, acceleration, self.bend):
                return None
            reached = reached + acceleration
        if not (self.geodesic and self.corrections):
            return Tried(reached, objective.value(reached), predicted)
        return Tried(*self._corrected(objective, theta, system, reached, damped * step, factor.solve), predicted)

    def _corrected(
        self,
        objective: AbstractLeastSquares,
        theta: Tensor,
        system: AbstractSystem,
        reached: Tensor,
        target: Tensor,
        solve: Solve,
    ) -> tuple[Tensor, Tensor]:
        """Return the lowest point of the chord steps, which end where they no longer lower f, or would not in time."""
        begin = float(system.f)
        residual = objective.residual(reached)
        best, lowest = reached, 0.5 * residual.dot(residual)
        before, poor = float(lowest), 0
        for left in reversed(range(self.corrections)):
            if before == 0:
                break
            reached = reached - solve(objective.vjp(theta, residual) + target)
            residual = objective.residual(reached)
            f = 0.5 * residual.dot(residual)
            rate, before = float(f) / before, float(f)
            if before < float(lowest):
                poor = 0 if rate < CONTRACTION else PATIENCE
                best, lowest = reached, f
            else:
                poor += 1
            # NaN compares false, and ends the chord steps, too
            in_time = before <= begin or (rate < 1 and before * rate**left <= begin)
            if poor >= PATIENCE or not in_time:
                break
        return best, lowest


PATIENCE = 3
"""Chord steps in a row that did not lower f, after which there are no more."""

CONTRACTION = 0.9
"""A chord step that leaves more than this share of f is the last one: the next gains less than it costs."""


def _state(damping: float, scale: Tensor, streak: int = 0) -> LevenbergMarquardtState:
    return LevenbergMarquardtState(torch.tensor(damping, dtype=torch.float64), scale, streak)
