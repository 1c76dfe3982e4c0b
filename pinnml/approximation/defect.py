"""The linearised equations of an error, in a space of splines."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.normal import Bordered, NormalEquations
from pinnml.approximation.rows import LinearisedRows, linearised_rows
from pinnml.approximation.splines import SplineField, SplineSpace
from pinnml.approximation.trial_functions import AbstractTrialFunctions, DisplacedField, Displacements, FieldSplines
from pinnml.network import AbstractNetwork
from pinnml.problem import Box, Everywhere, Pair, Parts, Problem

Array = np.ndarray

FEW = {1: 4, 2: 4, 3: 2}
"""Cells along each axis of the splines by which fields are displaced, by dimension."""


def is_linearised(problem: Problem) -> bool:
    """Return whether all conditions hold inside a box, on its faces, or between two, and all parameters are known.

    In several coordinates equations with memory tie so many splines to one another that no band is left; and every
    field depends on all coordinates, as splines do.
    """
    kinds, terms = Everywhere | Parts | Pair, problem.terms.values()
    in_box = isinstance(problem.domain, Box) and all(isinstance(term.region, kinds) for term in terms)
    tied = problem.domain.dimension > 1 and any(term.stencil.count > 1 for term in terms)
    has_prior = any(term.prior for term in terms)
    return in_box and not (tied or has_prior or problem.unknowns) and problem.is_even


class Defect:
    """The splines δ for which Σ_c λ_c Σ_i w_i |L_c δ − r_c|²(x_i) is least, c being equations and conditions.

    Of hard conditions r is rounding. Every condition has as large a trace in the normal matrix as the equations.
    Over blocks of the box, sums of the equations' L_c δ − r_c vanish: in layers that splines do not resolve δ would
    otherwise lose what is conserved, and be far too small (Chang, Nelson, SIAM J. Numer. Anal. 34, 1997).

    Raises
    ------
    numpy.linalg.LinAlgError
        Where δ or what it is made of is not finite.
    """

    def __init__(self, problem: Problem, network: AbstractNetwork, theta: Tensor, space: SplineSpace) -> None:
        from scipy.sparse import block_diag, csr_array, diags_array, vstack

        self._problem, self._network, self._theta = problem, network, theta
        self._splines = FieldSplines(space, len(problem.fields))
        self._moved: Displacements | None = None
        self.rows = [linearised_rows(problem, network, theta, term, space) for term in problem.terms.values()]
        blocks = [diags_array(rows.root) @ rows.matrix(self._splines) for rows in self.rows]
        traces = [rows.term.weight * float(block.power(2).sum()) for rows, block in zip(self.rows, blocks, strict=True)]
        inside = [rows.term.region.whole_domain for rows in self.rows]
        most = sum(trace for trace, interior in zip(traces, inside, strict=True) if interior)
        scales = [
            math.sqrt(rows.term.weight * (1.0 if interior or trace == 0 else most / trace))
            for rows, interior, trace in zip(self.rows, inside, traces, strict=True)
        ]
        self._roots = [scale * rows.root for scale, rows in zip(scales, self.rows, strict=True)]
        matrix = vstack([scale * block for scale, block in zip(scales, blocks, strict=True)])
        sums = [
            rows.sums if interior else csr_array((0, block.shape[0]))
            for rows, block, interior in zip(self.rows, blocks, inside, strict=True)
        ]
        self._normal = NormalEquations(matrix.tocsr(), block_diag(sums, format="csr"))
        self._system: NormalEquations | Bordered = self._normal

    @property
    def smallest(self) -> float:
        """About the smallest eigenvalue of the scaled normal equations: tiny where δ is not determined."""
        return self._normal.smallest()

    @property
    def mean_squares(self) -> dict[str, float]:
        """The mean square over the nodes of each term's residuals, added up, by name."""
        return {
            rows.term.name: float((rows.residual.double().cpu().square().sum(0) * torch.from_numpy(rows.weights)).sum())
            for rows in self.rows
        }

    @property
    def lost(self) -> float:
        """The share of what residuals add up to over blocks that least squares without these sums leave unexplained."""
        right, sums = self._residuals, self._normal.sums
        left, whole = (float(np.linalg.norm(sums @ part)) for part in (self._normal.plain(right), right))
        return left / max(whole, np.finfo(float).tiny)

    def displaced(self) -> Defect:
        """Return the defect whose δ has displacements, too, along the axis that has the most cells."""
        found, domain, space = copy.copy(self), self._problem.domain, self._splines.space
        assert isinstance(domain, Box)
        axis = max(range(domain.dimension), key=lambda axis: len(space.edges[axis]))
        ends = zip(domain.lower, domain.upper, strict=True)
        cells = tuple(np.linspace(low, high, FEW[domain.dimension] + 1) for low, high in ends)
        moved = Displacements(SplineSpace(cells, space.degree), axis, self._problem, self._network, self._theta)
        both = zip(self._roots, self.rows, strict=True)
        found._moved = moved
        columns = np.concatenate([root[:, None] * rows.matrix(moved).toarray() for root, rows in both])
        found._system = Bordered(self._normal, columns)
        return found

    def solve(self) -> Array:
        """Return the coefficients of δ for the residuals r."""
        return self._system.solve(self._residuals)

    def again(self, coefficients: Array) -> Array:
        """Return what a further step with the same matrix would add to δ, from what is not linear of r(u − δ)."""
        return self._system.solve(self._right([self._remainder(rows, coefficients) for rows in self.rows]))

    def field(self, coefficients: Array) -> SplineField | DisplacedField:
        """Return δ as a function."""
        splines, *beside = self._parts(coefficients)
        field = self._splines.field(splines)
        if self._moved is None:
            return field
        return DisplacedField(field, self._moved.field(beside[0]), self._moved.axis)

    def _remainder(self, rows: LinearisedRows, coefficients: Array) -> Array:
        found = np.zeros((len(rows.term.derivatives), len(rows.flat)))
        for functions, part in zip(self._functions, self._parts(coefficients), strict=True):
            found += functions.combined(part, rows.flat, rows.term.derivatives)
        return rows.remainder(found)

    @property
    def _functions(self) -> list[AbstractTrialFunctions]:
        return [self._splines] if self._moved is None else [self._splines, self._moved]

    def _parts(self, coefficients: Array) -> list[Array]:
        """Return the coefficients of the splines, and those of the displacements where there are any."""
        return np.split(coefficients, np.cumsum([functions.size for functions in self._functions])[:-1])

    @property
    def _residuals(self) -> Array:
        return self._right([rows.residual.double().cpu().numpy().ravel() for rows in self.rows])

    def _right(self, residuals: Sequence[Array]) -> Array:
        return np.concatenate([root * part for root, part in zip(self._roots, residuals, strict=True)])
