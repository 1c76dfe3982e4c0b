"""Fields, derivatives and residuals of a network at any points of the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from pinnml.loss import PlacedTerm, Threads, place
from pinnml.network import AbstractNetwork, Workspace
from pinnml.problem import (
    AbstractDomain,
    DeclarationError,
    Everywhere,
    FieldDerivative,
    Problem,
    Reference,
    Term,
    suggestion,
)

CHUNK = 5000

GRID_POINTS = {1: 1001, 2: 201, 3: 41}
"""Points a coordinate of the grid on which errors and figures are made where no reference names one."""


def field_values(problem: Problem, network: AbstractNetwork, theta: Tensor, x: Tensor, names: list[str]) -> Tensor:
    """Return fields or derivatives, named as in a residual, at points x (n, d); shape (len(names), n)."""
    symbols = [problem.vocabulary.symbol(name, "the solution's arguments") for name in names]
    derivatives = [symbol for symbol in symbols if isinstance(symbol, FieldDerivative)]
    if len(derivatives) < len(symbols):
        strange = next(n for n, s in zip(names, symbols, strict=True) if not isinstance(s, FieldDerivative))
        raise DeclarationError(
            f"{strange!r} is no field and no derivative; where: the solution's arguments. "
            f"{suggestion(strange, problem.fields)}"
        )
    asked = Term("values", 1.0, Everywhere(), tuple(dict.fromkeys(derivatives)), lambda x, values, data: x)

    def values(placed: PlacedTerm, workspace: Workspace) -> Tensor:
        _, jet = placed.fields(theta, workspace)
        return torch.stack([jet[placed.indices.index(symbol.index), symbol.field] for symbol in derivatives])

    return _in_chunks(problem, network, asked, x, values, Threads(1))


def residual_values(
    problem: Problem, network: AbstractNetwork, theta: Tensor, name: str, x: Tensor, threads: Threads | None = None
) -> Tensor:
    """Return the unweighted residuals of an interior condition at points x (n, d), shape (q, n).

    Chunks of points run side by side on `threads`, one after another without them.
    """

    def values(placed: PlacedTerm, workspace: Workspace) -> Tensor:
        return placed.at(theta, workspace).residual.clone()  # the workspace is used again

    return _in_chunks(problem, network, problem.terms[name], x, values, threads or Threads(1))


def _in_chunks(
    problem: Problem,
    network: AbstractNetwork,
    term: Term,
    x: Tensor,
    function: Callable[[PlacedTerm, Workspace], Tensor],
    threads: Threads,
) -> Tensor:
    placed = [place(problem, term, network, part, torch.ones_like(part[:, 0])) for part in x.split(CHUNK)]
    with torch.no_grad():
        return torch.cat(threads.map(function, placed), 1)


def uniform_axes(domain: AbstractDomain, reference: Reference | None) -> dict[str, np.ndarray]:
    """Return the coordinates of the grid for errors and figures: the reference's where there is one."""
    count = GRID_POINTS.get(domain.dimension, 11)
    counts: Mapping[str, int] = reference.grid if reference is not None else dict.fromkeys(domain.names, count)
    bounds = zip(domain.names, domain.lower, domain.upper, strict=True)
    return {name: np.linspace(low, high, counts[name]) for name, low, high in bounds}


def grid_points(axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return all points of a tensor-product grid, shape (∏ n_i, d), the last coordinate running fastest."""
    return np.stack([mesh.ravel() for mesh in np.meshgrid(*axes.values(), indexing="ij")], 1)


class Scorer:
    """Compares fields with a reference on its grid, whose values are computed once."""

    def __init__(self, problem: Problem, reference: Reference) -> None:
        self._problem = problem
        self.axes = uniform_axes(problem.domain, reference)
        points = grid_points(self.axes)
        self._x = torch.from_numpy(points)
        exact = reference(dict(zip(problem.domain.names, points.T, strict=True)))
        for field, values in exact.items():
            if values.shape != (len(points),) or not np.isfinite(values).all():
                raise DeclarationError(
                    f"The reference of {field!r} gives values of shape {values.shape} for {len(points)} points, "
                    f"{np.isfinite(values).sum()} of them finite; where: reference; return one finite number a point."
                )
        self.exact = np.stack([exact[field] for field in problem.fields])

    def errors(self, network: AbstractNetwork, theta: Tensor) -> np.ndarray:
        """Return u − u_reference on the grid, shape (m, n)."""
        values = field_values(self._problem, network, theta, self._x.to(theta), list(self._problem.fields))
        return values.double().cpu().numpy() - self.exact

    def relative_l2(self, network: AbstractNetwork, theta: Tensor) -> float:
        """Return ‖u − u_reference‖₂ / ‖u_reference‖₂ over all fields and grid points (dimensionless)."""
        return float(np.linalg.norm(self.errors(network, theta)) / np.linalg.norm(self.exact))
