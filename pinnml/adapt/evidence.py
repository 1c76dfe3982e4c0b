"""Weights of priors by the evidence of noisy measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.loss import PinnObjective, traces
from pinnml.loss.balance import thinned

POINTS = 1000
"""The most points of a condition whose rows of J are looked at."""

LARGEST = 3000
"""Rows of more parameters take minutes to be decomposed: weights then stay as they are."""

FIRST = 1e-3
"""The trace of a prior in JᵀJ when a run begins, as a share of that of the measurements."""

HEAVIER = 10.0
"""How many times as large as the loss of the equations that of measurements is when a run begins."""

FURTHEST, LEAST = 10.0, 1e-3
"""The most by which a weight changes at once, and the fewest parameters that a prior is taken to leave open."""

ROUNDED = 1e-13
"""Singular values below this share of the largest are rounding."""


def priors(objective: PinnObjective) -> list[str]:
    """Return the conditions that are priors."""
    return [name for name, term in objective.problem.soft_terms.items() if term.prior]


def open_priors(objective: PinnObjective) -> list[str]:
    """Return the priors whose weight is to be found."""
    return [name for name in priors(objective) if objective.problem.terms[name].balanced]


def begun_with(objective: PinnObjective, theta: Tensor) -> PinnObjective:
    """Return the loss with which measurements are followed first: heavy ones, and priors of open weight that are weak.

    Where equations come first, an unknown coefficient that is far off is made up for by fields that are.
    """
    names, terms = open_priors(objective), objective.problem.soft_terms
    found, losses = traces(objective, theta, POINTS), objective.losses(theta)
    noisy = [name for name, term in terms.items() if term.noisy]
    measured, equations = (sum(losses[name] for name in some) for some in (noisy, objective.problem.equations))
    share = max(1.0, HEAVIER * equations / measured) if measured > 0 else 1.0
    trace = FIRST * share * sum(found[name] for name in noisy)
    weights = {name: share * objective.weight(name) for name in [*noisy, *priors(objective)]}
    weights |= {name: objective.weight(name) * trace / found[name] for name in names if found[name] > 0}
    return reweighed(objective, weights)


def reweighed(objective: PinnObjective, weights: Mapping[str, float]) -> PinnObjective:
    """Return the loss with other weights of some conditions."""
    discretisation = objective.discretisation
    return objective.on(replace(discretisation, weights={**discretisation.weights, **weights}))


def evident(objective: PinnObjective, theta: Tensor) -> dict[str, float]:
    """Return weights of the open priors at which the measurements are most probable, as far as one step tells.

    In units of ½Σ(r/σ)² the loss is ½Σ(r/σ)² + ½ Σ_p τ_p ‖D_p‖² and the equations; its JᵀJ is H in all, and P without
    the measurements. For θ at its least the evidence is greatest where τ_p ‖D_p‖² = γ_p, with
    γ_p = τ_p tr((P⁻¹ − H⁻¹) D_pᵀD_p) the number of parameters that measurements determine against this prior.
    Source: MacKay, Neural Comput. 4, 1992, eq. 4.8; Gauss–Newton's H by Foresee, Hagan, ICNN 1997.
    """
    names = open_priors(objective)
    if not names or objective.size > LARGEST:
        return {}
    terms, few = objective.problem.soft_terms, thinned(objective, POINTS)
    found = {name: few.linearised(name, theta) for name in terms}
    objective.threads.release()  # the run's chunks are of another size
    rows = {name: part[1].double() for name, part in found.items()}
    measured = torch.cat([rows[name] for name, term in terms.items() if term.noisy])
    others = torch.cat([rows[name] for name, term in terms.items() if not term.noisy])
    unit = next(
        len(objective.collocation[name].weights) / objective.weight(name) for name, term in terms.items() if term.noisy
    )
    weights = {}
    for name in names:
        square = float(found[name][0].square().sum())
        if square > 0:
            ratio = max(determined(others, measured, rows[name]), LEAST) / (unit * square)
            weights[name] = objective.weight(name) * min(max(ratio, 1 / FURTHEST), FURTHEST)
    return weights


def determined(others: Tensor, measured: Tensor, prior: Tensor) -> float:
    """Return tr((P⁻¹ − H⁻¹) D) for D of the rows of a prior, P of all rows but those that are measured, and H of all.

    From singular values of the rows, since P has eigenvalues of a prior beside those of equations, 1e20 times as large.
    """
    whole = torch.cat([others, measured])
    size = whole.norm(dim=0).clamp_min(torch.finfo(whole.dtype).tiny)

    def trace(rows: Tensor) -> float:
        _, singular, right = torch.linalg.svd(torch.linalg.qr(rows / size, mode="r")[1])
        rank = len(singular)
        along = (prior / size) @ right[:rank].T
        return float((along / singular.clamp_min(ROUNDED * float(singular[0]))).square().sum())

    return trace(others) - trace(whole)
