"""PINNacle's problems: each is short, and its reference satisfies it, or is shown to converge."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pinnml.problems.pinnacle import cut_cells, elements, flows, multipoles, periodic, staggered
from pinnml.problems.pinnacle.coefficients import TABLE, field
from pinnml.problems.pinnacle.gridded import Gridded
from problem_conformance import defects, derivative

from pinnml import problems
from pinnml.problem import Problem, Reference

Array = np.ndarray

NAMES = [name for name in problems.names() if name.startswith("pinnacle/")]

EXACT = ["heat2d-ms", "wave1d-c", "wave2d-ms", "pnd"]


def body(function: Callable[[], Problem]) -> list[str]:
    """The lines of a function that hold code."""
    module = import_module(function.__module__)
    lines = Path(str(module.__file__)).read_text().splitlines()
    found = next(
        node
        for node in ast.parse("\n".join(lines)).body
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__
    )
    text = lines[found.lineno - 1 : found.body[0].lineno - 1] + lines[found.body[0].end_lineno : found.end_lineno]
    return [line for line in text if line.strip()]


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_is_declared_in_25_lines_and_scored_where_it_is_known(name: str) -> None:
    problem = problems.get(name)
    module, function = problems._FUNCTIONS[name]
    assert len(body(getattr(import_module(f"pinnml.problems.{module}"), function))) <= 25
    assert problem.name == name and problem.description
    assert problem.reference is not None and set(problem.reference.fields) == set(problem.fields)
    assert 0 < problem.reference.accuracy <= 1e-2
    assert np.prod(list(problem.reference.grid.values())) < 200_000


@pytest.mark.parametrize("name", EXACT)
def test_exact_solutions_fulfil_all_that_is_declared(name: str) -> None:
    assert defects(problems.get(f"pinnacle/{name}")) == []


def misfit(problem: Problem, name: str, points: int = 20) -> float:
    """The largest residual of a condition at the reference, in parts of the largest of its derivatives."""
    term, generator = problem.terms[name], torch.Generator().manual_seed(0)

    def unit(count: int, dimension: int) -> torch.Tensor:
        return 0.1 + 0.8 * torch.rand(count, dimension, generator=generator, dtype=torch.float64)

    x = term.region.sample(unit, problem.domain, inside=points, boundary=points)
    values = {symbol: torch.from_numpy(derivative(problem, symbol, x.numpy())) for symbol in term.derivatives}
    size = max(float(value.abs().max()) for value in values.values())
    return float(term.residual(x, values, term.region.data).abs().max()) / max(size, 1.0)


@pytest.mark.parametrize(
    ("name", "condition", "most"),
    [
        ("burgers1d-c", "pde", 1e-8), ("hnd", "pde", 1e-10), ("hnd", "start", 1e-14), ("hnd", "rim", 1e-9),
        ("pinv", "pde", 1e-10), ("pinv", "walls", 1e-14), ("hinv", "pde", 1e-10), ("hinv", "steady", 1e-10),
        ("hinv", "walls", 1e-14),
        ("poisson2d-c", "pde", 1e-7), ("poisson2d-c", "walls", 1e-11), ("poisson2d-c", "rims", 1e-11),
        ("poisson2d-cg", "walls", 1e-7), ("poisson2d-cg", "rims", 1e-7),
    ],
)  # fmt: skip
def test_other_exact_solutions_fulfil_their_equations(name: str, condition: str, most: float) -> None:
    assert misfit(problems.get(f"pinnacle/{name}"), condition) < most


def test_data_of_inverse_problems_have_the_noise_that_they_say_and_are_always_the_same() -> None:
    for name in ("pinnacle/pinv", "pinnacle/hinv"):
        problem = problems.get(name)
        data: Any = problem.conditions["data"]
        again: Any = problems.get(name).conditions["data"]
        values = data.fields["u"]
        assert len(values) == 2500 and np.array_equal(values, again.fields["u"])
        assert problem.reference is not None
        error = values - problem.reference.fields["u"](**data.at)
        assert 0.097 < error.std() < 0.103 and abs(error.mean()) < 0.01


def test_the_screened_solution_fulfils_its_equation() -> None:
    solution, d = multipoles.Screened(), 0.01
    weights = np.array([-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560]) / d**2
    x, y = np.array([0.0, 0.1, -0.7, -0.5]), np.array([0.0, 0.8, -0.2, 0.0])
    shifts = d * np.arange(-4, 5)
    bend = sum(w * (solution(x + s, y) + solution(x, y + s)) for w, s in zip(weights, shifts, strict=True))
    source = 10 * (17 + x**2 + y**2) * np.sin(np.pi * x) * np.sin(4 * np.pi * y)
    assert np.abs(64 * solution(x, y) - bend - source).max() < 1e-6


Compute = Callable[..., Sequence[Array]]

LOCAL: dict[str, tuple[Compute, tuple[float, ...], tuple[float, ...], float]] = {
    "burgers2d-c": (lambda *at: periodic.vector_burgers(*at, 128, 0.01), (0.5, 1.1, 2.3), (0.01, 0.02, 0.02), 1e-5),
    "heat2d-lt": (lambda *at: periodic.heat_for_long(*at, (16, 64), 0.02), (2.0, 0.1, 0.3), (0.02, 5e-3, 5e-3), 2e-4),
    "gs": (lambda *at: periodic.gray_scott(*at, 320, 0.5), (2.0, 0.2, 0.15), (0.1, 3e-3, 3e-3), 1e-3),
    "ks": (lambda *at: periodic.kuramoto_sivashinsky(*at, 256, 1e-4), (0.1, 2.0), (2e-4, 4e-3), 3e-4),
    "heat2d-vc": (lambda *at: elements.varying(*at, 6, 8, 60), (1.3, 0.3, 0.4), (0.02, 0.01, 0.01), 1e-3),
    "wave2d-cg": (lambda *at: elements.waves(*at, 14, 7, 1 / 500), (0.4, 0.2, 0.3), (0.01, 0.01, 0.01), 1e-2),
    "poisson2d-ms": (elements.by_blocks, (1.0, 5.0), (0.05, 0.05), 1e-6),
}
"""A solver, a point, the distance of points around it along each coordinate, and the largest residual there."""


@pytest.mark.parametrize("name", LOCAL)
def test_computed_solutions_fulfil_their_equations(name: str) -> None:
    """By differences over seven points along each coordinate, each residual in parts of the sum of its terms."""
    compute, centre, steps, most = LOCAL[name]
    problem = problems.get(f"pinnacle/{name}")
    offsets = np.arange(-3, 4)
    axes = [middle + step * offsets for middle, step in zip(centre, steps, strict=True)]
    timely = problem.domain.names[0] == "t"
    found = compute(*([np.append(0.0, axes[0]), *axes[1:]] if timely else axes))
    around = [values[1:] if timely else values for values in found]
    powers = np.vander(offsets.astype(float), increasing=True).T
    at = torch.tensor([centre], dtype=torch.float64)
    for term in problem.equations.values():
        values = {}
        for symbol in term.derivatives:
            value = around[symbol.field]
            for order, step in zip(symbol.index, steps, strict=True):
                weights = np.linalg.solve(powers, np.eye(7)[order] * [1, 1, 2, 6, 24][order] / step**order)
                value = np.tensordot(weights, value, (0, 0))
            values[symbol] = torch.tensor([float(value)], dtype=torch.float64, requires_grad=True)
        residual = term.residual(at, values, {}).sum()
        slopes = torch.autograd.grad(residual, list(values.values()))
        size = sum(abs((v * s).item()) for v, s in zip(values.values(), slopes, strict=True))
        assert abs(residual.item()) < most * size, (name, term.name, residual.item(), size)


def relative(found: Sequence[Array], true: Sequence[Array]) -> float:
    return float(np.linalg.norm(np.stack(found) - np.stack(true)) / np.linalg.norm(np.stack(true)))


def test_walls_of_the_many_areas_exchange_as_declared_and_areas_are_what_they_say() -> None:
    d = 1e-3
    (u,) = elements.by_blocks(10 - d * np.arange(4), np.array([1.0, 5.0]))
    slope = (11 * u[0] - 18 * u[1] + 9 * u[2] - 2 * u[3]) / (6 * d)
    assert np.abs(slope + u[0]).max() < 1e-6 * np.abs(u).max()
    assert 1e-2 <= TABLE[..., 0].min() < 0.1 and 100 < TABLE[..., 0].max() <= 1e3


def test_the_field_has_mean_zero_and_deviation_one_and_is_the_same_in_both_libraries() -> None:
    places = np.arange(64) / 64
    values = field(places[:, None], places[None, :], np)
    assert abs(values.mean()) < 1e-12 and values.std() == pytest.approx(1, abs=1e-12)
    x = torch.rand(5, dtype=torch.float64)
    assert torch.allclose(field(x, x, torch), torch.from_numpy(field(x.numpy(), x.numpy(), np)))


def test_the_lid_that_moves_at_one_speed_gives_the_figures_of_ghia() -> None:
    """Ghia, Ghia, Shin 1982, tables I and II, Re = 100: u on the middle line at its least, v at its largest."""
    edges = staggered.graded([0.0, 1.0], [40])
    flow = staggered.Flow(edges, edges, np.ones((40, 40), dtype=bool), outflow=False, lid=1.0)
    w, p = flow.steady(np.zeros(flow.total))
    u, v, _ = flow.values(w, p, np.array([0.2344, 0.5]), np.array([0.4531, 0.5]), 1.0)
    assert u[1, 0] == pytest.approx(-0.21090, abs=2.5e-3)
    assert v[0, 1] == pytest.approx(0.17527, abs=2.5e-3)


def test_what_flows_in_over_the_step_flows_out_and_more_cells_change_little() -> None:
    x, y = np.linspace(0, 4, 33), np.linspace(0, 2, 201)
    coarse, fine = (flows.step(x, y, count) for count in (10, 16))
    assert np.trapezoid(fine[0][-1], y) == pytest.approx(2 / 3, abs=2e-3)
    assert np.abs(fine[0][:16, 101:]).max() == 0 and np.abs(fine[1][-1]).max() < 1e-12
    assert relative(coarse, fine) < 4e-2


def test_more_cells_and_steps_change_the_pulsating_flow_little() -> None:
    t, x, y = np.linspace(0, 0.5, 6), np.linspace(0, 2, 21), np.linspace(0, 1, 11)
    coarse, fine = flows.pulsating(t, x, y, 8, 0.01), flows.pulsating(t, x, y, 12, 0.005)
    assert relative(coarse, fine) < 2e-2
    inflow = sum(np.sin(k * np.pi * t[3]) for k in (1, 3, 5)) * np.sin(np.pi * y)
    assert np.abs(fine[0][3][0] - inflow).max() < 0.02


def test_finite_volumes_converge() -> None:
    axis = np.linspace(0, 1, 9)
    mesh = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    outside = np.all(
        [sum((m - c) ** 2 for m, c in zip(mesh, ball, strict=False)) > ball[3] ** 2 for ball in cut_cells.BALLS], 0
    )
    rough, coarse, fine = (cut_cells.cavity(axis, axis, axis, count)[0][outside] for count in (12, 24, 48))
    assert relative([coarse], [fine]) < 0.03 and relative([rough], [fine]) > 2 * relative([coarse], [fine])


def test_the_plate_is_symmetrical_and_converges() -> None:
    t, x, y = np.array([0.0, 0.5, 1.0]), np.linspace(-8, 8, 33), np.linspace(-12, 12, 49)
    outside = np.min([np.hypot(abs(x[:, None]) - a, abs(y) - b) - r for a, b, r in cut_cells.WARM], axis=0) > 0.05
    (coarse,), (fine,) = (cut_cells.plate(t, x, y, h, 0.05) for h in (0.25, 0.125))
    assert np.array_equal(fine, fine[:, ::-1]) and np.array_equal(fine, fine[:, :, ::-1]) and not fine[0].any()
    assert relative([coarse[:, outside]], [fine[:, outside]]) < 0.02
    assert fine[:, outside].min() >= 0 and fine[:, outside].max() < 5


def test_heat_from_one_disc_spreads_as_in_the_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    """û = A K₀(√s r) with √s A K₁(√s) + A K₀(√s) = 5/s, its Laplace transform inverted by Talbot's contour."""
    from scipy.special import kv

    monkeypatch.setattr(cut_cells, "WARM", {(0, 0, 1.0): 5.0})
    t, r = 0.5, np.array([1.0, 1.5, 2.0, 2.5])
    angle = np.pi * (np.arange(24) + 0.5) / 24
    s = 2 * 24 / (5 * t) * angle * (1 / np.tan(angle) + 1j)
    slope = 2 * 24 / (5 * t) * (1 / np.tan(angle) - angle / np.sin(angle) ** 2 + 1j)
    root = np.sqrt(s)
    size = 5 / s / (root * kv(1, root) + kv(0, root))
    exact = (np.exp(s * t) * slope * size * kv(0, root * r[:, None])).sum(axis=1).imag / 24
    (found,) = cut_cells.plate(np.array([0.0, t]), r, np.array([0.0, 11.9]), 0.125, 0.0125)
    assert np.abs(found[1, :, 0] - exact).max() < 0.013 * exact.max()


def test_a_reference_on_a_grid_is_computed_once_and_smooth_between() -> None:
    calls: list[str] = []

    def compute(t: Array, x: Array) -> tuple[Array]:
        calls.append("")
        return (np.sin(t[:, None] + 2 * x),)

    def made() -> Reference:
        return Gridded("test-gridded", ("u",), {"t": (0, 1, 21), "x": (0, 2, 41)}, compute).reference("a test", 1e-6)

    first, second = made(), made()
    assert not calls
    t, x = np.array([0.0, 0.513]), np.array([2.0, 0.777])
    for reference in (first, second, first):
        assert np.abs(reference.fields["u"](t=t, x=x) - np.sin(t + 2 * x)).max() < 1e-6
    assert len(calls) == 1
