"""The linearised equations of an error, in a space of splines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.normal import NormalEquations
from pinnml.approximation.splines import SplineField, SplineSpace
from pinnml.approximation.values import in_chunks
from pinnml.loss import PlacedTerm
from pinnml.network import AbstractNetwork, Workspace
from pinnml.problem import Box, Everywhere, Pair, Parts, Problem, Term
from pinnml.problem.reference import grid_points

Array = np.ndarray

NODES = 2
"""Gauss points of a cell along each coordinate: with cubic splines there are about 2^d equations an unknown."""


CHUNK = 1000
"""Points that are linearised at once: a run should not need more memory at its end than it needed before."""


@dataclass(frozen=True)
class LinearisedRows:
    """A term at points with their images x (n, s, d), of which each has its weight (n,).

    s is 2 for `Pair`, else the number of points of its stencil.

    `values` (k, s, n) are the derivatives that it names, `coefficients` (q, k, s, n) those of its `residual` (q, n) by
    them.
    """

    term: Term
    x: Tensor
    weights: Array
    values: Tensor
    coefficients: Tensor
    residual: Tensor

    @property
    def root(self) -> Array:
        """The square roots of the weights for all q residuals, shape (q·n,)."""
        return np.tile(np.sqrt(self.weights), len(self.residual))

    @property
    def points(self) -> Tensor:
        """All points, then all images, shape (s·n, d)."""
        return self.x.transpose(0, 1).flatten(0, 1)

    def matrix(self, space: SplineSpace, fields: int) -> Any:
        """Return what takes splines' coefficients, field by field for each function, to L δ; (q·n, m·N), sparse."""
        from scipy.sparse import csr_array

        (count, images, _), flat = self.x.shape, self.points.double().cpu().numpy()
        coefficients = self.coefficients.flatten(2).double().cpu().numpy()[..., None]
        columns = space.columns(flat)
        local = np.zeros((len(coefficients), fields, *columns.shape))
        for number, symbol in enumerate(self.term.derivatives):
            local[:, symbol.field] += coefficients[:, number] * space.derivatives(flat, symbol.index)
        numbers = columns * fields + np.arange(fields)[:, None, None]
        indices = np.moveaxis(numbers.reshape(fields, images, count, -1), 2, 0).reshape(count, -1)
        data = np.moveaxis(local.reshape(len(local), fields, images, count, -1), 3, 1)
        starts = np.arange(len(local) * count + 1) * indices.shape[1]
        parts = data.ravel(), np.tile(indices, (len(local), 1)).ravel(), starts
        found = csr_array(parts, shape=(len(starts) - 1, fields * space.size))
        found.sum_duplicates()  # points of one stencil may lie in one cell
        return found

    def remainder(self, change: SplineField) -> Array:
        """Return what is not linear of r(u − δ) − r(u), shape (q·n,)."""
        space, flat = change.space, self.points.double().cpu().numpy()
        columns = space.columns(flat)
        parts = [
            (change.coefficients.numpy()[symbol.field, columns] * space.derivatives(flat, symbol.index)).sum(-1)
            for symbol in self.term.derivatives
        ]
        step = torch.from_numpy(np.stack(parts)).to(self.values)
        shifted = dict(zip(self.term.derivatives, self.values.flatten(1) - step, strict=True))
        after = self.term.residual(self.points, shifted, {})
        linear = (self.coefficients * step.view_as(self.values)).sum((1, 2))
        return (after - self.residual + linear).double().cpu().numpy().ravel()


def linearised_rows(
    problem: Problem, network: AbstractNetwork, theta: Tensor, term: Term, space: SplineSpace
) -> LinearisedRows:
    """Evaluate a term and its derivatives at the Gauss points of a space, inside or on the faces where it holds."""
    points, weights = _stencils(problem, term, space.nodes(NODES))
    x, named = torch.from_numpy(points).to(theta), len(term.derivatives)

    def packed(placed: PlacedTerm, workspace: Workspace) -> Tensor:
        at = placed.at(theta, workspace)
        shape = (-1, at.residual.shape[1])
        return torch.cat([at.residual, at.values.view(shape), at.coefficients().view(shape)])

    found = in_chunks(problem, network, term, x if x.shape[1] > 1 else x[:, 0], packed, None, CHUNK)
    if term.stencil.count > 1:
        x = term.stencil(x[:, 0]).unflatten(0, (term.stencil.count, -1)).transpose(0, 1)
    count, images = x.shape[:2]
    residuals = (len(found) - named * images) // (1 + named * images)
    residual, values, coefficients = found.split([residuals, named * images, residuals * named * images])
    values = values.view(named, images, count)
    return LinearisedRows(term, x, weights, values, coefficients.view(-1, *values.shape), residual)


def _stencils(problem: Problem, term: Term, nodes: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return points with their images (n, s, d), and weights (n,) that sum to one."""
    assert isinstance(problem.domain, Box)
    match term.region:
        case Parts(names=names):
            parts = [_on(problem.domain, nodes, name) for name in names]
            points, weights = (np.concatenate(both) for both in zip(*parts, strict=True))
            return points[:, None], weights / len(names)
        case Pair(sides=sides):
            parts = [_on(problem.domain, nodes, name) for name in sides]
            return np.stack([points for points, _ in parts], 1), parts[0][1]
        case _:
            points, weights = _on(problem.domain, nodes, None)
            return points[:, None], weights


def _on(box: Box, nodes: Sequence[tuple[Array, Array]], part: str | None) -> tuple[Array, Array]:
    """Return the product of nodes inside, or on a face, with weights."""
    along = list(nodes)
    if part is not None:
        face = box.face(part, "part")
        along[face.axis] = np.array([box.position(face)]), np.ones(1)
    points = grid_points({name: axis for name, (axis, _) in zip(box.names, along, strict=True)})
    return points, np.asarray(reduce(np.multiply.outer, [weights for _, weights in along])).ravel()


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

    Raises
    ------
    numpy.linalg.LinAlgError
        Where δ or what it is made of is not finite.
    """

    def __init__(self, problem: Problem, network: AbstractNetwork, theta: Tensor, space: SplineSpace) -> None:
        from scipy.sparse import diags_array, vstack

        self._space, self._fields = space, len(problem.fields)
        self.rows = [linearised_rows(problem, network, theta, term, space) for term in problem.terms.values()]
        blocks = [diags_array(rows.root) @ rows.matrix(space, self._fields) for rows in self.rows]
        traces = [rows.term.weight * float(block.power(2).sum()) for rows, block in zip(self.rows, blocks, strict=True)]
        inside = [rows.term.region.whole_domain for rows in self.rows]
        most = sum(trace for trace, interior in zip(traces, inside, strict=True) if interior)
        scales = [
            math.sqrt(rows.term.weight * (1.0 if interior or trace == 0 else most / trace))
            for rows, interior, trace in zip(self.rows, inside, traces, strict=True)
        ]
        self._roots = [scale * rows.root for scale, rows in zip(scales, self.rows, strict=True)]
        matrix = vstack([scale * block for scale, block in zip(scales, blocks, strict=True)])
        self._normal = NormalEquations(matrix.tocsr())

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

    def solve(self) -> SplineField:
        """Return δ for the residuals r."""
        return self._solved([rows.residual.double().cpu().numpy().ravel() for rows in self.rows])

    def again(self, change: SplineField) -> SplineField:
        """Return what a further step with the same matrix would add to δ, from what is not linear of r(u − δ)."""
        return self._solved([rows.remainder(change) for rows in self.rows])

    def _solved(self, residuals: Sequence[Array]) -> SplineField:
        right = np.concatenate([root * part for root, part in zip(self._roots, residuals, strict=True)])
        found = self._normal.solve(right).reshape(-1, self._fields).T
        edges = tuple(torch.from_numpy(edges) for edges in self._space.edges)
        return SplineField(edges, self._space.degree, torch.from_numpy(np.ascontiguousarray(found)))
