"""Laplace's and the screened Poisson equation on a square with round holes, by multipoles and their mirror images.

Sources in the holes have images of alternating sign behind the walls, so that they vanish there (nearly so without
screening, where a polynomial makes up for it); their strengths follow from the values on the rims by least squares. By
the maximum principle the largest misfit on the boundary bounds the error everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

Array = np.ndarray

Basis = Callable[[Array, Array], Array]
"""Points x, y of shape (n,) to functions there (n, m)."""

RIM = 96
"""Points on a rim where its value is asked for."""

HOLES = ((0.5, 0.5, 0.2), (0.4, -0.4, 0.4), (-0.2, -0.7, 0.1), (-0.6, 0.5, 0.3))
"""Centre and radius of the holes of Poisson2d-CG."""

CHUNK = 2000


def rim(hole: tuple[float, float, float], count: int = RIM, shift: float = 0.0) -> tuple[Array, Array]:
    """Return points on a circle."""
    angle = 2 * math.pi * (np.arange(count) + shift) / count
    return hole[0] + hole[2] * np.cos(angle), hole[1] + hole[2] * np.sin(angle)


def mirrored(local: Basis, half: float, images: int) -> Basis:
    """Return the sum of functions over mirror images behind the walls of (−half, half)², each wall turning the sign."""

    def total(x: Array, y: Array) -> Array:
        numbers = range(-images, images + 1)
        parts = (
            (-1) ** (i + j) * local((-1) ** i * (x - 2 * i * half), (-1) ** j * (y - 2 * j * half))
            for i in numbers
            for j in numbers
        )
        return np.asarray(sum(parts))

    return total


class Harmonic:
    """u of Poisson2d-C: Δu = 0 on (−½, ½)² without four discs of radius 0.1 at (±0.3, ±0.3); u = 1 on walls, 0 on rims.

    The basis has the symmetries of the square.
    """

    orders, powers = 20, 14

    @cached_property
    def strengths(self) -> Array:
        """The coefficients of the basis."""
        wall = 0.5 * np.sin(np.linspace(0, math.pi / 2, 60))
        x, y = rim((0.3, 0.3, 0.1))
        points = np.concatenate([x, np.full(60, 0.5)]), np.concatenate([y, wall])
        value = np.concatenate([np.full(len(x), -1.0), np.zeros(60)])
        return np.asarray(np.linalg.lstsq(self.basis(*points), value, rcond=1e-15)[0])

    def basis(self, x: Array, y: Array) -> Array:
        """Return sources in the discs with their images, and Re z^4k."""
        power = ((x + 1j * y) / 0.75)[:, None] ** (4 * np.arange(self.powers))
        return np.concatenate([mirrored(self._sources, 0.5, 1)(x, y), power.real], axis=1)

    def _sources(self, x: Array, y: Array) -> Array:
        total = np.zeros((len(x), self.orders))
        for turn in range(4):  # the plane turned by right angles, and then such that the diagonal is real
            local = ((x + 1j * y) * 1j**turn - (0.3 + 0.3j)) * np.exp(-0.25j * math.pi) / 0.1
            local = np.where(np.abs(local) < 0.9, 0.9, local)  # in the disc, where nothing is asked for
            total[:, 0] += np.log(np.abs(local))
            total[:, 1:] += (local[:, None] ** -np.arange(1.0, self.orders)).real
        return total

    def __call__(self, x: Array, y: Array) -> Array:
        """Evaluate at points x, y of shape (n,)."""
        return 1 + self.basis(np.asarray(x), np.asarray(y)) @ self.strengths


class Screened:
    """u of Poisson2d-CG: −Δu + 64u = f on (−1, 1)² without `HOLES`, f = 10(17 + x² + y²) sin πx sin 4πy.

    A function in closed form and a series take care of source and walls, multipoles K_n(8r) of the rims.
    """

    orders, terms = 32, 1500

    @cached_property
    def strengths(self) -> Array:
        """The coefficients of the multipoles."""
        x, y = (np.concatenate(parts) for parts in zip(*map(rim, HOLES), strict=True))
        return np.asarray(np.linalg.lstsq(self.basis(x, y), 1 - self.without_holes(x, y), rcond=1e-15)[0])

    def basis(self, x: Array, y: Array) -> Array:
        """Return the multipoles of all holes, with their images."""
        return np.concatenate([mirrored(self._of(hole), 1.0, 2)(x, y) for hole in HOLES], axis=1)

    def _of(self, hole: tuple[float, float, float]) -> Basis:
        def sources(x: Array, y: Array) -> Array:
            from scipy.special import k0, k1

            z = (x - hole[0]) + 1j * (y - hole[1])
            r = 8 * np.maximum(np.abs(z), 0.9 * hole[2])  # in the hole nothing is asked for
            low, high, scale = k0(r), k1(r), [k0(8 * hole[2]), k1(8 * hole[2])]
            found, turn = [low / scale[0]], np.ones_like(z)
            for order in range(1, self.orders):
                turn = turn * z / np.maximum(np.abs(z), 1e-300)
                found += [high / scale[order] * turn.real, high / scale[order] * turn.imag]
                low, high = high, low + 2 * order / r * high  # K_{n+1} = K_{n−1} + 2n/r K_n
                scale.append(scale[-2] + 2 * order / (8 * hole[2]) * scale[-1])
            return np.stack(found, axis=1)

        return sources

    def without_holes(self, x: Array, y: Array) -> Array:
        """Return the solution on the square without holes."""
        kappa = 17 * math.pi**2 + 64
        along, across = np.sin(math.pi * x), np.sin(4 * math.pi * y)
        even = (17 + 4 / kappa - 136 * math.pi**2 / kappa**2 + x**2 + y**2) / kappa * along * across
        mu, nu = math.sqrt(64 + 16 * math.pi**2), math.sqrt(64 + math.pi**2)
        odd_x = 4 * math.pi / kappa**2 * across * (x * np.cos(math.pi * x) + np.sinh(mu * x) / math.sinh(mu))
        odd_y = 16 * math.pi / kappa**2 * along * (y * np.cos(4 * math.pi * y) - np.sinh(nu * y) / math.sinh(nu))
        return np.asarray(10 * (even + odd_x + odd_y) + 0.2 * self._walls(x, y))

    def _walls(self, x: Array, y: Array) -> Array:
        """Return what is 1 on the walls, as a sine series along x."""
        k = 1 + 2 * np.arange(self.terms)
        rate = np.sqrt(64 + (k * math.pi / 2) ** 2)
        size = 64 * 4 / (k * math.pi * rate**2)
        high = np.abs(y)[:, None]
        decay = np.exp(rate * (high - 1)) * (1 + np.exp(-2 * rate * high)) / (1 + np.exp(-2 * rate))
        return np.asarray(np.cosh(8 * x) / math.cosh(8) + (np.sin(np.outer(x + 1, k * math.pi / 2)) * decay) @ size)

    def __call__(self, x: Array, y: Array) -> Array:
        """Evaluate at points x, y of shape (n,)."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        parts = [slice(start, start + CHUNK) for start in range(0, len(x), CHUNK)]
        found = [self.without_holes(x[p], y[p]) + self.basis(x[p], y[p]) @ self.strengths for p in parts]
        return np.concatenate(found)
