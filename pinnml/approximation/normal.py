"""Sparse least squares by normal equations with a band."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray

SHIFT = 1e-14
"""What is added to the scaled diagonal, so that what nothing determines stays at zero."""

INVERSE = 6
"""Steps of inverse iteration: enough for the size of the smallest eigenvalue."""

REFINED = 2
"""Steps of iterative refinement, which give back digits that AᵀA has lost."""


class NormalEquations:
    """min ‖Ac − b‖² by D AᵀA D = LLᵀ, D making the diagonal one, in the order that has the narrower band.

    The orders are the given one and that of Cuthill and McKee (1969), reversed: periodicity ties the first function to
    the last.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array (q, N)
        A, of more rows than columns.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where AᵀA is not finite, or not positive in floating-point numbers.
    """

    def __init__(self, matrix: Any) -> None:
        from scipy.linalg import cholesky_banded
        from scipy.sparse import diags_array
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        self._matrix = matrix
        normal = (matrix.T @ matrix).tocsr()
        if not np.isfinite(normal.data).all():
            raise np.linalg.LinAlgError("AᵀA is not finite")
        diagonal = normal.diagonal()
        self._scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        normal = (diags_array(self._scale) @ normal @ diags_array(self._scale)).tocoo()
        orders = [np.arange(len(diagonal)), reverse_cuthill_mckee(normal.tocsr(), symmetric_mode=True)]
        self._order = min(orders, key=lambda order: _width(normal, order))
        row, column = (np.argsort(self._order)[ends] for ends in (normal.row, normal.col))
        below = row >= column
        band = np.zeros((_width(normal, self._order) + 1, len(diagonal)))
        band[(row - column)[below], column[below]] = normal.data[below]
        band[0] += SHIFT
        self._factor = cholesky_banded(band, overwrite_ab=True, lower=True, check_finite=False)

    def solve(self, right: Array) -> Array:
        """Return c (N,) for b (q,); raise `numpy.linalg.LinAlgError` where that is not finite."""
        if not np.isfinite(right).all():
            raise np.linalg.LinAlgError("b is not finite")
        found = self._once(self._matrix.T @ right)
        for _ in range(REFINED):
            found = found + self._once(self._matrix.T @ (right - self._matrix @ found))
        return found

    def smallest(self) -> float:
        """Return about the smallest eigenvalue of D AᵀA D (dimensionless): `SHIFT` for what nothing determines."""
        from scipy.linalg import cho_solve_banded

        found = np.random.default_rng(0).standard_normal(len(self._scale))
        for _ in range(INVERSE):
            found = cho_solve_banded((self._factor, True), found / np.linalg.norm(found))
        return float(1 / np.linalg.norm(found))

    def _once(self, right: Array) -> Array:
        from scipy.linalg import cho_solve_banded

        found = np.empty_like(right)
        found[self._order] = cho_solve_banded((self._factor, True), (self._scale * right)[self._order])
        return np.asarray(self._scale * found)


def _width(matrix: Any, order: Array) -> int:
    place = np.argsort(order)
    return int(np.abs(place[matrix.row] - place[matrix.col]).max(initial=0))
