"""Levenberg–Marquardt with geodesic acceleration where the whole JᵀJ is too large: its systems by preconditioned CG."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractLeastSquares, AbstractObjective, Iterate, evaluated
from pinnml.optim.damping import ROUNDING, bends_little, curvature_along, lowered, raised
from pinnml.optim.inverse import AbstractInverse, AbstractPreconditioner, JacobiFactors, least_squares, positive
from pinnml.optim.krylov import KrylovStatus, Solved, conjugate_gradients
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status
from pinnml.settings import at_least, setting


@dataclass(frozen=True)
class NewtonKrylovState:
    """λ and the first gradient's norm (0-dimensional, on the host), D (p,), and the CG iterations of all steps.

    The streak is how many steps in a row, up to the last one, were taken without a refusal.
    """

    damping: Tensor
    norm: Tensor
    scale: Tensor
    iterations: int = 0
    streak: int = 0


@dataclass(frozen=True)
class KrylovTrial:
    """A step d + a (p,), the decrease that the model predicts of d, and the CG iterations; no step where it bends."""

    step: Tensor | None
    predicted: float
    iterations: int


@setting
class NewtonKrylov(AbstractSolver):
    """θ⁺ = θ + d + a with (JᵀJ + λD)d = −Jᵀr by conjugate gradients, preconditioned by M⁻¹ of `preconditioner`.

    With Schwarz factors a Newton–Krylov–Schwarz method (Cai, Gropp, Keyes, Tidriri 1994). It needs products with J and
    Jᵀ only. D, acceleration a and damping rule are those of `LevenbergMarquardt`; M is made for each λ. CG ends at a
    relative residual of min(`forcing`, √(‖∇f‖/‖∇f₀‖)), an inexact Newton method (Dembo, Eisenstat, Steihaug 1982), or
    after `max_iterations`.
    """

    preconditioner: AbstractPreconditioner = field(default_factory=JacobiFactors)
    geodesic: bool = True
    damping: float = 1e-2
    forcing: float = 0.1
    max_iterations: int = 100
    difference: float = 0.1
    bend: float = 0.75
    decrease: float = 3.0
    increase: float = 2.0
    renewal: float = 10.0
    max_trials: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.forcing < 1:
            raise DeclarationError(f"forcing is {self.forcing!r}; where: NewtonKrylov; give a number between 0 and 1.")
        at_least(self, 0, "difference", "bend", above=True)
        at_least(self, 0, "damping")
        at_least(self, 1, "max_iterations", "max_trials", "decrease", "renewal")
        at_least(self, 1, "increase", above=True)

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the preconditioner."""
        return self.preconditioner.storage(objective, size, rows)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> NewtonKrylovState:
        """Return the first damping, and no scale yet."""
        norm = float(iterate.grad.norm())
        return NewtonKrylovState(_number(self.damping), _number(norm), torch.zeros_like(iterate.theta))

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: NewtonKrylovState) -> NewtonKrylovState:
        """Raise the damping."""
        return replace(state, damping=self.renewal * state.damping)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: NewtonKrylovState
    ) -> tuple[Iterate, NewtonKrylovState, Status]:
        """Take one step, with more damping until one lowers the loss."""
        problem = least_squares(objective, "NewtonKrylov")
        norm = float(iterate.grad.norm())
        if norm == 0:
            return iterate, state, Status.CONVERGED
        first = float(state.norm)
        rtol = min(self.forcing, (norm / first) ** 0.5) if first > 0 else self.forcing
        damping, scale, iterations, f = float(state.damping), state.scale, state.iterations, float(iterate.f)
        following, status, streak = iterate, Status.SEARCH_FAILED, 0
        for refused in range(self.max_trials):
            inverse = self._inverse(objective, iterate.theta, damping)
            if inverse is None:
                return iterate, state, Status.NOT_FINITE
            scale = torch.maximum(scale, inverse.diagonal)
            trial = self._trial(problem, iterate, scale, damping, inverse, rtol)
            iterations += trial.iterations
            if trial.step is not None:
                theta = iterate.theta + trial.step
                gain = f - float(evaluated(problem.value, theta))
                # NaN compares false, so that a value that is not finite is refused
                if gain > 0:
                    ratio, kind = gain / trial.predicted, self.geodesic
                    damping = lowered(damping, self.decrease, ratio, refused, state.streak, accelerated=kind)
                    streak = 0 if refused else state.streak + 1
                    following, status = evaluated(objective.at, theta), Status.RUNNING
                    break
            if abs(trial.predicted) <= ROUNDING * f:
                status = Status.AT_ROUNDING
                break
            damping = raised(damping, self.increase, refused)
        return following, NewtonKrylovState(_number(damping), state.norm, scale, iterations, streak), status

    def _inverse(self, objective: AbstractObjective, theta: Tensor, damping: float) -> AbstractInverse | None:
        """Return M⁻¹, made again twice at most where it is not finite; None where it never is."""
        for _ in range(3):
            inverse = self.preconditioner.factors(objective, theta, damping)
            if bool(torch.isfinite(inverse.diagonal).all()):
                return inverse
        return None

    def _trial(
        self,
        problem: AbstractLeastSquares,
        iterate: Iterate,
        scale: Tensor,
        damping: float,
        inverse: AbstractInverse,
        rtol: float,
    ) -> KrylovTrial:
        theta, grad = iterate.theta, iterate.grad
        damped = damping * positive(scale)
        matvec = _damped_product(problem, theta, damped)
        found = conjugate_gradients(matvec, -grad, inverse, rtol, self.max_iterations)
        if _failed(found):
            return KrylovTrial(None, math.nan, found.iterations)
        step = found.x
        # JᵀJd from the residual of the solve, which saves a product
        curved = -grad - found.residual - damped * step
        predicted = -float(grad.dot(step) + 0.5 * step.dot(curved))
        if not predicted > 0:
            return KrylovTrial(None, predicted, found.iterations)
        if not self.geodesic:
            return KrylovTrial(step, predicted, found.iterations)
        bent = curvature_along(problem, theta, grad, step, curved, self.difference)
        turned = conjugate_gradients(matvec, -0.5 * bent, inverse, rtol, self.max_iterations)
        iterations, acceleration = found.iterations + turned.iterations, turned.x
        if _failed(turned) or not bends_little(scale, step, acceleration, self.bend):
            return KrylovTrial(None, predicted, iterations)
        return KrylovTrial(step + acceleration, predicted, iterations)


def _failed(found: Solved) -> bool:
    """Tell whether a solve ended before it began, as with NaN in M⁻¹: its zero is no step, and no acceleration."""
    return found.status is KrylovStatus.BREAKDOWN and found.iterations == 0


def _damped_product(problem: AbstractLeastSquares, theta: Tensor, damped: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda v: problem.vjp(theta, problem.jvp(theta, v)) + damped * v


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)
