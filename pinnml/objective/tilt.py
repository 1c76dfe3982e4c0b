"""Objectives with a linear term, as in a tau correction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from pinnml.objective.coarsening import AbstractCoarsening
from pinnml.objective.iterate import Iterate
from pinnml.objective.least_squares import AbstractGaussNewton, GaussNewtonModel, LinearModel, Observed
from pinnml.objective.objective import AbstractObjective, CoarseProblem, Evaluation
from pinnml.objective.restriction import AbstractRestriction
from pinnml.objective.root import RootModel
from pinnml.objective.structure import Structure

T = TypeVar("T")


class Tilted(AbstractObjective):
    """f(θ) + ⟨slope, θ − origin⟩ + constant: an objective with a linear term, as in a tau correction (Nash 2000).

    What restrictions and coarse problems of f are, theirs are, with the linear term restricted.
    """

    def __init__(self, inner: AbstractObjective, slope: Tensor, origin: Tensor, constant: Tensor | float = 0.0) -> None:
        self._inner = inner
        self._slope = slope
        self._origin = origin
        self._constant = constant

    def mapped(self, function: Callable[[AbstractObjective], AbstractObjective]) -> AbstractObjective:
        """Return the linear term on a function of the objective inside."""
        return tilted(function(self._inner), self._slope, self._origin, self._constant)

    def _term(self, theta: Tensor) -> Tensor:
        return self._slope.dot(theta - self._origin) + self._constant

    def at(self, theta: Tensor) -> Iterate:
        """Add the linear term to value and gradient."""
        plain = self._inner.at(theta)
        return Iterate(theta, plain.f + self._term(theta), plain.grad + self._slope)

    def value(self, theta: Tensor) -> Tensor:
        """Add the linear term."""
        return self._inner.value(theta) + self._term(theta)

    def reading(self, evaluate: Callable[[], tuple[T, tuple[Tensor, ...]]]) -> tuple[T, tuple[float, ...]]:
        """Let the objective inside do it, which may be behind a meter."""
        return self._inner.reading(evaluate)

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractObjective:
        """Return the tilted restriction."""
        start = restriction(theta) if start is None else start
        inner = self._inner.restricted(restriction, theta, start)
        return tilted(inner, restriction(self._slope), start, self._term(theta))

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the tilted coarse problem."""
        coarse = self._inner.coarse(rule, theta)
        if coarse is None:
            return None
        slope, origin = coarse.restriction(self._slope), coarse.iterates(self._origin)
        return replace(coarse, objective=tilted(coarse.objective, slope, origin, self._constant))

    @property
    def structure(self) -> Structure:
        """That of the objective inside."""
        return self._inner.structure

    def cost(self, kind: Evaluation) -> float:
        """Return that of the objective inside."""
        return self._inner.cost(kind)


class TiltedGaussNewton(Tilted, AbstractGaussNewton):
    """½‖r(θ)‖² + ⟨slope, θ − origin⟩ + constant, which has the Gauss–Newton matrix of ½‖r‖²."""

    _inner: AbstractGaussNewton

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Add the linear term to f and ∇f."""
        plain = self._inner.gauss_newton(theta, restriction)
        slope = self._slope if restriction is None else restriction(self._slope)
        return replace(plain, f=plain.f + self._term(theta), grad=plain.grad + slope)

    def linear_model(self, theta: Tensor) -> LinearModel:
        """Add the linear term to f and the slope."""
        plain = self._inner.linear_model(theta)
        slope = self._slope if plain.slope is None else plain.slope + self._slope
        return replace(plain, f=plain.f + self._term(theta), slope=slope)

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Add the linear term to f and the slope."""
        plain = self._inner.square_root(theta, restriction)
        slope = self._slope if restriction is None else restriction(self._slope)
        slope = slope if plain.slope is None else plain.slope + slope
        return replace(plain, f=plain.f + self._term(theta), slope=slope)

    def gram_product(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return that of the objective inside: a linear term has no curvature."""
        return self._inner.gram_product(theta, direction)

    def observe(self, theta: Tensor) -> Observed:
        """Add the linear term to f."""
        plain = self._inner.observe(theta)
        return replace(plain, f=plain.f + self._term(theta))

    def pull_back(self, theta: Tensor, observed: Observed) -> Tensor:
        """Add the slope."""
        return self._inner.pull_back(theta, observed) + self._slope


def tilted(
    objective: AbstractObjective, slope: Tensor, origin: Tensor, constant: Tensor | float = 0.0
) -> AbstractObjective:
    """Return f + ⟨slope, · − origin⟩ + constant, which has a Gauss–Newton model where f has one."""
    kind = TiltedGaussNewton if isinstance(objective, AbstractGaussNewton) else Tilted
    return kind(objective, slope, origin, constant)
