"""What a solver may know of a function f of θ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeVar

from torch import Tensor

from pinnml.objective.coarsening import AbstractCoarsening, Successive
from pinnml.objective.iterate import Iterate
from pinnml.objective.reading import read
from pinnml.objective.restriction import AbstractRestriction, everything
from pinnml.objective.structure import Structure
from pinnml.objective.watch import Watch

T = TypeVar("T")


class Evaluation(Enum):
    """The kinds of evaluation, each with its `cost` in an objective."""

    GRADIENT = auto()
    """f and ∇f, one work unit for the whole network on all its points."""
    RESIDUAL = auto()
    """r, or f alone."""
    PRODUCT = auto()
    """Jv or Jᵀw."""
    JACOBIAN = auto()
    """J."""
    MODEL = auto()
    """f, Jᵀr and JᵀJ."""
    RESTRICTION = auto()
    """What a restricted objective evaluates once, when it is made."""


COSTS = {
    Evaluation.GRADIENT: 1.0,
    Evaluation.RESIDUAL: 1 / 3,
    Evaluation.PRODUCT: 1.0,
    Evaluation.JACOBIAN: 1.0,
    Evaluation.MODEL: 1.0,
    Evaluation.RESTRICTION: 0.0,
}
"""Work units by matrix products: forward 1, adjoint 1, gradient 1 a layer, a third of a unit each."""


class AbstractObjective(ABC):
    """A function f of θ (p,) that gives its value and gradient together."""

    @abstractmethod
    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f at θ; entries that are not finite are passed on to the solver."""

    def value(self, theta: Tensor) -> Tensor:
        """Return f(θ) alone."""
        return self.at(theta).f

    def reading(self, evaluate: Callable[[], tuple[T, tuple[Tensor, ...]]]) -> tuple[T, tuple[float, ...]]:
        """Make the evaluations between two decisions, and read the numbers that the next one needs in one go.

        `evaluate` returns what it has found, and the 0-dimensional tensors to be read. Behind a meter whether all its
        evaluations are finite is read along with them, and it is called a second time where they are not.
        """
        found, scalars = evaluate()
        return found, read(*scalars)

    def value_at(self, theta: Tensor) -> Iterate:
        """Return f alone at θ, its number read."""
        f, numbers = self.reading(lambda: ((f := self.value(theta)), (f,)))
        return Iterate(theta, f).knowing(*numbers)

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractObjective:
        """Return x ↦ f(θ + Rᵀ(x − x₀)): parameters outside the block keep their values in θ; x₀ is `start`, or Rθ."""
        return Restricted(self, restriction, theta, start)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the coarse problem that a rule makes of this one, None where the rule does not apply.

        `theta` (p,) is the point at hand, for rules that choose by it what they merge.
        """
        return None

    @property
    def structure(self) -> Structure:
        """The parts of θ; none where nothing is known of them."""
        return Structure()

    def cost(self, kind: Evaluation) -> float:
        """Return what an evaluation costs in work units: losses and gradients of the whole network on all points."""
        return COSTS[kind]

    def watched(self, watch: Watch) -> AbstractContextManager[None]:
        """Work for the loop behind a watch within a `with` block; the default has nothing to tell it or to ask."""
        return nullcontext()


@dataclass(frozen=True)
class CoarseProblem:
    """A coarse objective f_c of y (k,), with the ways between θ (p,) and y.

    `restriction` is Pᵀ for gradients, so that its adjoint P prolongates corrections; `iterates` is Π, which maps
    iterates, with ΠP = I. Both are the identity where the unknowns are the same. `rows` is the number of its residuals
    where these are few.
    """

    objective: AbstractObjective
    restriction: AbstractRestriction
    iterates: AbstractRestriction
    rows: int | None = None

    @property
    def has_same_unknowns(self) -> bool:
        """Whether y and θ are the same vectors, as with fewer points."""
        return self.restriction is self.iterates


def successive(objective: AbstractObjective, rule: Successive, theta: Tensor | None = None) -> CoarseProblem | None:
    """Return the coarse problem that several rules make one after another; None where one does not apply."""
    first, *others = rule.rules
    whole = objective.coarse(first, theta)
    for following in others:
        if whole is None:
            return None
        coarser = whole.objective.coarse(following, None if theta is None else whole.iterates(theta))
        whole = None if coarser is None else _composed(whole, coarser)
    return whole


def _composed(first: CoarseProblem, second: CoarseProblem) -> CoarseProblem:
    """Return the second problem as one of the first one's θ."""
    if second.has_same_unknowns:
        return replace(first, objective=second.objective, rows=second.rows)
    if first.has_same_unknowns:
        return second
    restriction, iterates = second.restriction @ first.restriction, second.iterates @ first.iterates
    return CoarseProblem(second.objective, restriction, iterates, second.rows)


class Restricted(AbstractObjective):
    """x ↦ f(θ + Rᵀ(x − x₀)), with gradient R∇f: right for every objective."""

    def __init__(
        self, inner: AbstractObjective, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> None:
        self._inner = inner
        self._restriction = restriction
        self._base = theta - restriction.adjoint(restriction(theta) if start is None else start)

    def _whole(self, x: Tensor) -> Tensor:
        return self._base + self._restriction.adjoint(x)

    def at(self, theta: Tensor) -> Iterate:
        """Evaluate the whole objective and restrict its gradient; `theta` is the block's x (k,)."""
        whole = self._inner.at(self._whole(theta))
        return Iterate(theta, whole.f, self._restriction(whole.grad))

    def value(self, theta: Tensor) -> Tensor:
        """Return the whole objective's value."""
        return self._inner.value(self._whole(theta))

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractObjective:
        """Restrict the objective inside to the part of the block."""
        start = restriction(theta) if start is None else start
        return self._inner.restricted(restriction @ self._restriction, self._whole(theta), start)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the same restriction of the coarse problem, None where that has other unknowns."""
        coarse = self._inner.coarse(rule, None if theta is None else self._whole(theta))
        if coarse is None or not coarse.has_same_unknowns:
            return None
        zero = self._base.new_zeros(self._restriction.shape[0])
        same = everything(len(zero))
        return CoarseProblem(coarse.objective.restricted(self._restriction, self._base, zero), same, same, coarse.rows)

    @property
    def structure(self) -> Structure:
        """What the restriction makes of the structure inside."""
        return self._restriction.structure(self._inner.structure)

    def cost(self, kind: Evaluation) -> float:
        """Return the cost inside, without the share of the frozen parameters in gradients and products."""
        free = self._restriction.shape[0] / self._restriction.shape[1]
        cost, passes = self._inner.cost(kind), 2 * self._inner.cost(Evaluation.RESIDUAL)
        match kind:
            case Evaluation.RESIDUAL | Evaluation.RESTRICTION:
                return cost
            case Evaluation.JACOBIAN | Evaluation.MODEL if self._restriction.by_products:
                return self._restriction.shape[0] * self._inner.cost(Evaluation.PRODUCT)
            case Evaluation.JACOBIAN | Evaluation.MODEL if self._restriction.is_dense:
                products = self._inner.cost(Evaluation.MODEL) - self._inner.cost(Evaluation.JACOBIAN)
                once = self._inner.cost(Evaluation.JACOBIAN) + dense_products(free, products)
                return once + (free**2 * products if kind is Evaluation.MODEL else 0.0)
            case Evaluation.GRADIENT | Evaluation.PRODUCT if self._restriction.is_dense:
                return cost
            case Evaluation.MODEL:
                products = cost - self._inner.cost(Evaluation.JACOBIAN)
                return self.cost(Evaluation.JACOBIAN) + free**2 * products
        return passes + free * (cost - passes)  # forward and backward in any case


def dense_products(share: float, products: float) -> float:
    """Return what a product of J and a matrix costs that is `share` as large as J is wide, if JᵀJ costs `products`.

    Of JᵀJ, which is symmetric, one half is formed.
    """
    return 2 * share * products
