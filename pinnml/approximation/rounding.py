"""How far rounding lets a readout's values be known."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from pinnml.approximation.values import field_values
from pinnml.network import AbstractNetwork, FrozenNetwork
from pinnml.points import Sobol
from pinnml.problem import Problem

PROBES = 1000
"""Points at which rounding is looked at."""


def rounding(problem: Problem, network: AbstractNetwork, theta: Tensor) -> dict[str, float]:
    """Return ε‖Σ_k ξ_k C_k φ_k‖/‖u‖ for ξ_k ~ N(0, 1) by field: what relative changes of ε in every C_k do to u.

    Wide neurons that are many depend on one another, and their outgoing weights cancel: 1e6 and more where u is one.
    No residual shows that, and no grid: it is noise. Zero for networks that are no readouts.
    """
    names = list(problem.fields)
    if not isinstance(network, FrozenNetwork) or not network.levels:
        return dict.fromkeys(names, 0.0)
    generator = torch.Generator().manual_seed(0)
    x = problem.domain.sample(partial(Sobol().unit, generator=generator), PROBES).to(theta)
    changes = torch.randn(theta.shape, generator=generator, dtype=torch.float64, device="cpu").to(theta) * theta
    values = field_values(problem, network, torch.stack([theta, changes, 0 * theta]), x, names)
    noise = (values[1] - values[2]).norm(dim=-1) / values[0].norm(dim=-1).clamp_min(torch.finfo(x.dtype).tiny)
    return dict(zip(names, (torch.finfo(theta.dtype).eps * noise).tolist(), strict=True))
