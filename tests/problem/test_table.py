"""Tables: splines through values on grids, as functions that torch differentiates."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.interpolate import NdBSpline, make_interp_spline
from torch import Tensor

import pinnml as pm

X, Y = np.linspace(0, 1, 12) ** 1.3, np.linspace(-1, 1, 9)
VALUES = np.sin(3 * X)[:, None] * np.exp(Y)[None]


def points(count: int = 40) -> tuple[Tensor, Tensor]:
    unit = torch.rand(2, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return unit[0], 2 * unit[1] - 1


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_it_is_scipys_spline_with_its_derivatives(degree: int) -> None:
    table, (x, y) = pm.Table({"x": X, "y": Y}, VALUES, degree=degree), points()
    along_x = make_interp_spline(X, VALUES, k=degree)
    along_y = make_interp_spline(Y, along_x.c.T, k=degree)
    spline = NdBSpline((along_x.t, along_y.t), along_y.c.T, degree)
    at = np.stack([x.numpy(), y.numpy()], 1)
    x.requires_grad_()
    value = table(x, y=y)
    np.testing.assert_allclose(value.detach(), spline(at), atol=1e-14)
    for order in range(1, degree + 1):
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        np.testing.assert_allclose(value.detach(), spline(at, nu=(order, 0)), rtol=1e-9, atol=1e-9)


def test_it_goes_through_its_values_to_the_ends_and_has_none_beyond() -> None:
    table = pm.Table({"x": X}, np.sin(X))
    torch.testing.assert_close(table(torch.tensor(X)), torch.tensor(np.sin(X)))
    beyond = table(torch.tensor([-0.01, 0.5, 1.01, 1 + 1e-12], dtype=torch.float64))
    assert beyond.isnan().tolist() == [True, False, True, False]


@pytest.mark.parametrize("name", ["x", "y"])
def test_derivatives_are_tables(name: str) -> None:
    table, (x, y) = pm.Table({"x": X, "y": Y}, VALUES), points()
    at = {"x": x, "y": y}
    at[name].requires_grad_()
    (expected,) = torch.autograd.grad(table(**at).sum(), at[name], create_graph=True)
    torch.testing.assert_close(table.derivative(name)(**at), expected)
    (expected,) = torch.autograd.grad(expected.sum(), at[name])
    torch.testing.assert_close(table.derivative(name).derivative(name)(**at), expected)
    third = table.derivative(name).derivative(name).derivative(name)
    assert torch.isfinite(third(**at)).all()
    with pytest.raises(pm.DeclarationError, match="higher degree"):
        third.derivative(name)
    with pytest.raises(pm.DeclarationError, match="No axis 'z'"):
        table.derivative("z")


def test_single_precision_stays_single() -> None:
    assert pm.Table({"x": X}, X)(torch.rand(5)).dtype == torch.float32


def test_a_file_is_read_in_any_order(tmp_path: Path) -> None:
    lines = [f"{y},{math.sin(3 * x) * math.exp(y)},{x}" for x in X for y in Y]
    (tmp_path / "k.csv").write_text("\n".join(["y, k,x", *reversed(lines)]))
    table, (x, y) = pm.Table.from_csv(tmp_path / "k.csv", "k", ["x", "y"]), points()
    torch.testing.assert_close(table(x, y), pm.Table({"x": X, "y": Y}, VALUES)(x, y))
    (tmp_path / "k.csv").write_text("\n".join(["y,k,x", *lines[1:]]))
    with pytest.raises(pm.DeclarationError, match="107 lines are no full grid of 12 x 9 points"):
        pm.Table.from_csv(tmp_path / "k.csv", "k", ["x", "y"])
    with pytest.raises(pm.DeclarationError, match=r"No column 'z'.*y, k, x"):
        pm.Table.from_csv(tmp_path / "k.csv", "z", ["x", "y"])
    with pytest.raises(pm.DeclarationError, match="cannot be read"):
        pm.Table.from_csv(tmp_path / "none.csv", "k", ["x"])


REFUSED: dict[str, tuple[Callable[[], pm.Table], str]] = {
    "shape": (lambda: pm.Table({"x": X}, VALUES), r"shape \(12, 9\), the axes \(12,\)"),
    "order": (lambda: pm.Table({"x": X[::-1]}, X), "do not increase"),
    "few": (lambda: pm.Table({"x": [0, 1]}, [0, 1]), "2 points for degree 3"),
    "missing": (lambda: pm.Table({"x": X}, X * np.nan), "not all finite"),
    "words": (lambda: pm.Table({"x": X}, "abc"), "no numbers"),
    "degree": (lambda: pm.Table({"x": X}, X, degree=0), "degree is 0"),
}


@pytest.mark.parametrize(("make", "word"), REFUSED.values(), ids=REFUSED)
def test_wrong_tables_are_refused(make: Callable[[], pm.Table], word: str) -> None:
    with pytest.raises(pm.DeclarationError, match=word):
        make()


def test_a_call_without_a_coordinate_is_refused() -> None:
    with pytest.raises(pm.DeclarationError, match="give x, y"):
        pm.Table({"x": X, "y": Y}, VALUES)(points()[0])


def evolution(start: pm.Table, conductivity: pm.Table) -> pm.Problem:
    """Return u_t = (k u_x)_x with k and the start from tables."""

    slope = conductivity.derivative("x")

    def equation(u_t: Tensor, u_x: Tensor, u_xx: Tensor, x: Tensor) -> Tensor:
        return u_t - conductivity(x) * u_xx - slope(x) * u_x

    conditions = {
        "pde": pm.Interior(equation),
        "start": pm.Value(u=start, on="t=0"),
        "ends": pm.Value(u=0.0, on=["x=0", "x=1"]),
    }
    return pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u"], conditions=conditions, hard={"start", "ends"})


@pytest.mark.usefixtures("on_one_thread")
def test_start_and_coefficient_from_tables() -> None:
    """k is constant, so that the solution is known: exp(−0.1 π² t) sin πx."""
    x = np.linspace(0, 1, 60)
    problem = evolution(pm.Table({"x": x}, np.sin(np.pi * x), degree=5), pm.Table({"x": x}, 0.1 + 0 * x))
    assert problem.check() == []
    solution = pm.solve(problem, accuracy=1e-5, seconds=20, device="cpu")
    t, x = np.random.default_rng(0).random((2, 50))
    exact = np.exp(-0.1 * np.pi**2 * t) * np.sin(np.pi * x)
    assert solution(t=t, x=x) == pytest.approx(exact, abs=3e-5)


def test_a_table_that_does_not_cover_the_domain_is_refused() -> None:
    short = np.linspace(0, 0.9, 60)
    problem = evolution(pm.Table({"x": short}, np.sin(short)), pm.Table({"x": short}, 1 + short))
    assert any("finite" in finding.what for finding in problem.check() if finding.fatal)
