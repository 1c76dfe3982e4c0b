"""The error of any network on a box without a reference: the linearised equation solved for it in splines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.defect import FEW, Defect, is_linearised
from pinnml.approximation.graded import graded
from pinnml.approximation.rows import BLOCKS, CHUNK, NODES
from pinnml.approximation.splines import SplineField, SplineSpace
from pinnml.approximation.trial_functions import DisplacedField, error_values
from pinnml.approximation.values import field_values, residual_values
from pinnml.network import AbstractNetwork
from pinnml.optim import Estimate
from pinnml.points import Sobol
from pinnml.problem import Problem

CELLS: Mapping[int, Sequence[int]] = {1: (50, 100, 200, 400), 2: (400, 1600, 6400, 12800), 3: (216, 729, 2197)}
"""Cells of the grids that are tried, by the number of coordinates; of m fields they are a share of 1/m."""

DEGREE = 3
"""The degree of the splines, or one above the highest derivative."""

PROBES = 4096
"""Points at which errors on two grids are compared, and residuals looked at."""

AGREE = 0.5
"""Two grids agree where they differ by at most so much of the error; the finer one is then off by far less."""

NONLINEAR, HOPELESS = 0.3, 1.0
"""What a further step may change, as a share of the error, and where finer grids would not help."""

UNDETERMINED = 1e-11
"""The smallest eigenvalue of the scaled normal equations is larger where they determine the error (dimensionless)."""

LOST = 0.3
"""Where least squares leave more of what residuals add up to, splines do not resolve u, and displacements are added."""

HIGHEST = 3
"""Displacements need derivatives of one order more, which of a readout of many neurons take long above this."""

METHOD = "linearised equation"

GAP = 10.0
"""The residual's mean square between the points may be so many times that at them."""


EVALUATED = 75_000_000
"""Bytes that evaluations at the probes and at nodes take."""

DENSE = 4
"""How often the columns of displacements are in memory at most."""

COPIES = 10
"""How often the entries of the sparse matrix are in memory at most, in one form or another, in numbers."""


def linearised_storage(problem: Problem) -> int:
    """Return about how many bytes `linearised_error` takes on its finest grid, 0 where it does nothing.

    The normal matrix has a band of half the width of all splines on a section of the grid; the other matrices have an
    entry for every node, residual and spline that is not zero there. Sums over blocks, and what splines make of them,
    have an entry for each spline; displacements have one for each node and residual.
    """
    if not can_be_linearised(problem):
        return 0
    dimension, fields, degree = problem.domain.dimension, len(problem.fields), _degree(problem)
    cells = CELLS[dimension][-1]
    across = (cells / fields) ** (1 / dimension) + degree
    band = fields * across**dimension * fields * degree * across ** (dimension - 1)
    nodes, residuals = cells / fields * NODES**dimension, max(fields, len(problem.equations))
    entries = nodes * residuals * fields * (degree + 1) ** dimension
    sums = 2 * residuals * BLOCKS[dimension] ** dimension * fields * across**dimension
    displaced = DENSE * nodes * residuals * (FEW[dimension] + degree) ** dimension
    return EVALUATED + round(8 * (band + COPIES * entries + sums + displaced))


def linearised_error(problem: Problem, network: AbstractNetwork, theta: Tensor) -> Estimate | None:
    """Estimate the error of a network on a box by the linearised equation for it, on grids that become finer.

    With r(u) the residuals of equations and conditions, u − u* = δ solves L_u δ = r(u) up to second order, where
    L_u = Σ_α ∂r/∂(∂^αu) ∂^α. δ is the least-squares solution in tensor-product splines on cells that are small where u
    varies, at two Gauss points a cell and coordinate, after a further step with the same matrix that takes the second
    order along. It is trusted where two grids agree, where that step changes little, and where the residual is no
    larger between the points than at them. Where splines do not resolve u, they know nothing of fronts in the wrong
    place; displacements of u, ξ ∂_a u, are then added to them, which do. δ itself is `Estimate.error`. (Defect
    correction: Stetter, Numer. Math. 29, 1978; least-squares finite elements: Bochev, Gunzburger, 2009.)

    Parameters
    ----------
    problem : Problem
        What the fields are to solve.
    network : AbstractNetwork
        Any network for the problem's coordinates and fields.
    theta : tensor (p,)
        Its parameters.

    Returns
    -------
    Estimate or None
        None for other domains than boxes of up to three coordinates, with measurements, without an equation, and where
        the network or the splines are not finite.
    """
    if not can_be_linearised(problem):
        return None
    dimension, names = problem.domain.dimension, list(problem.fields)
    x = problem.domain.sample(partial(Sobol().unit, generator=torch.Generator().manual_seed(0)), PROBES).to(theta)
    if not bool(torch.isfinite(field_values(problem, network, theta, x, names)).all()):
        return None
    grading, degree = graded(problem, network, theta), _degree(problem)
    spaces = [SplineSpace(grading.edges(math.ceil(cells / len(names))), degree) for cells in CELLS[dimension]]
    try:
        found = _climbed(problem, network, theta, spaces, x)
        judged = _judged(problem, network, theta, found, x)
        if judged.trustworthy and found[-1].lost > LOST and _order(problem) <= HIGHEST:
            found = _climbed(problem, network, theta, spaces[len(found) - 2 :], x, displaced=True)
            judged = _judged(problem, network, theta, found, x)
    except np.linalg.LinAlgError:
        return None
    return judged


def can_be_linearised(problem: Problem) -> bool:
    """Return whether `linearised_error` applies: boxes of up to three coordinates, equations, and no measurements."""
    return is_linearised(problem) and bool(problem.equations) and problem.domain.dimension in CELLS


@dataclass(frozen=True)
class Correction:
    """δ on one grid and its values at the probes by field, the share of it that is not linear, and r's mean squares.

    `smallest` is the smallest eigenvalue of the scaled normal equations, of a grid with so many `cells` by axis, and
    `lost` is `Defect.lost`.
    """

    error: SplineField | DisplacedField
    values: Mapping[str, Tensor]
    bent: Mapping[str, float]
    residuals: Mapping[str, float]
    cells: tuple[int, ...]
    smallest: float
    lost: float

    def apart(self, other: Correction) -> dict[str, float]:
        """Return how far another grid's δ is from this one, relative to it, by field."""
        return {name: _ratio(value - other.values[name], value) for name, value in self.values.items()}

    def agrees(self, other: Correction) -> bool:
        """Return whether another grid's δ differs little."""
        return max(self.apart(other).values()) <= AGREE

    @property
    def bends(self) -> float:
        """The largest share that is not linear."""
        return max(self.bent.values())

    def falls(self, other: Correction) -> float:
        """Return the power of the cells' length with which the smallest eigenvalue has fallen from another grid."""
        finer = max(own / others for own, others in zip(self.cells, other.cells, strict=True))
        return math.log(other.smallest / self.smallest) / math.log(finer)


def _climbed(
    problem: Problem,
    network: AbstractNetwork,
    theta: Tensor,
    spaces: Sequence[SplineSpace],
    x: Tensor,
    displaced: bool = False,
) -> list[Correction]:
    """Return the corrections on grids that become finer, until two agree or finer ones would not help."""
    found: list[Correction] = []
    for space in spaces:
        found.append(_corrected(problem, network, theta, space, x, displaced))
        if len(found) > 1 and (found[-1].agrees(found[-2]) or min(one.bends for one in found[-2:]) > HOPELESS):
            break
    return found


def _corrected(
    problem: Problem, network: AbstractNetwork, theta: Tensor, space: SplineSpace, x: Tensor, displaced: bool = False
) -> Correction:
    """Return δ in splines, and displacements beside them if asked for; raise `LinAlgError` where it is not finite."""
    plain = Defect(problem, network, theta, space)
    defect = plain.displaced() if displaced else plain
    first = defect.solve()
    second = defect.again(first)
    whole, step = defect.field(first + second), defect.field(second)
    values = dict(zip(problem.fields, error_values(problem, network, theta, whole, x), strict=True))
    if not all(bool(torch.isfinite(value).all()) for value in values.values()):
        raise np.linalg.LinAlgError("δ is not finite")
    steps = dict(zip(problem.fields, error_values(problem, network, theta, step, x), strict=True))
    bent = {name: _ratio(steps[name], value) for name, value in values.items()}
    cells = tuple(len(edges) - 1 for edges in space.edges)
    return Correction(whole, values, bent, plain.mean_squares, cells, plain.smallest, plain.lost)


def _judged(
    problem: Problem, network: AbstractNetwork, theta: Tensor, found: Sequence[Correction], x: Tensor
) -> Estimate:
    """Return the estimate of the finest grid, and whether to trust it."""
    before, last, names = *found[-2:], list(problem.fields)
    fields = dict(zip(names, field_values(problem, network, theta, x, names).double().cpu(), strict=True))
    errors = [{name: _ratio(value, fields[name] - value) for name, value in one.values.items()} for one in found]
    doubts = [
        *_open(problem, last, before),
        *(
            f"Two grids differ by {part:.0%} of {n}'s error"
            for n, part in last.apart(before).items()
            if not part <= AGREE
        ),
        *(
            f"A further step changes {n}'s error by {part:.0%}"
            for n, part in last.bent.items()
            if not part <= NONLINEAR
        ),
        *_gaps(problem, network, theta, last, x),
    ]
    reason = "; ".join(doubts) or "Two grids agree, and a further step changes little"
    seen = {name: tuple(one[name] for one in errors) for name in names}
    return Estimate(errors[-1], not doubts, f"{reason}.", METHOD, seen, error=last.error)


def _open(problem: Problem, last: Correction, before: Correction) -> list[str]:
    """Return a doubt where the smallest eigenvalue falls faster than derivatives of this order let it."""
    steady = last.smallest > UNDETERMINED and last.falls(before) <= 2 * _order(problem) + 2
    return [] if steady else ["Equations and conditions leave the fields open"]


def _gaps(problem: Problem, network: AbstractNetwork, theta: Tensor, last: Correction, x: Tensor) -> list[str]:
    """Return a doubt for every equation whose residual is larger between the nodes than at them."""
    doubts = []
    for name in problem.equations:
        parts = [residual_values(problem, network, theta, name, part) for part in x.split(CHUNK)]
        between = float(torch.cat(parts, -1).square().sum(0).mean())
        if not between <= GAP * last.residuals[name]:
            ratio = between / max(last.residuals[name], 1e-300)
            doubts.append(f"The mean square of {name!r} is {ratio:.0f} times larger between the nodes")
    return doubts


def _order(problem: Problem) -> int:
    """Return the order of the equations' highest derivative."""
    return max(sum(symbol.index) for term in problem.equations.values() for symbol in term.derivatives)


def _degree(problem: Problem) -> int:
    orders = [order for term in problem.terms.values() for symbol in term.derivatives for order in symbol.index]
    return max(DEGREE, 1 + max(orders))


def _ratio(part: Tensor, whole: Tensor) -> float:
    return float(part.norm() / whole.norm().clamp_min(1e-300))
