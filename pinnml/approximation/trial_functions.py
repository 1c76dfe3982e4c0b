"""What an error is sought in: splines of every field, and displacements of all fields along one axis."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.splines import SplineField, SplineSpace
from pinnml.approximation.values import derivative_values
from pinnml.network import AbstractNetwork
from pinnml.problem import FieldDerivative, Problem
from pinnml.settings import record

Array = np.ndarray


class AbstractTrialFunctions(ABC):
    """Functions that each of a space's splines makes: `each` of them, numbered one after the other."""

    space: SplineSpace
    each: int

    @property
    def size(self) -> int:
        """How many functions there are."""
        return self.each * self.space.size

    @abstractmethod
    def place(self, symbol: FieldDerivative) -> int:
        """Return which of a spline's functions changes a field."""

    @abstractmethod
    def values(self, x: Array, symbols: Sequence[FieldDerivative]) -> Iterator[Array]:
        """Yield derivatives of fields at points x (n, d) by the w splines that do not vanish there, (n, w) each."""

    def field(self, coefficients: Array) -> SplineField:
        """Return the splines with coefficients (`size`,): one function for each of `each`."""
        edges = tuple(torch.from_numpy(edges) for edges in self.space.edges)
        shaped = np.ascontiguousarray(coefficients.reshape(-1, self.each).T)
        return SplineField(edges, self.space.degree, torch.from_numpy(shaped))

    def combined(self, coefficients: Array, x: Array, symbols: Sequence[FieldDerivative]) -> Array:
        """Return the derivatives that functions with coefficients (`size`,) have at points x (n, d), shape (k, n)."""
        local = coefficients.reshape(-1, self.each)[self.space.columns(x)]
        parts = zip(symbols, self.values(x, symbols), strict=True)
        return np.stack([(local[..., self.place(symbol)] * value).sum(-1) for symbol, value in parts])


@dataclass(frozen=True)
class FieldSplines(AbstractTrialFunctions):
    """Every spline as a function of each of `each` fields."""

    space: SplineSpace
    each: int

    def place(self, symbol: FieldDerivative) -> int:
        """Return the field's own number."""
        return symbol.field

    def values(self, x: Array, symbols: Sequence[FieldDerivative]) -> Iterator[Array]:
        """Yield the derivatives of the splines."""
        for symbol in symbols:
            yield self.space.derivatives(x, symbol.index)


@dataclass(frozen=True)
class Displacements(AbstractTrialFunctions):
    """Splines ξ by which all fields are displaced along an axis: ξ ∂_a u, of which splines may know nothing.

    A front that is narrower than the cells of splines for u is as narrow here as in the network, however wide the cells
    of ξ are.
    """

    space: SplineSpace
    axis: int
    problem: Problem
    network: AbstractNetwork
    theta: Tensor
    each: int = 1

    def place(self, symbol: FieldDerivative) -> int:
        """Return 0: one displacement moves all fields."""
        return 0

    def values(self, x: Array, symbols: Sequence[FieldDerivative]) -> Iterator[Array]:
        """Yield ∂^α(ξ ∂_a u) = Σ_{β≤α} binom(α, β) ∂^{α−β}ξ ∂^β∂_a u."""
        parts = {symbol: list(itertools.product(*(range(k + 1) for k in symbol.index))) for symbol in symbols}
        needed = list(dict.fromkeys(self._slope(symbol, part) for symbol in symbols for part in parts[symbol]))
        at = torch.from_numpy(x).to(self.theta)
        known = derivative_values(self.problem, self.network, self.theta, at, needed).double().cpu().numpy()
        slopes = dict(zip(needed, known, strict=True))
        for symbol in symbols:
            found = np.zeros((1, 1))
            for part in parts[symbol]:
                ways = math.prod(math.comb(whole, taken) for whole, taken in zip(symbol.index, part, strict=True))
                left = tuple(whole - taken for whole, taken in zip(symbol.index, part, strict=True))
                slope = slopes[self._slope(symbol, part)]
                found = found + ways * slope[:, None] * self.space.derivatives(x, left)
            yield found

    def _slope(self, symbol: FieldDerivative, index: Sequence[int]) -> FieldDerivative:
        return FieldDerivative(symbol.field, tuple(k + (axis == self.axis) for axis, k in enumerate(index)))


@record
class DisplacedField:
    """δ = s + ξ ∂_a u: splines s of every field, and splines ξ, of one, by which u is displaced along an axis a.

    The displacement ξ is in units of its coordinate.
    """

    splines: SplineField
    displacement: SplineField
    axis: int

    def __call__(self, x: Tensor, slopes: Tensor) -> Tensor:
        """Return δ at points x (n, d) from slopes ∂_a u (m, n), shape (m, n), in double precision on the CPU."""
        return self.splines(x) + self.displacement(x) * slopes.double().cpu()


def error_values(
    problem: Problem, network: AbstractNetwork, theta: Tensor, error: Callable[..., Tensor], x: Tensor
) -> Tensor:
    """Return the error of an estimate for a network at points x (n, d), shape (m, n)."""
    if not isinstance(error, DisplacedField):
        return error(x)
    index = tuple(int(axis == error.axis) for axis in range(x.shape[1]))
    slopes = [FieldDerivative(field, index) for field in range(len(problem.fields))]
    return error(x, derivative_values(problem, network, theta, x, slopes))
