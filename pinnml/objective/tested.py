"""A restriction in residual space: few functionals of r, as a least-squares objective of the same unknowns."""

from __future__ import annotations

from torch import Tensor

from pinnml.objective.least_squares import AbstractLeastSquares
from pinnml.objective.objective import Evaluation, dense_products
from pinnml.objective.restriction import AbstractRestriction
from pinnml.objective.structure import Structure


class TestedLeastSquares(AbstractLeastSquares):
    """½‖Br(θ)‖² for k tests B (k, q) of the residuals of ½‖r(θ)‖²: a weak form of it, with Jacobian BJ (k, p).

    With orthonormal rows B it is what f holds in the span of the tests.
    """

    __test__ = False  # pytest would take it for a class of tests

    def __init__(self, inner: AbstractLeastSquares, tests: Tensor, size: int) -> None:
        self._inner = inner
        self._tests = tests
        self._size = size

    def residual(self, theta: Tensor) -> Tensor:
        """Return Br, shape (k,)."""
        return self._tests @ self._inner.residual(theta)

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return BJ·direction, shape (k,)."""
        return self._tests @ self._inner.jvp(theta, direction)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return JᵀBᵀ·cotangent, shape (p,)."""
        return self._inner.vjp(theta, cotangent @ self._tests)

    def jacobian(self, theta: Tensor) -> Tensor:
        """Return BJ, shape (k, p)."""
        return self._inner.tested(theta, self._tests)

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractLeastSquares:
        """Return the same tests of the restricted objective."""
        part = self._inner.restricted(restriction, theta, start)
        return TestedLeastSquares(part, self._tests, restriction.shape[0])

    @property
    def structure(self) -> Structure:
        """That of the objective inside."""
        return self._inner.structure

    def cost(self, kind: Evaluation) -> float:
        """Return the cost inside, with the product BJ where J is made, and (BJ)ᵀBJ of k rows."""
        rows, cost = len(self._tests), self._inner.cost(kind)
        jacobian = self._inner.cost(Evaluation.JACOBIAN)
        products = self._inner.cost(Evaluation.MODEL) - jacobian
        match kind:
            case Evaluation.GRADIENT:  # two passes, since Br comes from all points
                return self._inner.cost(Evaluation.RESIDUAL) + self._inner.cost(Evaluation.PRODUCT)
            case Evaluation.JACOBIAN:
                return jacobian + dense_products(rows / self._size, products)
            case Evaluation.MODEL:
                return self.cost(Evaluation.JACOBIAN) + rows / self._tests.shape[1] * products
        return cost
