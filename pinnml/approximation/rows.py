"""The linearised rows of a term at points, and what they make of functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.splines import SplineSpace
from pinnml.approximation.trial_functions import AbstractTrialFunctions
from pinnml.approximation.values import in_chunks
from pinnml.loss import PlacedTerm
from pinnml.network import AbstractNetwork, Workspace
from pinnml.problem import Box, Pair, Parts, Problem, Term
from pinnml.problem.reference import grid_points

Array = np.ndarray

NODES = 2
"""Gauss points of a cell along each coordinate: with cubic splines there are about 2^d equations an unknown."""


BLOCKS = {1: 8, 2: 8, 3: 4}
"""Blocks along each axis, by dimension, over each of which what an equation's residuals add up to is explained."""

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

    @cached_property
    def flat(self) -> Array:
        """The same as numbers in double precision on the host."""
        return self.points.double().cpu().numpy()

    @property
    def sums(self) -> Any:
        """What adds up each residual over equal blocks of the box, rows of norm one for rows times `root`; sparse."""
        from scipy.sparse import block_diag, csr_array

        x = self.x[:, 0].double().cpu().numpy()
        along, low = BLOCKS[x.shape[1]], x.min(0)
        place = np.minimum(along * (x - low) / (x.max(0) - low), along - 1).astype(np.int64)
        _, block = np.unique(np.ravel_multi_index(tuple(place.T), (along,) * x.shape[1]), return_inverse=True)
        whole = np.bincount(block, self.weights)
        values = np.sqrt(self.weights / whole[block])
        one = csr_array((values, (block, np.arange(len(x)))), shape=(len(whole), len(x)))
        return block_diag([one] * len(self.residual), format="csr")

    def matrix(self, functions: AbstractTrialFunctions) -> Any:
        """Return what takes coefficients of functions δ to L δ; (q·n, size), sparse."""
        from scipy.sparse import csr_array

        (count, images, _), flat, each = self.x.shape, self.flat, functions.each
        coefficients = self.coefficients.flatten(2).double().cpu().numpy()[..., None]
        columns = functions.space.columns(flat)
        local = np.zeros((len(coefficients), each, *columns.shape))
        values = functions.values(flat, self.term.derivatives)
        for number, (symbol, value) in enumerate(zip(self.term.derivatives, values, strict=True)):
            local[:, functions.place(symbol)] += coefficients[:, number] * value
        numbers = columns * each + np.arange(each)[:, None, None]
        indices = np.moveaxis(numbers.reshape(each, images, count, -1), 2, 0).reshape(count, -1)
        data = np.moveaxis(local.reshape(len(local), each, images, count, -1), 3, 1)
        starts = np.arange(len(local) * count + 1) * indices.shape[1]
        parts = data.ravel(), np.tile(indices, (len(local), 1)).ravel(), starts
        found = csr_array(parts, shape=(len(starts) - 1, functions.size))
        found.sum_duplicates()  # points of one stencil may lie in one cell
        return found

    def remainder(self, change: Array) -> Array:
        """Return what is not linear of r(u − δ) − r(u), shape (q·n,), for the derivatives (k, s·n) of δ."""
        step = torch.from_numpy(change).to(self.values)
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
