"""Parameters that were learned: their values, and how well measurements determine them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from pinnml.loss import PinnObjective
from pinnml.objective import RootModel
from pinnml.problem import Problem, Unknown

WIDE = 1.959964
"""Standard deviations on each side of a value that a normal law leaves with a probability of 5 %."""

MOST = 6000
"""J of more columns is not factorised, which would take minutes and gigabytes: then no deviation is known."""


@dataclass(frozen=True)
class LearnedParameter:
    """A parameter of the equation as it was learned, in its own units.

    Parameters
    ----------
    value : float
        What it is.
    deviation : float or None
        The standard deviation that the noise of the measurements gives it; None where nothing was measured.
    interval : pair of float, or None
        Where it lies with a probability of 95 %, cut at its bounds; None where nothing was measured.
    """

    value: float
    deviation: float | None = None
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        return f"{self.value:.6g}" if self.deviation is None else f"{self.value:.6g} ± {self.deviation:.1g}"


def parameters_at(problem: Problem, theta: Tensor) -> dict[str, float]:
    """Return the values of the unknown parameters at θ (p,), by name, in their units."""
    ends = theta.detach()[len(theta) - len(problem.unknowns) :].double().cpu()
    return {name: float(one.value(y)) for (name, one), y in zip(problem.unknowns.items(), ends, strict=True)}


def learned_parameters(objective: PinnObjective, theta: Tensor) -> dict[str, LearnedParameter]:
    """Return the unknown parameters at θ with the deviations that the Gauss–Newton matrix says they have, by name.

    The covariance of θ is s²(JᵀJ)⁻¹, where J has all weighted residuals, those of the equations included, and s² is the
    variance of a weighted measurement: known from `sigma`, else estimated from what is left of it,
    s² = Σr²/(n − tr H), with H = J_d(JᵀJ)⁻¹J_dᵀ for the rows J_d of the measurements, so that what a network can follow
    of noise is not taken for less noise. Of several conditions the largest s² counts, and so do the equations, of which
    a network leaves something, by the mean of theirs. With J = QR and
    the unknowns behind all other columns, their block of (JᵀJ)⁻¹ is that of the last corner of R alone. The slope of
    `Unknown.value` takes deviations to the parameters' units.
    """
    values = parameters_at(objective.problem, theta)
    measured = [name for name, term in objective.problem.soft_terms.items() if term.region.data]
    if not values or not measured or len(theta) > MOST:
        return {name: LearnedParameter(value) for name, value in values.items()}
    model, count, losses = objective.square_root(theta), len(values), objective.losses(theta)
    left = [2 * losses[name] / len(objective.collocation[name].weights) for name in objective.problem.equations]
    variance = max(*left, *(_variance(objective, theta, name, model) for name in measured), 0.0)
    inverse = torch.linalg.pinv(model.triangle[-count:, -count:].double())
    deviations = (variance * inverse.square().sum(1)).sqrt().cpu()
    ends, found = theta.detach()[-count:].double().cpu(), dict[str, LearnedParameter]()
    for (name, unknown), y, of_y in zip(objective.problem.unknowns.items(), ends, deviations, strict=True):
        found[name] = _with_interval(unknown, values[name], float(of_y * unknown.slope(y)))
    return found


def _variance(objective: PinnObjective, theta: Tensor, name: str, model: RootModel) -> float:
    """Return the variance of one weighted measurement of a condition."""
    weight, points = objective.weight(name), objective.collocation[name]
    if objective.problem.terms[name].noisy:
        return weight * float(points.weights.mean())
    residual, jacobian = objective.linearised(name, theta)
    leverage = torch.linalg.solve_triangular(model.triangle, jacobian, upper=True, left=False).square().sum(1)
    free = len(residual) - float(leverage.clamp(0, 1).sum())
    return float(residual.square().sum()) / max(free, 1.0)


def _with_interval(unknown: Unknown, value: float, deviation: float) -> LearnedParameter:
    low, high = value - WIDE * deviation, value + WIDE * deviation
    low = low if unknown.lower is None else max(low, unknown.lower)
    high = high if unknown.upper is None else min(high, unknown.upper)
    return LearnedParameter(value, deviation, (low, high)) if math.isfinite(deviation) else LearnedParameter(value)


def as_numbers(problem: Problem, learned: Mapping[str, LearnedParameter]) -> dict[str, object]:
    """Return all parameters as files tell them: numbers, and for what was learned value, deviation and interval."""
    return {name: asdict(learned[name]) if name in learned else value for name, value in problem.parameters.items()}
