"""The damped Gauss–Newton method along curved valleys: for the whole network, a block of it, or a coarse level."""

from __future__ import annotations

from dataclasses import field, replace
from functools import partial
from typing import Annotated, Any

import torch
from torch import Tensor

from pinnml.objective import AbstractGaussNewton, AbstractObjective, Iterate, Structure, read
from pinnml.optim.acceleration import Geodesic
from pinnml.optim.conjugate_gradients import ConjugateGradients
from pinnml.optim.direct import Cholesky
from pinnml.optim.globalisation import AbstractGlobalisation, Damping
from pinnml.optim.inverse import AbstractPreconditioner, JacobiFactors, modelled
from pinnml.optim.linear import AbstractLinearSolve, AbstractSystem, Factor
from pinnml.optim.solver import AbstractSolver, Inside, moved
from pinnml.optim.status import Status
from pinnml.optim.trial import Trial, eased
from pinnml.settings import Shape, record, setting

ROUNDING = 1e-15
"""A predicted decrease below this share of f is lost in rounding."""


@record
class GaussNewtonState:
    """λ or Δ (a 0-dimensional tensor on the host), D (p,), the running maximum of diag JᵀJ, and three more.

    `damping` is the strength of the globalisation: λ, or the radius Δ of a trust region, 0 before the first step.
    `streak` is how many steps in a row, up to the last one, were taken without a refusal; `linear` is the state of the
    linear solve; `previous` (p,) is the last step, for rules with momentum.
    """

    damping: Annotated[Tensor, Shape()]
    scale: Annotated[Tensor, Shape(("p",))]
    streak: int = 0
    linear: Any = None
    previous: Annotated[Tensor, Shape(("p",))] | None = None


@setting
class GaussNewton(AbstractSolver):
    """θ⁺ = θ + d + a + Σb with (JᵀJ + λD)d = −∇f and D the running maximum of diag JᵀJ (Moré 1978).

    With `Cholesky` or `QR` the Levenberg–Marquardt method, with `ConjugateGradients` a Newton–Krylov method. It needs a
    sum of squares, with a linear term or without.

    Parameters
    ----------
    linear : AbstractLinearSolve, default Cholesky()
        How the damped systems are solved.
    globalisation : AbstractGlobalisation, default Damping()
        How λ falls and grows, or the radius of a `TrustRegion`.
    acceleration : Geodesic or None, default Geodesic()
        What bends and corrects a step; None for plain steps d.

    Raises
    ------
    TypeError
        In a step, for an objective without a Gauss–Newton model.
    """

    linear: AbstractLinearSolve = field(default_factory=Cholesky)
    globalisation: AbstractGlobalisation = field(default_factory=Damping)
    acceleration: Geodesic | None = field(default_factory=Geodesic)

    @property
    def needs_gradient(self) -> bool:
        """Whether the linear solve needs it; direct solves compute it themselves."""
        return self.linear.needs_gradient

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the system and its factor."""
        return self.linear.storage(structure, size, rows)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> GaussNewtonState:
        """Return the first damping, and no scale yet."""
        scale = torch.zeros_like(iterate.theta)
        return GaussNewtonState(_number(self.globalisation.first()), scale, 0, self.linear.init(iterate))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: GaussNewtonState) -> GaussNewtonState:
        """Raise the damping; reset D where the length of θ has changed."""
        damping = _number(self.globalisation.renewed(float(state.damping)))
        same = len(state.scale) == len(iterate.theta)
        scale = state.scale if same else torch.zeros_like(iterate.theta)
        return replace(state, damping=damping, scale=scale, previous=None)

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: GaussNewtonState, sources: Tensor
    ) -> GaussNewtonState:
        """Keep damping and scale, and the last step."""
        previous = None if state.previous is None else moved(state.previous, sources)
        return replace(state, scale=moved(state.scale, sources), previous=previous)

    def inside(self, state: GaussNewtonState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the linear solve."""
        return (Inside(self.linear, state.linear, structure, size),)

    def carried(self, state: GaussNewtonState) -> GaussNewtonState:
        """Keep damping and scale for the next inner solve on the same block."""
        return state

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: GaussNewtonState
    ) -> tuple[Iterate, GaussNewtonState, Status]:
        """Take one step, with more damping until one lowers f."""
        problem, rule = modelled(objective, "GaussNewton"), self.globalisation
        ahead = rule.ahead(float(state.damping))
        system, (f, is_finite, falls) = problem.reading(lambda: self._formed(problem, iterate, ahead, state.linear))
        if not is_finite:
            return iterate, state, Status.NOT_FINITE
        if not falls:
            return iterate, state, Status.CONVERGED
        scale = torch.maximum(state.scale, system.diagonal)
        strength = rule.opened(float(state.damping), iterate.theta, scale)
        following, status, streak, previous = iterate, Status.SEARCH_FAILED, 0, None
        towards = rule.momentum * state.previous if rule.momentum and state.previous is not None else None
        tried = partial(self._trial, problem, iterate.theta, f, system, scale)
        for refused in range(rule.max_trials):
            trial = tried(strength, None if refused else towards)
            # NaN compares false, so that a value that is not finite is refused
            if trial.ratio(f) > rule.least:
                trial = trial if refused else eased(rule, lambda less: tried(less, towards), trial, f)
                following, status = trial.reached or iterate, Status.RUNNING
                ratio, kind = trial.ratio(f), self.acceleration is not None
                strength = rule.accepted(trial.strength, ratio, refused, state.streak, accelerated=kind)
                streak = 0 if refused else state.streak + 1
                previous = following.theta - iterate.theta if rule.momentum else None
                break
            if abs(trial.predicted) <= ROUNDING * abs(f):
                status = Status.AT_ROUNDING
                break
            strength = rule.refused(trial.strength, refused)
        return following, GaussNewtonState(_number(strength), scale, streak, system.state, previous), status

    def _formed(
        self, objective: AbstractGaussNewton, iterate: Iterate, damping: float, state: Any
    ) -> tuple[AbstractSystem, tuple[Tensor, ...]]:
        """Return the system, with f, whether all of it is finite, and whether there is a gradient."""
        system = self.linear.at(objective, iterate, damping, state)
        is_finite = torch.isfinite(system.f + system.grad.sum() + system.diagonal.sum())
        return system, (system.f, is_finite, system.grad.any())

    def _trial(
        self,
        objective: AbstractGaussNewton,
        theta: Tensor,
        f: float,
        system: AbstractSystem,
        scale: Tensor,
        strength: float,
        towards: Tensor | None,
    ) -> Trial:
        """Return the step for one strength; none where rounding does not allow it."""
        factor = self.globalisation.solve(system, strength, scale)
        factor = None if factor is None else factor.drawn(towards)
        if factor is None:
            return Trial(None, float("nan"), strength)
        strength = strength if factor.length is None else factor.length
        change = system.grad.dot(factor.step) + 0.5 * factor.step.dot(factor.curved)
        predicted, *sound = read(-change, *(() if factor.sound is None else (factor.sound,)))
        if not all(sound):
            return Trial(None, float("nan"), strength)
        return Trial(self._reached(objective, theta, f, system, scale, factor, predicted), predicted, strength)

    def _reached(
        self,
        objective: AbstractGaussNewton,
        theta: Tensor,
        f: float,
        system: AbstractSystem,
        scale: Tensor,
        factor: Factor,
        predicted: float,
    ) -> Iterate | None:
        """Return where the step leads, bent and corrected; None where it should not fall, or bends too much."""
        if not predicted > 0:
            return None
        if self.acceleration is None:
            return objective.value_at(theta + factor.step)
        bent = self.acceleration.bent(objective, theta, system, factor, scale)
        if bent is None or not self.acceleration.chord_steps:
            return None if bent is None else objective.value_at(bent)
        return self.acceleration.corrected(objective, theta, f, factor, bent)


def LevenbergMarquardt(  # noqa: N802 — the method's name, as a constructor
    *,
    geodesic: bool = True,
    corrections: int = 8,
    factorisation: AbstractLinearSolve | None = None,
    damping: float = 1e-2,
    difference: float = 0.1,
    bend: float = 0.75,
    decrease: float = 3.0,
    increase: float = 2.0,
    renewal: float = 10.0,
    max_trials: int = 20,
) -> GaussNewton:
    """Return the Levenberg–Marquardt method: damped Gauss–Newton steps whose systems are solved directly.

    Parameters
    ----------
    geodesic : bool, default True
        Whether steps are bent along the residual's curvature, by `Geodesic(corrections, difference, bend)`.
    corrections : int, default 8
        The most chord steps after the bend.
    factorisation : AbstractLinearSolve, default Cholesky()
        Or `QR()`, where squaring J's condition number hurts.
    damping, decrease, increase, renewal, max_trials
        Those of `Damping`, `damping` being its start.
    difference, bend
        Those of `Geodesic`.

    Returns
    -------
    GaussNewton
    """
    rule = Damping(damping, decrease, increase, renewal, max_trials)
    bent = Geodesic(corrections, difference, bend)
    return GaussNewton(factorisation or Cholesky(), rule, bent if geodesic else None)


def NewtonKrylov(  # noqa: N802 — the method's name, as a constructor
    preconditioner: AbstractPreconditioner | None = None,
    *,
    geodesic: bool = True,
    damping: float = 1e-2,
    forcing: float = 0.1,
    max_iterations: int = 100,
    difference: float = 0.1,
    bend: float = 0.75,
    decrease: float = 3.0,
    increase: float = 2.0,
    renewal: float = 10.0,
    max_trials: int = 20,
) -> GaussNewton:
    """Return damped Gauss–Newton steps by preconditioned conjugate gradients, for networks of any size.

    Parameters
    ----------
    preconditioner : AbstractPreconditioner, default JacobiFactors()
        With Schwarz factors a Newton–Krylov–Schwarz method.
    forcing, max_iterations
        Those of `ConjugateGradients`.
    geodesic, damping, difference, bend, decrease, increase, renewal, max_trials
        As for `LevenbergMarquardt`, without chord steps.

    Returns
    -------
    GaussNewton
    """
    linear = ConjugateGradients(preconditioner or JacobiFactors(), forcing, max_iterations)
    rule = Damping(damping, decrease, increase, renewal, max_trials)
    return GaussNewton(linear, rule, Geodesic(0, difference, bend) if geodesic else None)


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, device="cpu")
