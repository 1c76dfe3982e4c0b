"""A term of a problem at fixed points: residuals for any θ, and their linearisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor

from pinnml.loss.lifted import AbstractLifted, lift
from pinnml.network import AbstractLinearisation, AbstractNetwork, Workspace, closure
from pinnml.problem import MultiIndex, PointData, Problem, Term, Unknown


@dataclass(frozen=True)
class PlacedTerm:
    """A term, the points x (n, d) of its stencils with their named data, and all that depends on them and not on θ.

    `scale` (n',) multiplies the residuals: √(condition weight × quadrature weight). θ holds the parameters of the
    network, then one number for each of the `unknowns` of the problem.
    """

    term: Term
    network: AbstractNetwork
    indices: tuple[MultiIndex, ...]
    x: Tensor
    scale: Tensor
    embedded: Tensor
    lifted: AbstractLifted | None
    data: PointData
    unknowns: tuple[Unknown, ...] = ()

    @property
    def size(self) -> int:
        """The number p of entries of θ."""
        return self.network.size + len(self.unknowns)

    @property
    def device(self) -> torch.device:
        """Where its points lie."""
        return self.x.device

    def moved(self, network: AbstractNetwork, embedded: Tensor) -> PlacedTerm:
        """Return the term with another network, fed with what stands below it."""
        return replace(self, network=network, embedded=embedded)

    def fields(self, theta: Tensor, workspace: Workspace) -> tuple[AbstractLinearisation, Tensor]:
        """Return the network's linearisation and the jets of the fields, shape (C, m, n)."""
        own = theta[: self.network.size] if self.unknowns else theta
        linearisation = self.network.linearise(own, self.embedded, self.indices, workspace)
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
            ends = theta.detach()[self.network.size :]
            leaves += [
                symbol.unknown.value(ends[symbol.number]).expand(len(self.x)).clone().requires_grad_()
                for symbol in self.term.unknowns
            ]
            values = dict(zip(self.term.learned, leaves, strict=True))
            residual = self.term.residual(self.x, values, self.data) * self.scale
        return LinearisedTerm(self, linearisation, leaves, residual, jet.shape, ends)


@dataclass(frozen=True)
class LinearisedTerm:
    """Scaled residuals (q, n') of a term at some θ, and the linear map from θ to them there.

    `unknowns` (k,) are the last entries of θ, which stand for the parameters that are learned.
    """

    placed: PlacedTerm
    linearisation: AbstractLinearisation
    leaves: list[Tensor]
    graph: Tensor
    shape: torch.Size
    unknowns: Tensor

    @property
    def residual(self) -> Tensor:
        """The residuals, shape (q, n')."""
        return self.graph.detach()

    @property
    def values(self) -> Tensor:
        """The derivatives of fields that the term names, in its order, shape (k, n)."""
        return torch.stack(self.leaves[: len(self.placed.term.derivatives)]).detach()

    def coefficients(self) -> Tensor:
        """Return ∂r/∂(∂^αu) of every residual, shape (q, k, n): every point's residual is its own."""
        zero, count = torch.zeros_like(self.leaves[0]), len(self.placed.term.derivatives)
        rows = [[zero if part is None else part for part in self._gradients(unit)[:count]] for unit in self._units()]
        return torch.stack([torch.stack(row) for row in rows]).detach()

    def _gradients(self, weights: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient by each named derivative, then by each unknown, None where it does not matter."""
        with torch.enable_grad():  # of a sum: a gradient that is handed to torch has it load symbolic algebra first
            whole = (weights * self.graph).sum()
        return torch.autograd.grad(whole, self.leaves, retain_graph=True, allow_unused=True)

    def _units(self) -> list[Tensor]:
        """Return the weights (q, n') that single out each of the q residuals."""
        units = torch.eye(len(self.graph), dtype=self.graph.dtype, device=self.graph.device)
        return [unit[:, None].expand_as(self.graph) for unit in units]

    def _adjoint(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the adjoints of the network's jet (C, m, n) and of the unknowns (k, n) for weights (q, n')."""
        term, gradients = self.placed.term, self._gradients(weights)
        cotangent = weights.new_zeros(self.shape)
        for symbol, gradient in zip(term.derivatives, gradients, strict=False):
            if gradient is not None:
                cotangent[self.placed.indices.index(symbol.index), symbol.field] = gradient
        ends = weights.new_zeros(len(self.unknowns), self.shape[-1])
        for unknown, gradient in zip(term.unknowns, gradients[len(term.derivatives) :], strict=True):
            if gradient is not None:
                ends[unknown.number] = gradient * unknown.unknown.slope(self.unknowns[unknown.number])
        return cotangent if self.placed.lifted is None else self.placed.lifted.adjoint(cotangent), ends

    def _unit_adjoints(self) -> list[tuple[Tensor, Tensor]]:
        """Return the adjoints for unit weights on each of the q residuals: every point's residual is its own."""
        return [self._adjoint(unit) for unit in self._units()]

    def _per_residual(self, per_point: Tensor) -> Tensor:
        """Add up what belongs to one residual: itself, a point and its image, or all points of a stencil."""
        if len(per_point) == self.graph.shape[1]:
            return per_point
        return per_point.view(-1, self.graph.shape[1], *per_point.shape[1:]).sum(0)

    def pullback(self, weights: Tensor, stop: int) -> Tensor:
        """Return the entries below `stop` of Jᵀ·weights, for weights of shape (q, n')."""
        cotangent, ends = self._adjoint(weights)
        size = self.placed.network.size
        gradient = self.linearisation.pullback(cotangent, min(stop, size))
        return gradient if stop <= size else torch.cat([gradient, ends[: stop - size].sum(1)])

    def rows(self, start: int, stop: int) -> Tensor:
        """Return the columns start … stop − 1 of J, shape (q·n', stop − start); some of them are the network's."""
        size = self.placed.network.size

        def columns(cotangent: Tensor, ends: Tensor) -> Tensor:
            own = self.linearisation.rows(cotangent, start, min(stop, size))
            # points run fastest in memory, as in the network's own
            return own if stop <= size else torch.cat([own.T, ends[: stop - size]]).T

        blocks = [self._per_residual(columns(*adjoints)) for adjoints in self._unit_adjoints()]
        return torch.cat(blocks) if len(blocks) > 1 else blocks[0]

    def cotangents(self) -> list[Tensor]:
        """Return the derivatives of each of the q residuals by the network's jet, shape (C, m, n) each."""
        return [cotangent for cotangent, _ in self._unit_adjoints()]

    def rows_of(self, other: AbstractLinearisation, cotangents: Sequence[Tensor], start: int, stop: int) -> Tensor:
        """Return the columns that J would have of parameters of another network whose output is added to this one's.

        `cotangents` are this term's own.
        """
        return torch.cat([self._per_residual(other.rows(one, start, stop)) for one in cotangents])

    def along(self, direction: Tensor) -> Tensor:
        """Return J·direction, shape (q·n',)."""
        own, ends = direction[: self.placed.network.size], direction[self.placed.network.size :]

        def product(cotangent: Tensor, adjoint: Tensor) -> Tensor:
            found = self.linearisation.along(cotangent, own)
            return found + ends @ adjoint if len(ends) else found

        return torch.cat([self._per_residual(product(*adjoints)) for adjoints in self._unit_adjoints()])


def place(
    problem: Problem,
    term: Term,
    network: AbstractNetwork,
    x: Tensor,
    scale: Tensor,
    data: PointData = MappingProxyType({}),
) -> PlacedTerm:
    """Prepare a term at points x (n, d): embedding and lifting with the derivatives that the term needs."""
    return next(place_each(problem, term, network, [(x, scale, data)]))


def place_each(
    problem: Problem, term: Term, network: AbstractNetwork, parts: Sequence[tuple[Tensor, Tensor, PointData]]
) -> Iterator[PlacedTerm]:
    """Yield a term at several sets of points x (n, d), each with its scale (n',) and data, as `place` prepares it."""
    points = [term.stencil(x) for x, _, _ in parts]
    indices = closure((symbol.index for symbol in term.derivatives), problem.domain.dimension)
    unknowns = tuple(problem.unknowns.values())
    for x, (_, scale, data), embedded in zip(points, parts, network.embed_each(points, indices), strict=True):
        lifted = lift(problem.liftings, x, indices, network.scales)
        yield PlacedTerm(term, network, indices, x, scale, embedded, lifted, data, unknowns)
