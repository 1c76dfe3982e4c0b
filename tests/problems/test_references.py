"""The accuracy that each reference states, by refinement and by independent formulas."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from pinnml.problems.allen_cahn import CLAMPED_DIFFUSION, PERIODIC_DIFFUSION
from pinnml.problems.burgers import burgers, cole_hopf
from pinnml.problems.reaction_diffusion import clamped, even_chebyshev, periodic

from pinnml import problems
from pinnml.problem import DeclarationError

Array = np.ndarray

NU = 0.01 / math.pi
TIMES = np.linspace(0, 1, 101)
HALF = np.linspace(0, 1, 201)


def relative(found: Array, true: Array) -> float:
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


def grid(t: Array, x: Array) -> tuple[Array, Array]:
    mesh = np.meshgrid(t, x, indexing="ij")
    return mesh[0].ravel(), mesh[1].ravel()


def stated(name: str) -> float:
    reference = problems.get(name).reference
    assert reference is not None
    return reference.accuracy


# Burgers


def gauss_hermite(t: Array, x: Array, count: int) -> Array:
    """Return the Cole–Hopf integrals by Gauss–Hermite quadrature, whose weight is exp(−z²)."""
    z, weight = np.polynomial.hermite.hermgauss(count)
    y = x[:, None] - 2 * np.sqrt(NU * t[:, None]) * z
    kernel = weight * np.exp(-np.cos(np.pi * y) / (2 * np.pi * NU))
    return -(np.sin(np.pi * y) * kernel).sum(axis=1) / kernel.sum(axis=1)


@pytest.mark.parametrize("nu", [1.0, 0.01, NU, 1e-3, 1e-4])
def test_burgers_does_not_change_with_three_times_the_nodes(nu: float) -> None:
    t, x = grid(TIMES[::10], np.linspace(-1, 1, 81))
    fine = cole_hopf(t, x, nu, nodes=2401)
    assert relative(cole_hopf(t, x, nu), fine) < stated("burgers")
    assert relative(cole_hopf(t, x, nu, nodes=41), fine) > stated("burgers")


def test_burgers_agrees_with_gauss_hermite() -> None:
    t, x = grid(TIMES[1::7], np.linspace(-1, 1, 201))
    u = cole_hopf(t, x, NU)
    assert np.abs(gauss_hermite(t, x, 100) - u).max() < 5e-15
    assert np.abs(gauss_hermite(t, x, 50) - u).max() > 1e-9


def test_burgers_front_has_the_known_slope() -> None:
    # Basdevant et al. (1986): the slope at x = 0 is largest, 152.00516, at t = 1.6037/π
    h, t = 2e-4, np.full(4, 1.6037 / math.pi)
    u = cole_hopf(t, h * np.array([-2.0, -1.0, 1.0, 2.0]), NU)
    assert (u[0] - 8 * u[1] + 8 * u[2] - u[3]) / (12 * h) == pytest.approx(-152.00516, rel=1e-6)


def test_burgers_starts_exactly_and_is_odd() -> None:
    x = np.linspace(-1, 1, 33)
    assert np.array_equal(cole_hopf(np.zeros(33), x, NU), -np.sin(np.pi * x))
    t = np.linspace(0, 1, 33)
    assert np.abs(cole_hopf(t, x, NU) + cole_hopf(t, -x, NU)).max() < 1e-14


def test_burgers_many_points_are_handled_in_chunks_without_a_seam() -> None:
    t, x = grid(TIMES[1::20], np.linspace(-1, 1, 1001))
    whole = cole_hopf(t, x, NU)
    alone = np.concatenate([cole_hopf(t[i : i + 777], x[i : i + 777], NU) for i in range(0, len(t), 777)])
    assert len(t) > 4096
    assert np.array_equal(whole, alone)


@pytest.mark.parametrize("nu", [0.0, -1.0, math.nan])
def test_burgers_refuses_a_viscosity_that_is_not_positive(nu: float) -> None:
    with pytest.raises(DeclarationError, match="viscosity"):
        burgers(nu)


# Allen–Cahn with walls


@cache
def by_chebyshev(modes: int, step: float = 1e-3) -> Array:
    return clamped(TIMES[::5], HALF, diffusion=CLAMPED_DIFFUSION, modes=modes, step=step)


@pytest.mark.parametrize(("modes", "error"), [(160, 3e-4), (240, 1e-5), (320, 3.5e-7), (480, 6.8e-10)])
def test_allen_cahn_converges_spectrally(modes: int, error: float) -> None:
    assert relative(by_chebyshev(modes), by_chebyshev(640)) == pytest.approx(error, rel=0.25)


def test_allen_cahn_is_of_fourth_order_in_time() -> None:
    fine = by_chebyshev(240)
    errors = [relative(by_chebyshev(240, step), fine) for step in (0.025, 0.0125, 0.00625)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all((orders > 3.7) & (orders < 4.6)), orders


def test_allen_cahn_agrees_with_an_adaptive_integrator() -> None:
    from scipy.integrate import solve_ivp

    nodes, second = even_chebyshev(160)
    x, matrix = nodes[1:], CLAMPED_DIFFUSION * second[1:, 1:]
    times = TIMES[::25]

    # v = u + 1 vanishes at the walls
    solution = solve_ivp(
        lambda t, v: matrix @ v + 5 * (v - 1) - 5 * (v - 1) ** 3,
        (0, 1),
        x**2 * np.cos(math.pi * x) + 1,
        method="Radau",
        t_eval=times[[0, -1]],
        rtol=1e-10,
        atol=1e-12,
        jac=lambda t, v: matrix + np.diag(5 - 15 * (v - 1) ** 2),
    )
    u = clamped(times, x, diffusion=CLAMPED_DIFFUSION, modes=160, step=1e-3)[-1]
    assert np.abs(solution.y[:, -1] - 1 - u).max() < 5e-11


def test_even_chebyshev_differentiates_even_functions() -> None:
    x, second = even_chebyshev(32)
    assert np.abs(second @ np.cos(3 * x) + 9 * np.cos(3 * x)).max() < 1e-10
    assert np.abs(second @ x**4 - 12 * x**2).max() < 1e-10


# Allen–Cahn, periodic


@cache
def by_fourier(kinked: bool, modes: int, step: float = 1e-3) -> Array:
    harmonic, shift = (1, 0.0) if kinked else (3, 1.0)
    return periodic(
        TIMES[::5], HALF, diffusion=PERIODIC_DIFFUSION, harmonic=harmonic, shift=shift, modes=modes, step=step
    )


@pytest.mark.parametrize("kinked", [False, True])
def test_periodic_allen_cahn_does_not_change_with_the_modes(kinked: bool) -> None:
    # at t = 0 the truncated series of the data is not used
    fine = by_fourier(kinked, 4096)[1:]
    assert relative(by_fourier(kinked, 2048)[1:], fine) < 2e-12
    assert relative(by_fourier(kinked, 512)[1:], fine) > 1e-9


def test_periodic_allen_cahn_is_of_fourth_order_in_time() -> None:
    fine = by_fourier(False, 1024)
    errors = [relative(by_fourier(False, 1024, step), fine) for step in (0.025, 0.0125, 0.00625)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all((orders > 3.7) & (orders < 4.6)), orders


def test_periodic_start_is_the_series_of_the_data() -> None:
    series = periodic(np.array([0.0]), HALF, diffusion=PERIODIC_DIFFUSION, harmonic=3, shift=1.0, modes=4096, step=1.0)
    assert np.abs(series[0] - HALF**2 * (np.cos(3 * math.pi * HALF) + 1)).max() < 1e-9


# The tables that are evaluated


def finer(name: str, times: Array, x: Array, modes: int = 12288) -> Array:
    """Return a solution by more modes and shorter steps than the reference's, without tables."""
    if name == "allen-cahn":
        return clamped(times, x, diffusion=CLAMPED_DIFFUSION, modes=800, step=4e-4)
    harmonic, shift = (1, 0.0) if name == "allen-cahn-kinked" else (3, 1.0)
    return periodic(times, x, diffusion=PERIODIC_DIFFUSION, harmonic=harmonic, shift=shift, modes=modes, step=4e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["allen-cahn", "allen-cahn-periodic", "allen-cahn-kinked"])
def test_reference_is_as_accurate_as_it_states(name: str) -> None:
    reference = problems.get(name).reference
    assert reference is not None
    rng = np.random.default_rng(0)
    times = np.concatenate([TIMES[::4], 10 ** rng.uniform(-2, 0, 20)])
    times.sort()
    x = np.concatenate([HALF, rng.uniform(0, 1, 100), 1 - 10 ** rng.uniform(-4, -1, 30)])
    true = finer(name, times, x)
    t, at = grid(times[1:], x)
    assert relative(reference({"t": t, "x": at})["u"], true[1:].ravel()) < reference.accuracy
    assert np.array_equal(reference({"t": t, "x": at})["u"], reference({"t": t, "x": -at})["u"])


@pytest.mark.parametrize(
    ("name", "since", "tolerance"),
    [
        ("allen-cahn", 1e-6, 1e-9),
        ("allen-cahn-periodic", 1e-6, 1e-9),
        ("allen-cahn-kinked", 1e-6, 2e-4),
        ("allen-cahn-kinked", 1e-3, 1e-9),
    ],
)
def test_reference_resolves_early_times_near_the_ends(name: str, since: float, tolerance: float) -> None:
    reference = problems.get(name).reference
    assert reference is not None
    times = np.concatenate([[0.0], np.geomspace(since, 0.01, 5)])
    x = 1 - np.concatenate([[0.0], np.geomspace(1e-6, 0.5, 80)])
    t, at = grid(times, x)
    found = reference({"t": t, "x": at})["u"].reshape(6, -1)
    assert np.abs(found - finer(name, times, x, modes=2**16))[1:].max() < tolerance


@pytest.mark.parametrize("name", ["allen-cahn", "allen-cahn-periodic", "allen-cahn-kinked"])
def test_reference_starts_with_the_data(name: str) -> None:
    reference = problems.get(name).reference
    assert reference is not None
    x = np.linspace(-1, 1, 401)
    data = x**2 * (np.cos(3 * np.pi * x) + 1) if name == "allen-cahn-periodic" else x**2 * np.cos(np.pi * x)
    assert np.abs(reference({"t": np.zeros(401), "x": x})["u"] - data).max() < 1e-15
