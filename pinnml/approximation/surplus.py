"""The error of a readout without a reference: what its last neurons have changed, from one factorisation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.approximation.values import field_values, residual_values
from pinnml.errors import DeclarationError
from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork
from pinnml.objective import Part, RootModel
from pinnml.points import Sobol

PROBES = 4096
"""Points at which functions are compared, and residuals looked at."""

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""The shares of the neurons whose solutions are compared with that of them all."""

FALL = 0.5
"""From half to nine tenths of the neurons the difference has to fall to less than this share."""

GAP = 10.0
"""The residual's mean square at fresh points may be so many times that at the fitted ones."""

ROUNDING = 10.0
"""An estimate is never below so many units of rounding."""

FLOOR = 1e-14
"""Share of a column's length below which it counts as dependent on those before."""


@dataclass(frozen=True)
class Estimate:
    """The estimated relative L² error of every field (dimensionless), and whether to trust it.

    `differences` are ‖u − u_m‖/‖u‖ for the first `SHARES` of the neurons, field by field; `reason` says in a sentence
    why the estimate is trusted or not.
    """

    relative_l2: Mapping[str, float]
    differences: Mapping[str, tuple[float, ...]]
    trustworthy: bool
    reason: str


def hierarchical_surplus(objective: PinnObjective, theta: Tensor) -> Estimate:
    """Estimate the error of a readout on the points that it was fitted to.

    The spaces V_m of the first m neurons are nested, and so are the triangles of their Jacobians: J = QR gives the
    best u_m of every V_m by its leading block. With u of all M neurons, e_m = ‖u − u_m‖/‖u‖ is the error of u_m but
    for that of u (hierarchical estimates: Bank, Smith, SIAM J. Numer. Anal. 30, 1993); ln e_m is close to linear in
    m^{1/d} for smooth functions of d coordinates, and the line through it at M is the estimate. Equations that are not
    linear are linearised at u.

    Raises
    ------
    DeclarationError
        For a network that is no frozen one with levels of neurons.
    """
    network, problem = objective.network, objective.problem
    if not isinstance(network, FrozenNetwork) or not network.levels:
        what = f"{type(network).__name__} has no levels of neurons"
        raise DeclarationError(what, "hierarchical_surplus", "widen a frozen network, as Readouts does")
    order = _by_neuron(objective.structure.parts)
    neurons, fields = sum(level.neurons for level in network.levels), len(problem.fields)
    counts = [max(1, round(share * neurons)) for share in SHARES]
    model = objective.square_root(theta)
    unit = Sobol().unit(PROBES, problem.domain.dimension, torch.Generator().manual_seed(0))
    x, names = problem.domain.place(unit).to(theta), list(problem.fields)
    values = field_values(problem, network, theta, x, names)
    found: dict[str, list[float]] = {name: [] for name in names}
    for count in counts:
        first = theta + _moved(model, theta, order, len(order) - fields * (neurons - count))
        others = field_values(problem, network, first, x, names)
        for name, one, other in zip(names, values, others, strict=True):
            found[name].append(float((one - other).norm() / one.norm()))
    abscissae = torch.tensor([(count / neurons) ** (1 / problem.domain.dimension) for count in counts])
    least = ROUNDING * torch.finfo(theta.dtype).eps
    errors = {name: max(_extrapolated(abscissae.double(), found[name]), least) for name in names}
    doubts = [_doubt(name, found[name], least) for name in names] + _gaps(objective, theta, x)
    reasons = [doubt for doubt in doubts if doubt]
    reason = "; ".join(reasons) or "The differences fall, and the residual at fresh points is that at the fitted ones"
    return Estimate(errors, {name: tuple(found[name]) for name in names}, not reasons, f"{reason}.")


def _extrapolated(abscissae: Tensor, differences: list[float]) -> float:
    """Return the value at 1 of the line through ln e, at most the last e, and that where one is zero."""
    if min(differences) == 0:
        return differences[-1]
    ordinates = torch.tensor(differences, dtype=torch.float64).log()
    centred = abscissae - abscissae.mean()
    slope = float((centred * ordinates).sum() / centred.square().sum())
    return min(math.exp(float(ordinates.mean()) + slope * (1 - float(abscissae.mean()))), differences[-1])


def _doubt(name: str, differences: list[float], least: float) -> str:
    if differences[-1] <= max(FALL * differences[0], least):
        return ""
    return f"Of {name}, the last neurons change as much as those before them, {differences[-1]:.1e}"


def _gaps(objective: PinnObjective, theta: Tensor, x: Tensor) -> list[str]:
    """Return a doubt for every equation whose residual is larger between the points than at them."""
    losses, doubts = objective.losses(theta), []
    for name in objective.problem.equations:
        residuals = residual_values(objective.problem, objective.network, theta, name, x, objective.threads)
        elsewhere = 0.5 * objective.weight(name) * float(residuals.square().sum(0).mean())
        if not elsewhere <= GAP * losses[name]:
            ratio = elsewhere / losses[name] if losses[name] else math.inf
            doubts.append(f"The mean square of {name!r} is {ratio:.0f} times larger at fresh points")
    return doubts


def _by_neuron(parts: tuple[Part, ...]) -> Tensor:
    """Return the numbers of the parameters: those of the head, then neuron by neuron with all its fields."""
    numbers = [torch.arange(parts[0].start, parts[0].stop)]
    for part in parts[1:]:
        numbers.append(torch.arange(part.start, part.stop).view(part.shape).T.flatten())
    return torch.cat(numbers)


def _moved(model: RootModel, theta: Tensor, order: Tensor, count: int) -> Tensor:
    """Return d for which θ + d has the first `count` parameters of an order at their best, and zeros after them."""
    order = order.to(theta.device)
    first, last = order[:count], order[count:]
    step = torch.zeros_like(theta)
    step[last] = -theta[last]
    right = model.turned + model.triangle[:, last] @ step[last]
    columns = model.triangle[:, first]
    floor = FLOOR * columns.norm(dim=0).clamp_min(torch.finfo(theta.dtype).tiny)
    rows = torch.cat([columns, floor.diag()])
    system = torch.cat([rows, torch.cat([right, torch.zeros_like(floor)])[:, None]], 1)
    triangle = torch.linalg.qr(system, mode="r")[1]
    step[first] = -torch.linalg.solve_triangular(triangle[:count, :count], triangle[:count, count:], upper=True)[:, 0]
    return step
