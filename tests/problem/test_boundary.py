"""Any equation on parts of the boundary, with normals and normal derivatives by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from disc import Disc
from torch import Tensor

import pinnml as pm
from pinnml.problem import Term

DISC, SQUARE = Disc((0.5, 0.0), 2.0), pm.Box(x=(0, 1), y=(0, 2))


def bound(residual: Callable[..., Any], domain: pm.problem.AbstractDomain, on: str | list[str]) -> Term:
    conditions = {"pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy), "edge": pm.Boundary(residual, on=on)}
    return pm.Problem(domain, ["u"], conditions=conditions, parameters={"h": 3.0}).terms["edge"]


def evaluated(term: Term, x: Tensor) -> Tensor:
    """Return the residual of u = x² y, whose gradient is (2xy, x²)."""
    exact: dict[tuple[int, ...], Tensor] = {
        (0, 0): x[:, 0] ** 2 * x[:, 1],
        (1, 0): 2 * x[:, 0] * x[:, 1],
        (0, 1): x[:, 0] ** 2,
    }
    return term.residual(x, {symbol: exact[symbol.index] for symbol in term.derivatives}, {})


def test_normal_derivatives_are_along_the_outward_normal() -> None:
    x = DISC.place(torch.rand(50, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64), "rim")
    n = (x - torch.tensor([0.5, 0.0])) / 2
    robin = bound(lambda u, u_n, n_x, n_y, h: (u_n + h * u, n_x - 2 * n_y + 0 * u), DISC, "rim")
    u, gradient = x[:, 0] ** 2 * x[:, 1], torch.stack([2 * x[:, 0] * x[:, 1], x[:, 0] ** 2], 1)
    expected = torch.stack([(n * gradient).sum(1) + 3 * u, n[:, 0] - 2 * n[:, 1]])
    torch.testing.assert_close(evaluated(robin, x), expected)
    assert len(robin.derivatives) == 3


def test_each_of_several_faces_has_its_own_normal() -> None:
    faces = ["x=0", "y=2", "x=1"]
    flux = bound(lambda u_n: u_n, SQUARE, faces)
    unit = torch.rand(20, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = [SQUARE.place(unit, face) for face in faces]
    expected = [-2 * points[0].prod(1), points[1][:, 0] ** 2, 2 * points[2].prod(1)]
    torch.testing.assert_close(evaluated(flux, torch.cat(points))[0], torch.cat(expected))


@pytest.mark.usefixtures("on_one_thread")
def test_heat_that_leaves_through_a_wall() -> None:
    """u″ = −1, u(0) = 0, u′(1) = −h u(1): u = ax − x²/2 with a = (1 + h/2) / (1 + h)."""
    h = 3.0
    conditions = {
        "pde": pm.Interior(lambda u_xx: u_xx + 1),
        "cold": pm.Value(u=0.0, on="x=0"),
        "wall": pm.Boundary(lambda u, u_n, h: u_n + h * u, on="x=1"),
    }
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions=conditions, parameters={"h": h}, hard={"cold"})
    assert problem.check() == []
    x = np.linspace(0, 1, 30)
    a = (1 + h / 2) / (1 + h)
    assert pm.solve(problem, accuracy=1e-8, seconds=20, device="cpu")(x=x) == pytest.approx(a * x - x**2 / 2, abs=1e-7)


@pytest.mark.usefixtures("on_one_thread")
def test_radiation_is_not_linear() -> None:
    """u″ = 0, u(0) = 2, −u′(1) = u⁴(1) at u(1) = 1: u = 2 − x."""
    conditions = {
        "pde": pm.Interior(lambda u_xx: u_xx),
        "hot": pm.Value(u=2.0, on="x=0"),
        "wall": pm.Boundary(lambda u, u_n: u_n + u**4, on="x=1"),
    }
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions=conditions)
    solution = pm.solve(problem, accuracy=1e-7, seconds=20, device="cpu")
    assert solution(x=[0.5, 1.0]) == pytest.approx([1.5, 1.0], abs=1e-6)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "another coordinate": (lambda: bound(lambda u, n_z: u * n_z, SQUARE, "x=0"), "Unknown name 'n_z'.*n_x"),
    "no field": (lambda: bound(lambda n_x, y: n_x * y, SQUARE, "x=0"), "names no field"),
    "no part": (lambda: bound(lambda u: u, SQUARE, []), "No part of the boundary is named"),
    "twice": (lambda: bound(lambda u: u, SQUARE, ["x=0", "x=0.0"]), "named twice"),
    "unknown part": (lambda: bound(lambda u: u, DISC, "rum"), "called 'rum'.*rim"),
    "in the domain": (lambda: pm.Problem(SQUARE, ["u"], conditions={"pde": pm.Interior(lambda u_n: u_n)}), "'u_n'"),
}


@pytest.mark.parametrize(("declare", "word"), REFUSED.values(), ids=REFUSED)
def test_wrong_names_are_refused(declare: Callable[[], Any], word: str) -> None:
    with pytest.raises(pm.DeclarationError, match=word):
        declare()


def test_no_lifting_is_derived_for_it() -> None:
    conditions = {"pde": pm.Interior(lambda u_xx: u_xx), "wall": pm.Boundary(lambda u: u - 1, on="x=1")}
    with pytest.raises(pm.DeclarationError, match="No lifting can be derived for a Boundary"):
        pm.Problem(SQUARE, ["u"], conditions=conditions, hard={"wall"})


def test_what_it_contradicts_is_named() -> None:
    conditions = {
        "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy),
        "wall": pm.Boundary(lambda u_n: u_n - 1, on="x=0"),
        "again": pm.Derivative(u_x=1.0, on="x=0"),
    }
    (finding,) = [one for one in pm.Problem(SQUARE, ["u"], conditions=conditions).check() if one.fatal]
    assert "'wall' and 'again'" in finding.what


def test_a_robin_condition_counts_once() -> None:
    conditions = {
        "pde": pm.Interior(lambda u_xx: u_xx + math.pi),
        "left": pm.Boundary(lambda u, u_n: u_n + u, on="x=0"),
        "right": pm.Boundary(lambda u, u_n: u_n + 2 * u, on="x=1"),
    }
    assert pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions=conditions).check() == []
