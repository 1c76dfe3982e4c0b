"""What quasi-Newton methods share: one safe step along −H∇f, the secant pair after it, and when to call it rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.line_search import Outcome, Search, Searched, Secant, rounding, unit, unit_step
from pinnml.optim.secant import has_curvature
from pinnml.optim.status import Status
from pinnml.settings import record

PATIENCE = 20
"""Steps in a row without progress beyond rounding, after which a run is at rounding."""

PROGRESS = 0.9
"""A gradient's norm below this share of its smallest so far is progress too, while the loss changes by rounding."""


@record
class Plateau:
    """Loss and smallest gradient norm when there was progress last, and the steps taken since."""

    f: float = float("inf")
    norm: float = float("inf")
    steps: int = 0

    def after(self, iterate: Iterate) -> Plateau:
        """Return the record after one more step, which ended at `iterate`."""
        f, norm = iterate.value, iterate.norm
        if self.f - f > rounding(iterate) or norm < PROGRESS * self.norm:
            return Plateau(f, min(norm, self.norm))
        return replace(self, steps=self.steps + 1)


@dataclass(frozen=True)
class Descent:
    """One step of a quasi-Newton method: where it ended, along which direction, how far, and what becomes of H.

    `trusted` is whether H is kept: not if its direction was no direction of descent, or its search failed. `secant` is
    what is known of the step's curvature, and `slope` is ∇f·direction where it began, as far as it was asked for.
    """

    iterate: Iterate
    direction: Tensor
    step: float
    plateau: Plateau
    status: Status
    trusted: bool
    secant: Secant | None = None
    slope: float = 0.0


def descend(
    objective: AbstractObjective, start: Iterate, direction: Tensor, trusted: bool, plateau: Plateau, search: Search
) -> Descent:
    """Search along `direction` = −H∇f, or along −∇f where that is no direction of descent.

    `trusted` is whether H holds information on f: then the first trial is the full step, else one of length 1. A failed
    search ends the run only if H was not trusted, for then steepest descent has failed.
    """
    slope, length = start.read(start.grad.dot(direction), direction.norm())
    first = 1.0 if trusted else unit(length)
    if not -float("inf") < slope < 0:
        trusted = False
        direction, slope = steepest(start.grad)
        first = unit_step(direction)
    if slope == 0:
        return Descent(start, direction, 0.0, plateau, Status.CONVERGED, trusted)
    found = search(objective, start, direction, slope, first)
    return replace(ended(start, direction, found, plateau, trusted), slope=slope)


def ended(start: Iterate, direction: Tensor, found: Searched, plateau: Plateau, trusted: bool) -> Descent:
    """Return the step that a search has made, or what its failure means."""
    plateau = plateau.after(found.iterate)
    if found.outcome in (Outcome.ROUNDING, Outcome.FAILED):
        reason = Status.AT_ROUNDING if found.outcome is Outcome.ROUNDING else Status.SEARCH_FAILED
        return Descent(start, direction, 0.0, plateau, Status.RUNNING if trusted else reason, False)
    status = Status.AT_ROUNDING if plateau.steps >= PATIENCE else Status.RUNNING
    return Descent(found.iterate, direction, found.step, plateau, status, trusted, found.secant)


def secant_pair(start: Iterate, descent: Descent, curvature: float) -> tuple[Tensor, Tensor] | None:
    """Return s = θ⁺ − θ and y = ∇f⁺ − ∇f, or None where no step was taken or s·y ≤ `curvature`·‖s‖‖y‖."""
    if descent.step == 0:
        return None
    s, y, secant = descent.iterate.theta - start.theta, descent.iterate.grad - start.grad, descent.secant
    is_curved = has_curvature(s, y, curvature) if secant is None else secant.has_curvature(curvature)
    return (s, y) if is_curved else None


def steepest(gradient: Tensor) -> tuple[Tensor, float]:
    """Return −∇f and its slope −‖∇f‖², both divided by the largest entry where the square overflows."""
    slope = -float(gradient.dot(gradient))
    if slope > -float("inf"):
        return -gradient, slope
    direction = -gradient / gradient.abs().max()
    return direction, float(gradient.dot(direction))
