"""The error of a readout without a reference: what its last neurons have changed, from one factorisation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.approximation.elsewhere import fresh_points, losses_elsewhere
from pinnml.approximation.linearity import is_straight
from pinnml.approximation.values import field_values
from pinnml.errors import DeclarationError
from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork, neurons_of
from pinnml.objective import Evaluation, RootModel
from pinnml.optim import Estimate

PROBES = 4096
"""Points at which functions are compared, and residuals looked at."""

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""The shares of the neurons whose solutions are compared with that of them all."""

RATES = (-2.0, 2.0)
"""The rates that are tried, as powers of ten."""

FLAT = 0.6
"""Differences fall to at most 0.42 of the first one, however slow the convergence; rounding does not fall."""

LARGEST = 1e-2
"""An estimate above this is not trusted, nor is one where so much of the residual is left: little is known yet."""

GAP = 10.0
"""The residual's mean square at fresh points may be so many times that at the fitted ones."""

SLOWER = 5.0
"""An error for which the residual stands, of so many times what neurons have last changed, is more than slow decay."""

ROUNDING = 10.0
"""An estimate is never below so many units of rounding."""


def hierarchical_surplus(objective: PinnObjective, theta: Tensor, last: Differences | None = None) -> Estimate:
    """Estimate the error of a readout on the points that it was fitted to.

    The spaces V_m of the first m neurons are nested, and so are the triangles of their Jacobians: J = QR gives the
    best u_m of every V_m by its leading block. With u of all M neurons, ‖u − u_m‖/‖u‖ is the error of u_m but for that
    of u (hierarchical estimates: Bank, Smith, SIAM J. Numer. Anal. 30, 1993). The error falls like exp(−c m^{1/d}) for
    smooth functions of d coordinates; what that means for M is the estimate (`decay`). Equations that are not linear
    are linearised at the last step's start, as `last` has been looked at with `differences_of_last_step`: where that is
    old all that its model has left out counts as error, and nothing is trusted. Without `last` they are linearised at θ
    in that case.

    Where their residual stays although neurons change u less and less, θ is stuck where no small change leads to a root
    of r (u_xx u_yy − u_xy² = f with the other sign of u_xy at a corner), and the error is at least `standing`.

    Raises
    ------
    DeclarationError
        For a network that is no frozen one with levels of neurons.
    """
    network = objective.network
    if not isinstance(network, FrozenNetwork) or not network.levels:
        what = f"{type(network).__name__} has no levels of neurons"
        raise DeclarationError(what, "hierarchical_surplus", "widen a frozen network, as Readouts does")
    x = fresh_points(objective, PROBES, torch.Generator().manual_seed(0))
    found = differences_of_last_step(objective, theta) if last is None else last
    is_old = found is None or found.is_old
    if found is None or (is_old and last is None):
        objective.count(Evaluation.MODEL)
        found = _differences(objective, theta, objective.square_root(theta), x, theta)
    # by the model at θ itself u is off by as much as a further step would change it, by an old one perhaps by more
    left = found.remainder if is_old else dict.fromkeys(objective.problem.fields, 0.0)
    least = ROUNDING * torch.finfo(theta.dtype).eps
    errors = {name: max(decay(parts, x.shape[1])[0], least, left[name]) for name, parts in found.differences.items()}
    losses = objective.losses(theta)
    doubts = [
        *(["The last step has changed the linear model"] if is_old and last is not None else []),
        *(f"Of {name} too little is known yet, {error:.1e}" for name, error in errors.items() if error > LARGEST),
        *_left(objective, losses, 0 * theta),
        *_gaps(losses, losses_elsewhere(objective, theta, x)),
    ]
    known: dict[str, Any] = {"method": "hierarchical surplus", "differences": found.differences, "nearby": found.nearby}
    if doubts:
        return Estimate(errors, False, f"{'; '.join(doubts)}.", **known)
    floors = {name: standing(parts, found.gains, sum(losses.values())) for name, parts in found.differences.items()}
    is_far = any(floors[name] > SLOWER * error for name, error in errors.items())
    if is_far and not is_straight(objective, theta):
        errors = {name: max(error, floors[name]) for name, error in errors.items()}
        reason = "Neurons change the solution less and less, and leave the residual as it is."
        return Estimate(errors, False, reason, **known, stuck=True)
    return Estimate(errors, True, "The equations hold, between the points as at them.", **known)


@dataclass(frozen=True)
class Differences:
    """‖u − u_m‖/‖u‖ for the first `SHARES` of the neurons by field, θ of the last u_m, and what is not linear.

    `remainder` is how far the u that is best by the linear model is from that of the iterate, relative to it, by field.
    `gains` are by how much more the loss is for each u_m than for all neurons, as the linear model has it.
    """

    differences: Mapping[str, tuple[float, ...]]
    nearby: Tensor
    remainder: Mapping[str, float]
    gains: tuple[float, ...]

    @property
    def is_old(self) -> bool:
        """Whether the model says less about u than what it has left out."""
        return max(self.remainder.values()) > min(max(parts) for parts in self.differences.values())


def differences_of_last_step(objective: PinnObjective, theta: Tensor) -> Differences | None:
    """Return what the linear model of the last step says of θ; None where none is known."""
    x = fresh_points(objective, PROBES, torch.Generator().manual_seed(0))
    return None if objective.factorised is None else _differences(objective, *objective.factorised, x, theta)


def _differences(objective: PinnObjective, at: Tensor, model: RootModel, x: Tensor, theta: Tensor) -> Differences:
    network, names = objective.network, list(objective.problem.fields)
    assert isinstance(network, FrozenNetwork)
    neurons = neurons_of(network)
    begin, best = network.size - len(names) * neurons, NestedBest(at, model, network.size)
    counts = [begin + len(names) * max(1, round(share * neurons)) for share in SHARES]
    thetas = [*(best.first(count) for count in (*counts, network.size)), theta]
    objective.count(points=len(thetas) * len(x))
    values = field_values(objective.problem, network, torch.stack(thetas), x, names)
    linear, norms = values[-2], values[-1].norm(dim=-1).clamp_min(torch.finfo(x.dtype).tiny)
    relative = (values[: len(SHARES)] - linear).norm(dim=-1) / norms
    differences = {name: tuple(relative[:, number].tolist()) for number, name in enumerate(names)}
    remainder = dict(zip(names, ((linear - values[-1]).norm(dim=-1) / norms).tolist(), strict=True))
    away = torch.stack(thetas[: len(SHARES)]) - thetas[-2]
    gains = 0.5 * (away @ model.triangle.T).square().sum(1)
    return Differences(differences, thetas[-3], remainder, tuple(gains.tolist()))


def decay(differences: Sequence[float], dimension: int) -> tuple[float, float]:
    """Return E, the error of all M neurons, and its rate c: of the first sM neurons it is E exp(c(1 − s^{1/d})).

    u − u_m is what u_m lacks but for what u lacks, too. As if the two were orthogonal, its norm squared is the
    difference of their squares, E² (exp(2c(1 − s^{1/d})) − 1). ln E is the mean over `SHARES` for the c that fits best,
    with one standard deviation added. Differences that would be of any size near M if they came from slow convergence,
    and do not fall, are rounding: the largest of them is the error then, and c is zero.
    """
    found = torch.tensor(differences, dtype=torch.float64, device="cpu")
    if not bool((found > 0).all()) or differences[-1] > FLAT * differences[0]:
        return float(found.max()), 0.0
    share = 1 - torch.tensor(SHARES, dtype=torch.float64, device="cpu") ** (1 / dimension)
    rates = torch.logspace(*RATES, 200, dtype=torch.float64, device="cpu")[:, None]
    logarithms = found.log() - 0.5 * torch.expm1(2 * rates * share).log()
    scatter = logarithms.var(1)
    best = int(scatter.argmin())
    return math.exp(float(logarithms[best].mean() + scatter[best].sqrt())), float(rates[best])


def standing(differences: Sequence[float], gains: Sequence[float], loss: float) -> float:
    """Return the error E for which all of the loss stands, if differences of u stand for what they change of it.

    The linear model has f_m = f + g_m for the u_m of the first neurons, and κ²‖u − u_m‖² = g_m gives E = √f/κ: about
    what `decay` says where f falls as the error does squared. The geometric mean over `SHARES`.
    """
    least = torch.finfo(torch.float64).tiny
    pairs = zip(differences, gains, strict=True)
    logarithms = [math.log(max(part, least)) - 0.5 * math.log(max(gain, least)) for part, gain in pairs]
    return math.sqrt(loss) * math.exp(sum(logarithms) / len(logarithms))


def _left(objective: PinnObjective, losses: Mapping[str, float], zero: Tensor) -> list[str]:
    """Return a doubt where the loss is not small against that of N = 0: u may then converge to anything."""
    objective.count()
    left = math.sqrt(sum(losses.values()) / max(float(objective.value(zero)), 1e-300))
    return [] if left <= LARGEST else [f"Of the equations' residual {left:.0e} is left"]


def _gaps(losses: Mapping[str, float], elsewhere: Mapping[str, float]) -> list[str]:
    """Return a doubt for every equation whose residual is larger between the points than at them."""
    doubts = []
    for name, found in elsewhere.items():
        if not found <= GAP * losses[name]:
            ratio = found / losses[name] if losses[name] else math.inf
            doubts.append(f"The mean square of {name!r} is {ratio:.0f} times larger at fresh points")
    return doubts


class NestedBest:
    """The best θ in every space V_k of the first k parameters, as a model at some θ sees it: R(θ' − θ) + z is least.

    The triangle of the first k columns of J is the leading block of R. What is behind the parameters of a network of
    `size` is free in every space.
    """

    def __init__(self, theta: Tensor, model: RootModel, size: int | None = None) -> None:
        self._upper, self._right = model.triangle, model.triangle @ theta - model.turned
        self._size = len(theta) if size is None else size

    def first(self, count: int) -> Tensor:
        """Return the best θ, shape (p,), whose parameters from `count` on, up to the network's last, are zero."""
        columns, right = self._upper[:, self._size :], self._right
        # below the triangle of the first ones there is nothing else than the free columns
        ends = torch.linalg.pinv(columns[count:]) @ right[count:]
        upper = right[:count] - columns[:count] @ ends
        solved = torch.linalg.solve_triangular(self._upper[:count, :count], upper[:, None], upper=True)
        return torch.cat([solved[:, 0], solved.new_zeros(self._size - count), ends])
