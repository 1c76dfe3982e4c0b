"""A term of a problem at fixed points: residuals for any θ, and their linearisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor

from pinnml.loss.lifted import AbstractLifted, lift
from pinnml.network import AbstractLinearisation, AbstractNetwork, Workspace, closure
from pinnml.problem import MultiIndex, PointData, Problem, Term


@dataclass(frozen=True)
class PlacedTerm:
    """A term, its points x (n, d) with their named data, and all that depends on the points and not on θ.

    `scale` (n',) multiplies the residuals: √(condition weight × quadrature weight).
    """

    term: Term
    network: AbstractNetwork
    indices: tuple[MultiIndex, ...]
    x: Tensor
    scale: Tensor
    embedded: Tensor
    lifted: AbstractLifted | None
    data: PointData

    @property
    def device(self) -> torch.device:
        """Where its points lie."""
        return self.x.device

    def moved(self, network: AbstractNetwork, embedded: Tensor) -> PlacedTerm:
        """Return the term with another network, fed with what stands below it."""
        return replace(self, network=network, embedded=embedded)

    def fields(self, theta: Tensor, workspace: Workspace) -> tuple[AbstractLinearisation, Tensor]:
        """Return the network's linearisation and the jets of the fields, shape (C, m, n)."""
        linearisation = self.network.linearise(theta, self.embedded, self.indices, workspace)
        jet = linearisation.values
        return linearisation, jet if self.lifted is None else self.lifted.fields(jet)

    def at(self, theta: Tensor, workspace: Workspace) -> LinearisedTerm:
        """Return the scaled residuals at θ with their linearisation, which is good until the workspace is rewound."""
        linearisation, jet = self.fields(theta, workspace)
        with torch.enable_grad():
            leaves = [
                jet[self.indices.index(symbol.index), symbol.field].detach().requires_grad_()
                for symbol in self.term.derivatives
            ]
            values = dict(zip(self.term.derivatives, leaves, strict=True))
            residual = self.term.residual(self.x, values, self.data) * self.scale
        return LinearisedTerm(self, linearisation, leaves, residual, jet.shape)


@dataclass(frozen=True)
class LinearisedTerm:
    """Scaled residuals (q, n') of a term at some θ, and the linear map from θ to them there."""

    placed: PlacedTerm
    linearisation: AbstractLinearisation
    leaves: list[Tensor]
    graph: Tensor
    shape: torch.Size

    @property
    def residual(self) -> Tensor:
        """The residuals, shape (q, n')."""
        return self.graph.detach()

    @property
    def values(self) -> Tensor:
        """The derivatives of fields that the term names, in its order, shape (k, n)."""
        return torch.stack(self.leaves).detach()

    def coefficients(self) -> Tensor:
        """Return ∂r/∂(∂^αu) of every residual, shape (q, k, n): every point's residual is its own."""
        zero = torch.zeros_like(self.leaves[0])
        rows = [[zero if part is None else part for part in self._gradients(unit)] for unit in self._units()]
        return torch.stack([torch.stack(row) for row in rows]).detach()

    def _gradients(self, weights: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient by each named derivative, None where it does not matter."""
        return torch.autograd.grad(self.graph, self.leaves, weights, retain_graph=True, allow_unused=True)

    def _units(self) -> list[Tensor]:
        """Return the weights (q, n') that single out each of the q residuals."""
        units = torch.eye(len(self.graph), dtype=self.graph.dtype, device=self.graph.device)
        return [unit[:, None].expand_as(self.graph) for unit in units]

    def _adjoint(self, weights: Tensor) -> Tensor:
        """Return the adjoint of the network's jet (C, m, n) for weights (q, n') on the residuals."""
        cotangent = weights.new_zeros(self.shape)
        for symbol, gradient in zip(self.placed.term.derivatives, self._gradients(weights), strict=True):
            if gradient is not None:
                cotangent[self.placed.indices.index(symbol.index), symbol.field] = gradient
        return cotangent if self.placed.lifted is None else self.placed.lifted.adjoint(cotangent)

    def _unit_adjoints(self) -> list[Tensor]:
        """Return the adjoint for unit weights on each of the q residuals: every point's residual is its own."""
        return [self._adjoint(unit) for unit in self._units()]

    def _per_residual(self, per_point: Tensor) -> Tensor:
        """Add up what belongs to one residual: itself, or a point and its image."""
        if len(per_point) == self.graph.shape[1]:
            return per_point
        return per_point.view(-1, self.graph.shape[1], *per_point.shape[1:]).sum(0)

    def pullback(self, weights: Tensor, stop: int) -> Tensor:
        """Return the entries below `stop` of Jᵀ·weights, for weights of shape (q, n')."""
        return self.linearisation.pullback(self._adjoint(weights), stop)

    def rows(self, start: int, stop: int) -> Tensor:
        """Return the columns start … stop − 1 of J, shape (q·n', stop − start)."""
        blocks = [self._per_residual(self.linearisation.rows(a, start, stop)) for a in self._unit_adjoints()]
        return torch.cat(blocks) if len(blocks) > 1 else blocks[0]

    def along(self, direction: Tensor) -> Tensor:
        """Return J·direction, shape (q·n',)."""
        parts = [self._per_residual(self.linearisation.along(a, direction)) for a in self._unit_adjoints()]
        return torch.cat(parts)


def place(
    problem: Problem,
    term: Term,
    network: AbstractNetwork,
    x: Tensor,
    scale: Tensor,
    data: PointData = MappingProxyType({}),
) -> PlacedTerm:
    """Prepare a term at points x (n, d): embedding and lifting with the derivatives that the term needs."""
    indices = closure((symbol.index for symbol in term.derivatives), problem.domain.dimension)
    embedded, lifted = network.embed(x, indices), lift(problem.liftings, x, indices, network.scales)
    return PlacedTerm(term, network, indices, x, scale, embedded, lifted, data)
