"""Fourier and sine solutions by ETDRK4: Burgers in 2D, Gray–Scott, Kuramoto–Sivashinsky, heat for a long time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pinnml.problems.etdrk4 import march

Array = np.ndarray


def start_2d(x: Any, y: Any, library: Any) -> tuple[Any, Any]:
    """Return u and v at the start of Burgers2d-C: low modes of period 4 and a mean flow; `library` has sin and cos."""
    k = math.pi / 2
    u = 0.25 + 0.25 * library.sin(k * (x + y)) + 0.125 * library.cos(k * (x - 2 * y))
    v = -0.25 + 0.25 * library.cos(k * (x - y)) + 0.125 * library.sin(k * (2 * x + y))
    return u, v


def vector_burgers(t: Array, x: Array, y: Array, modes: int = 192, step: float = 0.025) -> tuple[Array, Array]:
    """Return u and v of Burgers2d-C on a grid, shape (t, x, y) each; the grid divides the period.

    By `modes`² Fourier modes without aliasing by the 2/3 rule. More modes and shorter steps change the result by 4e-6.
    """
    from scipy.fft import irfft2, rfft2

    length, nu = 4.0, 0.001
    plane = _Plane(modes, length)
    place = np.arange(modes) * length / modes
    start = np.stack(start_2d(place[:, None], place[None, :], np))
    shape = (2, modes, modes // 2 + 1)

    def nonlinear(flat: Array) -> Array:
        hats = flat.reshape(shape)
        u, v = irfft2(hats, s=(modes, modes))
        ux, vx = irfft2(1j * plane.kx * hats, s=(modes, modes))
        uy, vy = irfft2(1j * plane.ky * hats, s=(modes, modes))
        return (plane.kept * rfft2(-np.stack([u * ux + v * uy, u * vx + v * vy]))).ravel()

    linear = np.broadcast_to(-nu * plane.square, shape).ravel()
    states = march(linear, nonlinear, rfft2(start).ravel(), t, step).reshape(len(t), *shape)
    return plane.at(states[:, 0], x, y), plane.at(states[:, 1], x, y)


class _Plane:
    """The wave numbers of a square of so many modes, and sums over them at points of a grid."""

    def __init__(self, modes: int, length: float, low: float = 0.0) -> None:
        base = 2 * math.pi / length
        self.modes, self.low = modes, low
        self.kx = base * np.fft.fftfreq(modes, 1 / modes)[:, None]
        self.ky = base * np.arange(modes // 2 + 1)[None, :]
        self.square = self.kx**2 + self.ky**2
        self.kept = (np.abs(self.kx) < base * modes / 3) & (self.ky < base * modes / 3)

    def at(self, hats: Array, x: Array, y: Array) -> Array:
        """Return real fields (t, x, y) of coefficients (t, kx, ky)."""
        along = np.exp(1j * (x - self.low)[:, None] * self.kx[:, 0])
        twice = np.where((self.ky[0] == 0) | (np.arange(len(self.ky[0])) == self.modes // 2), 1.0, 2.0)
        across = np.exp(1j * self.ky[0][:, None] * (y - self.low)) * twice[:, None]
        return np.ascontiguousarray((along @ hats @ across).real / self.modes**2)


def gray_scott(t: Array, x: Array, y: Array, modes: int = 384, step: float = 1.0) -> tuple[Array, Array]:
    """Return u and v of GS on a grid, shape (t, x, y) each."""
    place = -1 + np.arange(modes) * 2 / modes
    u = 1 - np.exp(-80 * ((place[:, None] + 0.05) ** 2 + (place + 0.02) ** 2))
    v = np.exp(-80 * ((place[:, None] - 0.05) ** 2 + (place - 0.02) ** 2))
    return autocatalysis(t, x, y, np.stack([u, v]), (1e-5, 5e-6), (0.04, 0.06), step)


def autocatalysis(
    t: Array, x: Array, y: Array, start: Array, diffusion: tuple[float, float], rates: tuple[float, float], step: float
) -> tuple[Array, Array]:
    """Return u and v of Gray–Scott equations of period 2 on a grid, shape (t, x, y) each.

    `start` (2, m, m) are both at m points from −1 on along each side, and `rates` those of feed and of decay.
    """
    from scipy.fft import irfft2, rfft2

    modes, (feed, decay) = start.shape[-1], rates
    plane = _Plane(modes, 2.0, -1.0)
    shape = (2, modes, modes // 2 + 1)

    def nonlinear(flat: Array) -> Array:
        u, v = irfft2(flat.reshape(shape), s=(modes, modes))
        product = u * v * v
        return (plane.kept * rfft2(np.stack([feed - product, product]))).ravel()

    losses = np.array([feed, feed + decay])[:, None, None] + np.multiply.outer(diffusion, plane.square)
    states = march(-losses.ravel(), nonlinear, rfft2(start).ravel(), t, step).reshape(len(t), *shape)
    return plane.at(states[:, 0], x, y), plane.at(states[:, 1], x, y)


def kuramoto_sivashinsky(t: Array, x: Array, modes: int = 256, step: float = 1e-4) -> tuple[Array]:
    """Return u of KS on a grid, shape (t, x)."""
    k = np.arange(modes // 2 + 1)
    kept = k < modes / 3

    def nonlinear(hats: Array) -> Array:
        u = np.fft.irfft(hats, modes)
        return -100 / 16 * 0.5j * k * kept * np.fft.rfft(u * u)

    place = 2 * math.pi * np.arange(modes) / modes
    start = np.fft.rfft(np.cos(place) * (1 + np.sin(place)))
    states = march(100 / 256 * k**2 - 100 / 16**4 * k**4, nonlinear, start, t, step)
    return ((states * np.where(k == 0, 1.0, 2.0) @ np.exp(1j * k[:, None] * x)).real / modes,)


def heat_for_long(t: Array, x: Array, y: Array, modes: tuple[int, int] = (24, 128), step: float = 0.04) -> tuple[Array]:
    """Return u of Heat2d-LT on a grid, shape (t, x, y).

    By sine modes in y, and in x by those of 4π(2k + 1): start and source have their symmetries, and keep them.
    """
    kx, ky = 4 * math.pi * (2 * np.arange(modes[0]) + 1), math.pi * (1 + np.arange(modes[1]))
    finer = [3 * count // 2 for count in modes]  # points against aliasing
    px, py = (np.arange(finer[0]) + 0.5) / (8 * finer[0]), (np.arange(finer[1]) + 1) / (finer[1] + 1)
    to_x, to_y = np.sin(px[:, None] * kx), np.sin(ky[:, None] * py)
    back_x, back_y = to_x.T * (2 / finer[0]), to_y.T * (2 / (finer[1] + 1))
    profile = 5 * np.sin(4 * math.pi * px)[:, None] * np.sin(2 * math.pi * py)

    hats = np.zeros((*modes, 1))[..., 0]
    hats[0, 2] = 1.0
    linear = np.append((-0.001 * (kx[:, None] ** 2 + ky**2)).ravel(), 0.0)  # time is a coordinate that rises by 1

    def nonlinear(state: Array) -> Array:
        u = to_x @ state[:-1].reshape(modes) @ to_y
        source = (1 + 2 * math.sin(math.pi / 4 * state[-1])) * profile * np.sin(u * u)
        return np.append((back_x @ source @ back_y).ravel(), 1.0)

    states = march(linear, nonlinear, np.append(hats.ravel(), 0.0), t, step)[:, :-1].reshape(len(t), *modes)
    return (np.sin(x[:, None] * kx) @ states @ np.sin(ky[:, None] * y),)
