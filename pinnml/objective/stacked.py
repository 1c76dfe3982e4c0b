"""Least squares with more residuals below those of another objective."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from pinnml.objective.coarsening import AbstractCoarsening
from pinnml.objective.least_squares import AbstractLeastSquares
from pinnml.objective.objective import CoarseProblem


class AbstractStacked(AbstractLeastSquares):
    """½‖r‖² + ½‖s‖², r as an objective inside measures it, and below it s (k,) in the plain norm."""

    _inner: AbstractLeastSquares

    @property
    @abstractmethod
    def _below(self) -> int:
        """The number k."""

    def _split(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Return r (q,) and s (k,)."""
        rows = len(residual) - self._below
        return residual[:rows], residual[rows:]

    def half_square(self, residual: Tensor) -> Tensor:
        """Return that of the objective inside, and of what is below r."""
        r, s = self._split(residual)
        return self._inner.half_square(r) + 0.5 * s.dot(s)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        """Return that of the objective inside, and of what is below r."""
        (r, own), (s, other) = self._split(a), self._split(b)
        return self._inner.inner(r, s) + own.dot(other)

    def _coarse_inside(
        self, rule: AbstractCoarsening, theta: Tensor | None
    ) -> tuple[CoarseProblem, AbstractLeastSquares] | None:
        """Return the coarse problem inside; None where it has other unknowns, few residuals, or none at all."""
        coarse = self._inner.coarse(rule, theta)
        if coarse is None or not coarse.has_same_unknowns or coarse.rows is not None:
            return None
        return (coarse, coarse.objective) if isinstance(coarse.objective, AbstractLeastSquares) else None
