"""How much a linear least-squares solution is held back: three rules for the weight of Tikhonov's term."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pinnml.errors import DeclarationError

POINTS = 400
"""Weights that are tried, evenly in their logarithm, before the best one is looked at more closely."""

REACH = 1e-2
"""How far beyond the smallest and largest singular values weights are looked for, as a share of these."""


def cross_validated_weight(values: Tensor, data: Tensor, outside: float, rows: int) -> float:
    """Return the λ of least generalised cross validation: G(λ) = ‖Ax_λ − b‖²/(rows − Σ σᵢ²/(σᵢ² + λ²))².

    x_λ minimises ‖Ax − b‖² + λ²‖x‖², A = U diag(σ) Vᵀ.
    Source: Golub, Heath, Wahba, Technometrics 21, 1979.

    Parameters
    ----------
    values : tensor (k,)
        The singular values σ of A, from the largest down, above 0.
    data : tensor (k,)
        Uᵀb.
    outside : float
        ‖b − UUᵀb‖², what no x reaches; in the units of b, squared.
    rows : int
        The length of b, at least k.

    Returns
    -------
    float
        λ, in the units of σ.

    Raises
    ------
    DeclarationError
        For singular values that are not positive or another number of data, a negative `outside`, and fewer rows.
    """
    _check(values, data, outside)
    if rows < len(values):
        raise DeclarationError(f"rows is {rows!r}", "cross_validated_weight", f"give at least {len(values)}")

    def score(weights: Tensor) -> Tensor:
        kept = values**2 / (values**2 + weights[:, None] ** 2)
        return (((1 - kept) * data) ** 2).sum(1).add(outside) / (rows - kept.sum(1)).clamp_min(1e-300) ** 2

    return _least(score, values)


def l_curve_weight(values: Tensor, data: Tensor, outside: float) -> float:
    """Return the λ at the corner of the L-curve (log ‖Ax_λ − b‖, log ‖x_λ‖): the one of largest curvature.

    With ρ = ‖Ax − b‖², η = ‖x‖² and η′ = dη/dλ = −ρ′/λ² it is, without second derivatives,
    (2ηρ/|η′|)(λ²η′ρ + 2ληρ + λ⁴ηη′)/(λ⁴η² + ρ²)^{3/2}.
    Source: Hansen, O'Leary, SIAM J. Sci. Comput. 14, 1993.

    Parameters
    ----------
    values, data, outside
        Those of `cross_validated_weight`.

    Returns
    -------
    float
        λ, in the units of σ.

    Raises
    ------
    DeclarationError
        As `cross_validated_weight`.
    """
    _check(values, data, outside)

    def flatness(weights: Tensor) -> Tensor:
        square = weights[:, None] ** 2
        kept = values**2 / (values**2 + square)
        solution, missed = (kept * data / values) ** 2, ((1 - kept) * data) ** 2
        eta, rho = solution.sum(1), missed.sum(1) + outside
        slope = -4 / weights * ((1 - kept) * solution).sum(1)
        w, product = weights, 2 * eta * rho / slope.abs()
        turn = w**2 * slope * rho + 2 * w * eta * rho + w**4 * eta * slope
        curvature = product * turn / (w**4 * eta**2 + rho**2) ** 1.5
        return -curvature

    return _least(flatness, values)


def discrepancy_weight(values: Tensor, data: Tensor, outside: float, noise: float) -> float:
    """Return the λ for which ‖Ax_λ − b‖ is the size of the noise, by bisection of its logarithm.

    Zero where even λ = 0 leaves more than that, and infinity where x = 0 leaves less.
    Source: Morozov, Soviet Math. Dokl. 7, 1966.

    Parameters
    ----------
    values, data, outside
        Those of `cross_validated_weight`.
    noise : float
        ‖noise‖ in b, in its units, above 0: σ√rows for independent errors of deviation σ.

    Returns
    -------
    float
        λ, in the units of σ.

    Raises
    ------
    DeclarationError
        As `cross_validated_weight`, and for noise that is not positive.
    """
    _check(values, data, outside)
    if not noise > 0:
        raise DeclarationError(f"noise is {noise!r}", "discrepancy_weight", "give a number above 0")

    def missed(weight: float) -> float:
        left = weight**2 / (values**2 + weight**2)
        return math.sqrt(float(((left * data) ** 2).sum()) + outside)

    if missed(0.0) >= noise:
        return 0.0
    if math.sqrt(float(data.square().sum()) + outside) <= noise:
        return math.inf
    low, high = math.log(float(values.min())), math.log(float(values.max()))
    while missed(math.exp(low)) > noise:
        low -= 1
    while missed(math.exp(high)) < noise:
        high += 1
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if missed(math.exp(middle)) < noise else (low, middle)
    return math.exp(0.5 * (low + high))


def _check(values: Tensor, data: Tensor, outside: float) -> None:
    if values.dim() != 1 or not len(values) or not bool((values > 0).all()):
        raise DeclarationError("values are not all above 0", "Tikhonov's weight", "give the positive singular values")
    if data.shape != values.shape:
        what = f"data has shape {tuple(data.shape)}"
        raise DeclarationError(what, "Tikhonov's weight", f"give one number for each of the {len(values)} values")
    if not outside >= 0:
        raise DeclarationError(f"outside is {outside!r}", "Tikhonov's weight", "give ‖b‖² less that of the data")


def _least(function: Callable[[Tensor], Tensor], values: Tensor) -> float:
    """Return the weight where a function of weights (n,) is least, on a grid of them and then on a finer one."""
    low, high, best = math.log(REACH * float(values.min())), math.log(float(values.max()) / REACH), 0.0
    for _ in range(3):
        grid = torch.linspace(low, high, POINTS, dtype=values.dtype, device=values.device)
        best, width = float(grid[function(grid.exp()).nan_to_num(math.inf).argmin()]), (high - low) / (POINTS - 1)
        low, high = best - 2 * width, best + 2 * width
    return math.exp(best)
