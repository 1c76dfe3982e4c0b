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

OWN = 1e-4
"""The share of the most that a direction keeps which is told apart from rounding (dimensionless)."""

HEAVIER = 1e3
"""How many times as heavy a sum of rows is as the rows themselves (dimensionless)."""


class NormalEquations:
    """min ‖Ac − b‖² + κ²‖M(Ac − b)‖² by D AᵀA D = LLᵀ, D making the diagonal one, in the order of the narrower band.

    The orders are the given one and that of Cuthill and McKee (1969), reversed: periodicity ties the first function to
    the last. The few sums M of rows, κ = `HEAVIER`, come in by Woodbury's formula, with Z = (AᵀA)⁻¹Bᵀ for B = MA:
    (AᵀA + κ²BᵀB)⁻¹g = y − Z(κ⁻²I + BZ)⁻¹By, y = (AᵀA)⁻¹g.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array (q, N)
        A, of more rows than columns.
    sums : scipy.sparse.csr_array (k, q)
        M, of few rows, each of norm one.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where AᵀA is not finite, or not positive in floating-point numbers.
    """

    def __init__(self, matrix: Any, sums: Any) -> None:
        from scipy.linalg import cholesky_banded
        from scipy.sparse import diags_array
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        self.matrix = matrix
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
        self.sums, self._summed = sums, (sums @ matrix).toarray()
        self._beside = self._once(self._summed.T)
        self._small = np.eye(len(self._summed)) / HEAVIER**2 + self._summed @ self._beside

    def solve(self, right: Array) -> Array:
        """Return c (N,) for b (q,); raise `numpy.linalg.LinAlgError` where that is not finite."""
        if not np.isfinite(right).all():
            raise np.linalg.LinAlgError("b is not finite")
        found = np.zeros(self.matrix.shape[1])
        for _ in range(1 + REFINED):
            found = found + self.step(right - self.matrix @ found)
        return found

    def plain(self, right: Array) -> Array:
        """Return what is left of b (q,) by the c that ‖Ac − b‖ alone would have, with fewer digits than `solve`."""
        return np.asarray(right - self.matrix @ self._once(self.matrix.T @ right))

    def step(self, left: Array) -> Array:
        """Return what is to be added to c (N,) or (N, k) for what is left of b (q,) or (q, k)."""
        gradient = self.matrix.T @ left + HEAVIER**2 * (self._summed.T @ (self.sums @ left))
        found = self._once(gradient)
        return np.asarray(found - self._beside @ np.linalg.solve(self._small, self._summed @ found))

    def smallest(self) -> float:
        """Return about the smallest eigenvalue of D AᵀA D (dimensionless): `SHIFT` for what nothing determines."""
        from scipy.linalg import cho_solve_banded

        found = np.random.default_rng(0).standard_normal(len(self._scale))
        for _ in range(INVERSE):
            found = cho_solve_banded((self._factor, True), found / np.linalg.norm(found))
        return float(1 / np.linalg.norm(found))

    def _once(self, right: Array) -> Array:
        """Return (AᵀA)⁻¹g for one or several g, shape (N,) or (N, k)."""
        from scipy.linalg import cho_solve_banded

        scale, found = self._scale.reshape(-1, *[1] * (right.ndim - 1)), np.empty_like(right)
        found[self._order] = cho_solve_banded((self._factor, True), (scale * right)[self._order])
        return np.asarray(scale * found)


class Bordered:
    """min ‖Ac + Cs − b‖² + κ²‖M(Ac + Cs − b)‖² for few more columns C, of which A may have next to nothing.

    s is what explains best what A leaves of b by what it leaves of C; c follows. Directions of which A leaves less than
    `OWN` of the most are A's.

    Parameters
    ----------
    normal : NormalEquations
        A and M.
    columns : array (q, k)
        C, which is scaled in place.
    """

    def __init__(self, normal: NormalEquations, columns: Array) -> None:
        norms = np.linalg.norm(columns, axis=0)
        self._scale = 1 / np.where(norms > 0, norms, 1.0)
        columns *= self._scale
        self._normal, self._columns = normal, columns
        self._reached = normal.step(columns)
        left = columns - normal.matrix @ self._reached
        self._weighed = left + HEAVIER**2 * (normal.sums.T @ (normal.sums @ left))
        self._inverse = np.linalg.pinv(self._weighed.T @ left, rcond=OWN**2, hermitian=True)

    def solve(self, right: Array) -> Array:
        """Return c and s, (N + k,), for b (q,); raise `numpy.linalg.LinAlgError` where that is not finite."""
        if not np.isfinite(right).all():
            raise np.linalg.LinAlgError("b is not finite")
        found, beside = np.zeros(self._reached.shape[0]), np.zeros(self._reached.shape[1])
        for _ in range(1 + REFINED):
            left = right - self._normal.matrix @ found - self._columns @ beside
            step = self._normal.step(left)
            more = self._inverse @ (self._weighed.T @ (left - self._normal.matrix @ step))
            found, beside = found + step - self._reached @ more, beside + more
        return np.concatenate([found, self._scale * beside])


def _width(matrix: Any, order: Array) -> int:
    place = np.argsort(order)
    return int(np.abs(place[matrix.row] - place[matrix.col]).max(initial=0))
