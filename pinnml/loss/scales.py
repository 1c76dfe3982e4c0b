"""Sizes of the fields from the equations linearised at the start, so that the network's outputs are near one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

import torch
from torch import Tensor

from pinnml.loss.balance import thinned
from pinnml.loss.discretisation import Discretisation
from pinnml.loss.pinn import PinnObjective
from pinnml.network import AbstractNetwork, ChainNetwork, FeatureMap, Layer, Normalised, Tanh, Workspace
from pinnml.problem import AbstractDomain, Problem
from pinnml.settings import Above, AtLeast, Count, setting

ROUNDS = 4
"""How often sizes and the weights of equations are found from one another; both settle in two or three."""

UNMOVED = 100.0
"""Residuals that N moves by less than so many units of rounding of what it does to others hold by construction."""


class AbstractScaling(ABC):
    """A rule for the sizes of the fields that a network's outputs stand for."""

    @abstractmethod
    def scales(self, objective: PinnObjective) -> Mapping[str, float]:
        """Return sizes by field, in the fields' units; those of fields that are left out are one."""


@setting
class LinearisedSizes(AbstractScaling):
    """s = |N| in u = g + ℓN that solves the equations, linearised at N = 0, best in a few smooth functions.

    N = Σ_j c_j tanh(a_j·(x − x_j)) for each field, and c is the least-squares solution over some points of all soft
    conditions. Every residual of every condition is divided by what fields of the present sizes do to it, ‖J_b S‖, so
    that its own units do not matter; sizes and these weights are found in turns. The size of a field is the root mean
    square of its N. It is in proportion to the field: c times the solution gives c times the size.

    A field whose size is within a factor of `far` of one keeps the scale 1, so that problems without large or small
    numbers are solved to the bit as they would be without the rule. For any other the equations are linearised again,
    at what was found, and of both sizes the one nearer to one counts: where they are not linear, the first may grow
    like e^t and the solution not. The scale is the power of two next to the size, by which no digit is rounded. Nothing
    is drawn from the run's random numbers.

    Parameters
    ----------
    fixed : mapping from str to float, default {}
        Scales that are known, by field, in its units: the rule leaves them as they are.
    far : float, default 100
        Sizes from 1/far to far count as one, at least 1.
    points : int, default 400
        The most points of a condition that are looked at, at least 1.
    functions : int, default 40
        Trial functions of each field, at least 1.
    """

    fixed: Mapping[str, Annotated[float, Above(0)]] = field(default_factory=dict)
    far: Annotated[float, AtLeast(1)] = 100.0
    points: Count = 400
    functions: Count = 40

    def scales(self, objective: PinnObjective) -> dict[str, float]:
        """Return the sizes that are far from one, and those that are fixed."""
        fields = objective.problem.fields
        found = {} if set(fields) <= set(self.fixed) else self.sizes(objective)
        far = {name: 2.0 ** round(math.log2(size)) for name, size in found.items() if not self._is_near(size)}
        return {name: float(self.fixed.get(name, far.get(name, 1.0))) for name in fields}

    def _is_near(self, size: float) -> bool:
        return not 0 < size < math.inf or 1 / self.far <= size <= self.far

    def sizes(self, objective: PinnObjective) -> dict[str, float]:
        """Return the size of every field as estimated; 0 where nothing is known of it."""
        size, found = linearised(objective, self.points, self.functions).solved()
        if not all(map(self._is_near, size.tolist())):
            again, _ = linearised(objective, self.points, self.functions, found).solved()
            size = _nearer_to_one(size, again)
        return dict(zip(objective.problem.fields, size.tolist(), strict=True))


@dataclass(frozen=True)
class LinearSystem:
    """J (q, m, k) of all residuals, and r (q,), which they are at N = 0 if linear, for m fields and k functions (k, n).

    `groups` (q,) has the number of the equation or condition that a residual belongs to.
    """

    jacobian: Tensor
    residual: Tensor
    groups: Tensor
    values: Tensor

    def solved(self) -> tuple[Tensor, Tensor]:
        """Return the root mean square of every field's N, shape (m,), and c (m, k): zero where it is not known."""
        size, found = self.jacobian.new_ones(self.jacobian.shape[1]), torch.empty(0, device="cpu")
        best = torch.zeros_like(self.jacobian[0])
        if not bool(torch.isfinite(self.residual).all() and torch.isfinite(self.jacobian).all()):
            return torch.zeros_like(size), best
        for _ in range(ROUNDS):
            found, best = self._solved(size)
            size = torch.where(found > 0, found, size)
        return found, best

    def _solved(self, size: Tensor) -> tuple[Tensor, Tensor]:
        """Return sizes and c of the best N, with each group of residuals weighed by what fields of a size do to it."""
        columns = self.jacobian * size[:, None]
        count = int(self.groups.max()) + 1
        squares = columns.new_zeros(count).index_add_(0, self.groups, columns.square().sum((1, 2)))
        moved = squares > (UNMOVED * torch.finfo(columns.dtype).eps) ** 2 * squares.max()
        weight = torch.where(moved, squares.rsqrt(), 0)[self.groups]
        matrix = (weight[:, None, None] * columns).flatten(1)
        length = matrix.norm(dim=0)
        length = torch.where(length > 0, length, 1)
        left, singular, right = torch.linalg.svd(matrix / length, full_matrices=False)
        kept = singular > torch.finfo(columns.dtype).eps ** 0.5 * singular[0]
        inverse = torch.where(kept, 1 / singular, 0)
        solved = -(right.T @ (inverse * (left.T @ (weight * self.residual)))) / length
        n = solved.view(len(size), -1) @ self.values
        return size * n.square().mean(1).sqrt(), size[:, None] * solved.view(len(size), -1)


def _nearer_to_one(size: Tensor, other: Tensor) -> Tensor:
    """Return of two sizes the one nearer to one, zero where one is not known, and one where they lie around it."""
    known = (size > 0) & (other > 0) & torch.isfinite(other)
    nearer = torch.where(size > 1, torch.minimum(size, other).clamp_min(1), torch.maximum(size, other).clamp_max(1))
    return torch.where(known, nearer, 0)


def linearised(objective: PinnObjective, points: int, functions: int, at: Tensor | None = None) -> LinearSystem:
    """Return the conditions linearised for smooth trial functions, on at most so many points of each.

    They are linearised at the N whose c is `at` (m, k), None for N = 0.
    """
    few = thinned(objective, points)
    # in single precision conditions of one system may differ by more than its digits
    double = {name: part.to(part.x.device, torch.float64) for name, part in few.collocation.items()}
    equations = objective.problem.equations
    inside = [part.x for name, part in double.items() if name in equations or not equations]
    features = _features(objective.network, objective.problem.domain)
    phi = features.jet(torch.cat(inside), [(0,) * objective.problem.domain.dimension])[0]
    weight, bias = _drawn(phi, functions)
    fields = len(objective.problem.fields)
    trial = ChainNetwork(features, [Layer(len(phi), functions, Tanh()), Layer(functions, fields)])
    begin = phi.new_zeros(fields, functions + 1) if at is None else at
    unknowns = phi.new_zeros(len(objective.problem.unknowns))  # which stay at their starts
    theta = torch.cat([weight.flatten(), bias, begin[:, :-1].flatten(), begin[:, -1], unknowns])
    rows, residuals, groups = [], [], []
    numbers: dict[tuple[str, int], int] = {}
    for chunk in few.on(Discretisation(trial, double)).chunks:
        term = chunk.at(theta, Workspace())
        part = term.rows(trial.blocks[-1].start, trial.size)
        rows.append(torch.cat([part[:, :-fields].unflatten(1, (fields, -1)), part[:, -fields:, None]], 2))
        residual = term.residual.flatten()
        residuals.append(residual if at is None else residual - rows[-1].flatten(1) @ at.flatten())
        own = [numbers.setdefault((chunk.term.name, one), len(numbers)) for one in range(len(term.residual))]
        groups += [
            torch.full_like(residual, number, dtype=torch.int64)
            for residual, number in zip(term.residual, own, strict=True)
        ]
    objective.threads.release()  # the run's chunks are of another size
    values = torch.cat([(weight @ phi + bias[:, None]).tanh(), torch.ones_like(phi[:1])])
    return LinearSystem(torch.cat(rows), torch.cat(residuals), torch.cat(groups), values)


def _features(network: AbstractNetwork, domain: AbstractDomain) -> FeatureMap:
    """Return what a chain is fed with, periodic where it is; the coordinates for any other network."""
    if isinstance(network, ChainNetwork):
        return replace(network.features, singular=())
    return Normalised().bind(domain.names, domain.lower, domain.upper)


def _drawn(phi: Tensor, functions: int) -> tuple[Tensor, Tensor]:
    """Return a (k, f) and −a·φ_j (k,) of functions that bend about once over the features (f, n) of the points."""
    generator = torch.Generator().manual_seed(0)
    deviation = phi.std(1).clamp_min(torch.finfo(phi.dtype).tiny)
    normal = torch.randn(functions, len(phi), generator=generator, dtype=torch.float64, device="cpu").to(phi)
    weight = normal / math.sqrt(len(phi)) / deviation
    centres = torch.randint(phi.shape[1], (functions,), generator=generator, device="cpu").to(phi.device)
    return weight, -(weight * phi[:, centres].T).sum(1)


def measured(problem: Problem, discretisation: Discretisation, rule: AbstractScaling | None) -> AbstractNetwork:
    """Return the network with the rule's scales, which has none where they are all one or there is no rule."""
    if rule is None:
        return discretisation.network
    found = rule.scales(PinnObjective(problem, discretisation))
    return discretisation.network.scaled([found.get(name, 1.0) for name in problem.fields])
