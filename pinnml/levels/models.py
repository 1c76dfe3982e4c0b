"""Coarse models: a coarse objective corrected so that it agrees with the fine one to first order where it begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from pinnml.objective import (
    AbstractCoarsening,
    AbstractObjective,
    AbstractRestriction,
    CoarseProblem,
    Evaluation,
    Iterate,
    Structure,
    tilted,
)
from pinnml.settings import setting

T = TypeVar("T")


@dataclass(frozen=True)
class CoarseModel:
    """A model h of y (k,), and where it begins: y₀ = Πθ with h(y₀) = f(θ) and ∇h(y₀) = Pᵀ∇f(θ), both known."""

    objective: AbstractObjective
    start: Iterate


class AbstractCoarseModel(ABC):
    """A rule that corrects a coarse objective C where a cycle comes down to it."""

    @abstractmethod
    def __call__(self, problem: CoarseProblem, fine: Iterate, earlier: Iterate | None = None) -> CoarseModel:
        """Return the model for a fine iterate with its gradient; `earlier` is another one of the same level."""


@setting
class Additive(AbstractCoarseModel):
    """h(y) = C(y) + ⟨Pᵀ∇f − ∇C(y₀), y − y₀⟩ + f − C(y₀): the tau correction (Nash, MG/OPT, 2000)."""

    def __call__(self, problem: CoarseProblem, fine: Iterate, earlier: Iterate | None = None) -> CoarseModel:
        """Return the model, which has a Gauss–Newton matrix where C has one."""
        plain, begin = _beginning(problem, fine)
        slope = begin.grad - plain.grad
        return CoarseModel(tilted(problem.objective, slope, plain.theta, begin.f - plain.f), begin)


@setting
class Multiplicative(AbstractCoarseModel):
    """h(y) = C(y)(b₀ + ⟨b, y − y₀⟩) with b₀ = f/C(y₀) and b = (Pᵀ∇f − b₀∇C(y₀))/C(y₀).

    Where the factor is not positive h is +∞, since b grows like 1/C, and h has no lower bound beyond. It has no
    Gauss–Newton matrix. Source: Kopaničáková, arXiv 2211.15078.
    """

    def __call__(self, problem: CoarseProblem, fine: Iterate, earlier: Iterate | None = None) -> CoarseModel:
        """Return the model."""
        plain, begin = _beginning(problem, fine)
        return CoarseModel(_mixed(problem, plain, begin, plain.f.new_zeros(())), begin)


@setting
class Hybrid(AbstractCoarseModel):
    """h = w hₐ + (1 − w) hₘ of `Additive` and `Multiplicative`, 0 ≤ w ≤ 1, that fits an earlier fine value best.

    w = (f(θ₋) − hₘ(y₋))/(hₐ(y₋) − hₘ(y₋)) at y₋ = Πθ₋, which costs one value of C; without an earlier iterate, w = 1.
    Source: Kopaničáková, arXiv 2211.15078.
    """

    def __call__(self, problem: CoarseProblem, fine: Iterate, earlier: Iterate | None = None) -> CoarseModel:
        """Return the model."""
        plain, begin = _beginning(problem, fine)
        weight = plain.f.new_ones(())
        if earlier is not None and earlier is not fine:
            weight = _fitted(problem, plain, begin, earlier)
        return CoarseModel(_mixed(problem, plain, begin, weight), begin)


def _beginning(problem: CoarseProblem, fine: Iterate) -> tuple[Iterate, Iterate]:
    """Return y₀ with C and ∇C, and y₀ with f and Pᵀ∇f."""
    plain = problem.objective.at(problem.iterates(fine.theta))
    return plain, Iterate(plain.theta, fine.f, problem.restriction(fine.grad))


def _multiplier(plain: Iterate, begin: Iterate) -> tuple[Tensor, Tensor]:
    """Return b₀ and b."""
    ratio = begin.f / plain.f
    return ratio, (begin.grad - ratio * plain.grad) / plain.f


def _mixed(problem: CoarseProblem, plain: Iterate, begin: Iterate, weight: Tensor) -> Modulated:
    """Return w hₐ + (1 − w) hₘ, which is C times an affine function, and an affine function more."""
    ratio, factor = _multiplier(plain, begin)
    slope = weight * (begin.grad - plain.grad)
    scale, constant = weight + (1 - weight) * ratio, weight * (begin.f - plain.f)
    return Modulated(problem.objective, plain.theta, Affine(scale, (1 - weight) * factor), Affine(constant, slope))


def _fitted(problem: CoarseProblem, plain: Iterate, begin: Iterate, earlier: Iterate) -> Tensor:
    """Return the w that fits f at an earlier iterate, 1 where both models say the same; nothing is read."""
    y = problem.iterates(earlier.theta)
    coarse, away = problem.objective.value(y), y - plain.theta
    ratio, factor = _multiplier(plain, begin)
    additive = coarse + (begin.grad - plain.grad).dot(away) + begin.f - plain.f
    multiplicative = coarse * (ratio + factor.dot(away))
    fitted = (earlier.f - multiplicative) / (additive - multiplicative)
    return torch.where(torch.isfinite(fitted), fitted, 1.0).clamp(0.0, 1.0)


@dataclass(frozen=True)
class Affine:
    """constant + ⟨slope, d⟩ of a displacement d (k,)."""

    constant: Tensor
    slope: Tensor

    def __call__(self, d: Tensor) -> Tensor:
        """Return its value."""
        return self.constant + self.slope.dot(d)

    def restricted(self, restriction: AbstractRestriction, origin: Tensor) -> Affine:
        """Return it as a function of the displacement of fewer unknowns from where d is `origin`."""
        return Affine(self(origin), restriction(self.slope))


class Modulated(AbstractObjective):
    """C(y)·φ(y − y₀) + ψ(y − y₀) with affine φ and ψ, and +∞ where φ is not positive."""

    def __init__(self, inner: AbstractObjective, origin: Tensor, factor: Affine, term: Affine) -> None:
        self._inner = inner
        self._origin = origin
        self._factor = factor
        self._term = term

    def at(self, theta: Tensor) -> Iterate:
        """Return value and gradient."""
        plain, away = self._inner.at(theta), theta - self._origin
        factor = self._factor(away)
        f = self._bounded(plain.f, factor, away)
        return Iterate(theta, f, factor * plain.grad + plain.f * self._factor.slope + self._term.slope)

    def value(self, theta: Tensor) -> Tensor:
        """Return the value."""
        away = theta - self._origin
        return self._bounded(self._inner.value(theta), self._factor(away), away)

    def _bounded(self, f: Tensor, factor: Tensor, away: Tensor) -> Tensor:
        return torch.where(factor > 0, f * factor + self._term(away), float("inf"))

    def reading(self, evaluate: Callable[[], tuple[T, tuple[Tensor, ...]]]) -> tuple[T, tuple[float, ...]]:
        """Let the objective inside do it, which may be behind a meter."""
        return self._inner.reading(evaluate)

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractObjective:
        """Return the restriction of C with both functions restricted."""
        start, away = restriction(theta) if start is None else start, theta - self._origin
        inner = self._inner.restricted(restriction, theta, start)
        factor, term = (one.restricted(restriction, away) for one in (self._factor, self._term))
        return Modulated(inner, start, factor, term)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the coarse problem of C with both functions restricted."""
        coarse = self._inner.coarse(rule, theta)
        if coarse is None:
            return None
        zero = torch.zeros_like(self._origin)
        factor, term = (one.restricted(coarse.restriction, zero) for one in (self._factor, self._term))
        return replace(coarse, objective=Modulated(coarse.objective, coarse.iterates(self._origin), factor, term))

    @property
    def structure(self) -> Structure:
        """That of C."""
        return self._inner.structure

    def cost(self, kind: Evaluation) -> float:
        """Return that of C."""
        return self._inner.cost(kind)
