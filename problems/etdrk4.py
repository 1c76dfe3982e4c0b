"""Exponential time differencing of order four for v′ = Lv + N(v) with a diagonal L."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

CONTOUR_POINTS = 32
"""Points on the upper half of the unit circle; enough for rounding (Kassam, Trefethen 2005)."""


@dataclass(frozen=True)
class Coefficients:
    """The factors of one step h, each of the shape (n,) of L; names as in Kassam and Trefethen (2005)."""

    E: Array
    E2: Array
    Q: Array
    f1: Array
    f2: Array
    f3: Array


def coefficients(linear: Array, step: float) -> Coefficients:
    """Return the ETDRK4 coefficients for the eigenvalues `linear` (n,), real, and one step h.

    Where |hL| < 1 the formulas cancel, so they are averaged over a circle of radius 1 around hL
    (Kassam, Trefethen 2005, section 2); elsewhere they are evaluated as they stand.
    """
    z = step * linear
    near = np.abs(z) < 1
    angles = math.pi * (np.arange(CONTOUR_POINTS) + 0.5) / CONTOUR_POINTS
    circle = _functions(z[near, None] + np.exp(1j * angles))
    direct = _functions(np.where(near, -1.0, z))
    for plain, averaged in zip(direct, circle, strict=True):
        plain[near] = averaged.mean(axis=1).real
    q, f1, f2, f3 = (step * values for values in direct)
    return Coefficients(np.exp(z), np.exp(z / 2), q, f1, f2, f3)


def _functions(z: Array) -> tuple[Array, Array, Array, Array]:
    """Return Q, f1, f2, f3 without the factor h (Cox, Matthews 2002, equations 26 to 29)."""
    e = np.exp(z)
    return (
        (np.exp(z / 2) - 1) / z,
        (-4 - z + e * (4 - 3 * z + z**2)) / z**3,
        (2 + z + e * (z - 2)) / z**3,
        (-4 - 3 * z - z**2 + e * (4 - z)) / z**3,
    )


def march(linear: Array, nonlinear: Callable[[Array], Array], start: Array, times: Array, step: float) -> Array:
    """Return v at increasing `times` (m,), the first being that of `start` (n,), as an array (m, n).

    Every gap between two times is crossed in equal steps no longer than `step` (Cox, Matthews 2002).
    """
    known: dict[float, Coefficients] = {}
    v, out = start, [start]
    for gap in np.diff(times):
        count = max(1, math.ceil(gap / step - 1e-9))
        length = float(f"{gap / count:.12e}")  # gaps that differ by rounding alone share their coefficients
        if length not in known:
            known[length] = coefficients(linear, length)
        for _ in range(count):
            v = _step(known[length], nonlinear, v)
        out.append(v)
    return np.stack(out)


def _step(k: Coefficients, nonlinear: Callable[[Array], Array], v: Array) -> Array:
    """Take one step (Cox, Matthews 2002, equations 26 to 29)."""
    nv = nonlinear(v)
    a = k.E2 * v + k.Q * nv
    na = nonlinear(a)
    b = k.E2 * v + k.Q * na
    nb = nonlinear(b)
    c = k.E2 * a + k.Q * (2 * nb - nv)
    nc = nonlinear(c)
    return k.E * v + k.f1 * nv + 2 * k.f2 * (na + nb) + k.f3 * nc
