"""A solution as a function: numpy in, numpy out, against computations that share no code with it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib._pylab_helpers import Gcf
from small_problems import KINDS, block, heat, oscillator, ring, string, tiny

import pinnml as pm
from pinnml.approximation.values import CHUNK
from pinnml.io.vtu import read_vtu
from pinnml.loss import PinnObjective


@pytest.fixture(scope="module")
def solved() -> pm.Solution:
    """The heat equation after a few iterations of a network without embedding."""
    return tiny(heat(), 5, solver=pm.LBFGS(), network=pm.MLP(width=4, depth=1, embedding=pm.networks.Identity()))


def by_hand(solution: pm.Solution, t: Any, x: Any) -> Any:
    """u = g + ℓ N in NumPy, from θ alone: sin x blended with the walls' zeros, times nothing but W, b and tanh."""
    theta = solution.theta.numpy()
    inner, bias, outer, last = theta[:8].reshape(4, 2), theta[8:12], theta[12:16], theta[16]
    network = np.tanh(np.stack([t, x], -1) @ inner.T + bias) @ outer + last
    return np.sin(x) + t * (2 * x / math.pi) * (2 * (math.pi - x) / math.pi) * network


def test_it_introduces_itself_in_three_lines(solved: pm.Solution) -> None:
    first, second, third = repr(solved).splitlines()
    assert first == "u(t, x) of 'heat', 17 parameters"
    assert second.startswith(f"{solved.result.seconds:.1f} s, 5 iterations: loss ") and "relative L2 error" in second
    assert third == "The limit of 5 iterations was reached."


def test_values_are_those_of_the_formula(solved: pm.Solution) -> None:
    t, x = np.random.default_rng(0).random((2, 50)) * np.array([[1.0], [math.pi]])
    assert solved(t=t, x=x) == pytest.approx(by_hand(solved, t, x), abs=1e-14)


@pytest.mark.parametrize(
    ("t", "x", "shape"),
    [
        (0.5, 1.0, ()),
        (1, 2, ()),
        (0.5, [0.1, 0.2, 0.3], (3,)),
        (np.array([0.1, 0.2]), np.array([[1.0], [2.0], [3.0]]), (3, 2)),
        (torch.tensor([0.1, 0.2]), 1.0, (2,)),
        (np.float32(0.5), np.zeros((2, 0)), (2, 0)),
        (0.5, range(3), (3,)),
    ],
)
def test_coordinates_broadcast(solved: pm.Solution, t: Any, x: Any, shape: tuple[int, ...]) -> None:
    values = solved(x=x, t=t)
    assert isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == shape
    assert values == pytest.approx(by_hand(solved, *np.broadcast_arrays(np.asarray(t, float), np.asarray(x, float))))


@pytest.mark.parametrize(
    ("name", "steps"),
    [("u_t", "t"), ("u_x", "x"), ("u_xx", "xx"), ("u_tx", "tx"), ("u_xt", "tx"), ("u_txx", "txx")],
)
def test_derivatives_are_those_of_difference_quotients(solved: pm.Solution, name: str, steps: str) -> None:
    t, x, h = np.array([0.3, 0.8]), np.array([1.0, 2.5]), 2e-3

    def quotient(steps: str, t: Any, x: Any) -> Any:
        if not steps:
            return by_hand(solved, t, x)
        dt, dx = (h, 0) if steps[0] == "t" else (0, h)
        return (quotient(steps[1:], t + dt, x + dx) - quotient(steps[1:], t - dt, x - dx)) / (2 * h)

    assert solved(name, t=t, x=x) == pytest.approx(quotient(steps, t, x), abs=2e-5)  # h² = 4e-6 times a derivative


def test_several_names_come_as_a_dictionary(solved: pm.Solution) -> None:
    values = solved("u_x", "u", t=0.5, x=[1.0, 2.0])
    assert list(values) == ["u_x", "u"]
    assert np.array_equal(values["u_x"], solved("u_x", t=0.5, x=[1.0, 2.0]))
    assert values["u"] == pytest.approx(solved(t=0.5, x=[1.0, 2.0]), abs=1e-15)
    system = tiny(oscillator(), 1)
    assert list(system(t=0.5)) == ["u", "v"]
    assert np.array_equal(system("v", t=[0.5]), system(t=[0.5])["v"])
    assert system(t=0.5)["u"] != system(t=0.5)["v"]


def test_many_points_are_the_same_as_few(solved: pm.Solution) -> None:
    x = np.linspace(0, math.pi, 2 * CHUNK + 3)
    assert solved(t=0.5, x=x)[[0, CHUNK, -1]] == pytest.approx(solved(t=0.5, x=x[[0, CHUNK, -1]]), abs=1e-14)


@pytest.mark.parametrize(
    ("names", "coordinates", "message"),
    [
        ((), {"t": 0.5}, "No value for x"),
        ((), {}, "No value for t, x"),
        ((), {"t": 0.5, "x": 1.0, "y": 0.0}, "Unknown coordinate 'y'.*t, x"),
        ((), {"t": 0.5, "x": [1.0, 4.0]}, r"1 of 2 points.*outside.*x=4"),
        ((), {"t": math.nan, "x": 1.0}, "outside"),
        ((), {"t": [0.1, 0.2], "x": [1.0, 2.0, 3.0]}, "broadcast"),
        ((), {"t": "now", "x": 1.0}, "broadcast.*now"),
        ((), {"t": None, "x": 1.0}, "outside|broadcast"),
        (("w",), {"t": 0.5, "x": 1.0}, "'w'"),
        (("u_xxxxx",), {"t": 0.5, "x": 1.0}, "u_xxxxx"),
        (("x",), {"t": 0.5, "x": 1.0}, "'x' is no field"),
        (("u", "kappa"), {"t": 0.5, "x": 1.0}, "'kappa' is no field"),
    ],
)
def test_wrong_questions_are_refused(
    solved: pm.Solution, names: tuple[str, ...], coordinates: dict[str, Any], message: str
) -> None:
    with pytest.raises(pm.DeclarationError, match=f"(?s){message}"):
        solved(*names, **coordinates)


def test_points_on_the_boundary_are_inside(solved: pm.Solution) -> None:
    assert solved(t=[0, 1], x=[0, math.pi]).shape == (2,)


def test_errors_are_those_of_an_independent_computation(solved: pm.Solution) -> None:
    t, x = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, math.pi, 21), indexing="ij")
    exact = np.exp(-0.5 * t) * np.sin(x)
    difference = by_hand(solved, t, x) - exact
    error = solved.error()
    assert error is not None
    assert error.relative_l2 == pytest.approx(math.sqrt((difference**2).sum() / (exact**2).sum()), rel=1e-12)
    assert error.maximum == pytest.approx(np.abs(difference).max(), rel=1e-12)
    assert error.relative_l2 > 1e-3  # far above rounding
    assert tiny(ring(), 1).error() is None


def test_the_error_of_several_fields_is_taken_together() -> None:
    solution = tiny(oscillator(), 2)
    t = np.linspace(0, 1, 11)
    values = solution(t=t)
    parts = np.stack([values["u"] - np.cos(t), values["v"] + np.sin(t)])
    error = solution.error()
    assert error is not None and error.relative_l2 == pytest.approx(np.linalg.norm(parts) / math.sqrt(11), rel=1e-12)


def test_a_residual_is_the_equation_with_the_derivatives_put_in(solved: pm.Solution) -> None:
    at: dict[str, Any] = {"t": np.array([0.2, 0.7]), "x": np.array([[1.0], [2.0], [3.0]])}
    residual = solved.residual(**at)
    assert residual.shape == (3, 2)
    assert residual == pytest.approx(solved("u_t", **at) - 0.5 * solved("u_xx", **at), abs=1e-13)
    assert np.abs(residual).min() > 1e-6
    assert np.array_equal(residual, solved.residual("pde", **at))
    assert solved.residual().shape == (6, 21)


def test_a_system_has_a_residual_for_each_equation() -> None:
    solution = tiny(oscillator(), 2)
    t = np.linspace(0, 1, 5)
    values = solution("u", "v", "u_t", "v_t", t=t)
    expected = np.stack([values["u_t"] - values["v"], values["v_t"] + values["u"]])
    assert solution.residual(t=t) == pytest.approx(expected, abs=1e-14)
    errors = {"u_error", "v_error", "u_estimated_error", "v_estimated_error"}
    assert {"u", "v", "residual_0", "residual_1"} | errors == set(solution.on_grid())


def test_every_equation_has_its_residual_on_the_grid() -> None:
    conditions = {
        "first": pm.Interior(lambda u_t, v: u_t - v),
        "second": pm.Interior(lambda v_t, u: v_t + u),
        "start": pm.Value(u=1.0, v=0.0, on="t=0"),
    }
    solution = tiny(pm.Problem(pm.Box(t=(0, 1)), ["u", "v"], conditions=conditions), 1)
    data, t = solution.on_grid(), solution.axes()["t"]
    assert data["residual_1"] == pytest.approx(solution("v_t", t=t) + solution("u", t=t), abs=1e-14)
    assert np.array_equal(data["residual_0"], solution.residual("first", t=t))
    with pytest.raises(pm.DeclarationError, match=r"'third'.*first, second"):
        solution.residual("third")
    with pytest.raises(pm.DeclarationError, match="'start'"):
        solution.residual("start")


def test_a_fit_without_an_equation_is_a_solution_too() -> None:
    t = np.linspace(0, 1, 9)
    problem = pm.Problem(pm.Box(t=(0, 1)), ["u"], conditions={"data": pm.Data({"t": t}, u=t**2)})
    solution = tiny(problem, 30)
    assert solution(t=t) == pytest.approx(t**2, abs=0.05)
    assert set(solution.on_grid()) == {"u"} and "solution" in solution.figures()
    with pytest.raises(pm.DeclarationError, match="No interior condition"):
        solution.residual()


@pytest.mark.parametrize("make", [string, heat, block])
def test_a_vtu_file_holds_what_the_solution_says(make: Any, tmp_path: Path) -> None:
    solution = tiny(make(), 2)
    solution.to_vtu(tmp_path / "u.vtu")
    points, data = read_vtu(tmp_path / "u.vtu")
    names = solution.problem.domain.names
    coordinates: dict[str, Any] = {name: points[:, axis] for axis, name in enumerate(names)}
    assert len(points) == math.prod(len(axis) for axis in solution.axes().values())
    assert data["u"] == pytest.approx(solution(**coordinates), abs=1e-14)
    assert data["residual"] == pytest.approx(solution.residual(**coordinates), abs=1e-12)
    assert solution.problem.reference is not None
    exact = solution.problem.reference(coordinates)["u"]
    assert data["u_error"] == pytest.approx(data["u"] - exact, abs=1e-14)
    assert np.abs(data["u_error"]).max() > 1e-4


def test_four_coordinates_fit_no_vtu_file(tmp_path: Path) -> None:
    box = pm.Box(a=(0, 1), b=(0, 1), c=(0, 1), d=(0, 1))
    problem = pm.Problem(box, ["u"], conditions={"pde": pm.Interior(lambda u, a: u - a)})
    solution = tiny(problem, 1)
    with pytest.raises(pm.DeclarationError, match="not 4"):
        solution.to_vtu(tmp_path / "u.vtu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "panels"), [("string", 3), ("heat", 3), ("oscillator", 3), ("ring", 2), ("block", 3)])
def test_plot_puts_what_there_is_side_by_side(kind: str, panels: int) -> None:
    figure = tiny(KINDS[kind](), 1).plot()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len(titles) == panels and titles[0].startswith("Solution u")
    assert Gcf.figs == {}


def test_a_section_is_drawn_where_the_solution_varies_most_and_says_where() -> None:
    def walls(t: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.sin(t) * torch.sin(x) * torch.sin(y)

    solution = tiny(
        pm.Problem(
            pm.Box(t=(0, 1), x=(0, 2), y=(0, 3)),
            ["u"],
            conditions={
                "pde": pm.Interior(lambda u, u_tt, u_xx, u_yy: u_tt + u_xx + u_yy + 3 * u),
                "walls": pm.Value(u=walls, on=["t=0", "t=1", "x=0", "x=2", "y=0", "y=3"]),
            },
            hard={"walls"},
            reference=pm.Reference(
                {"u": lambda t, x, y: np.sin(t) * np.sin(x) * np.sin(y)}, {"t": 5, "x": 6, "y": 7}, "exact", 1e-15
            ),
        ),
        20,
    )
    y = solution.axes()["y"][3]  # of 0, 0.5, …, 3 the one nearest π/2
    panel = solution.figures()["solution"].axes[0]
    assert panel.get_title() == f"Solution u at y = {y:g}" == "Solution u at y = 1.5"
    t, x = np.meshgrid(solution.axes()["t"], solution.axes()["x"], indexing="ij")
    (mesh,) = panel.collections
    drawn = np.asarray(mesh.get_array()).T
    assert drawn == pytest.approx(solution(t=t, x=x, y=y), abs=1e-14)


def test_a_folder_keeps_weights_that_adaptation_has_set(tmp_path: Path) -> None:
    run = tiny(heat()).run
    discretisation = replace(run.discretisation, weights={"pde": 3.0})
    loss = PinnObjective(run.problem, discretisation).value(run.result.iterate.theta)
    result = replace(run.result, iterate=replace(run.result.iterate, f=loss))
    weighed = replace(run, discretisation=discretisation, result=result)
    pm.Solution(weighed).save(tmp_path)
    assert pm.load(tmp_path, heat()).run.discretisation.weights == {"pde": 3.0}
