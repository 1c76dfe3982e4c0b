"""The share of g in a solution: its error is told beside the network's, and a problem that g solves is named."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from small_problems import heat, oscillator, string, tiny
from torch import Tensor

import pinnml as pm

FACES = ["x=0", "x=1", "y=0", "y=1"]


def manufactured(product: bool, hard: bool = True) -> pm.Problem:
    """Return Poisson's equation for sin x cos y, or for sin x + cos y, of which its values on the faces are all."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(x) * torch.cos(y) if product else torch.sin(x) + torch.cos(y)

    def equation(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return u_xx + u_yy + (2 if product else 1) * exact(x, y)

    return pm.Problem(
        pm.Box(x=(0, 1), y=(0, 1)),
        ["u"],
        conditions={"pde": pm.Interior(equation), "walls": pm.Value(u=exact, on=FACES)},
        hard={"walls"} if hard else set(),
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_additive_solution_is_named(dtype: torch.dtype) -> None:
    with pytest.warns(pm.DeclarationWarning, match="The lifting g alone, with N = 0, is the solution"):
        tiny(manufactured(product=False), 1, dtype=dtype)


def test_so_is_a_problem_of_zeros() -> None:
    zero = string(conditions={"pde": pm.Interior(lambda u_xx: u_xx), "ends": pm.Value(u=0.0, on=["x=0", "x=1"])})
    with pytest.warns(pm.DeclarationWarning, match="is the solution: it meets every condition"):
        tiny(zero, 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("product", [True, False])
def test_others_are_not(product: bool, dtype: torch.dtype) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny(manufactured(product, hard=product), 1, dtype=dtype)
        tiny(heat(), 1, dtype=dtype)


def test_nor_is_one_in_units_that_make_it_small() -> None:
    def equation(u_xx: Tensor, x: Tensor) -> Tensor:
        return u_xx + 1e-18 * torch.sin(x)

    walls = pm.Value(u=1e-18, on=["x=0", "x=1"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny(string(conditions={"pde": pm.Interior(equation), "ends": walls}), 1)


def test_the_error_of_g_alone_is_told_beside_the_networks() -> None:
    solution = tiny(heat(), 3)
    t, x = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, np.pi, 21), indexing="ij")
    exact = np.exp(-0.5 * t) * np.sin(x)
    expected = np.linalg.norm(np.sin(x) - exact) / np.linalg.norm(exact)  # g is the start, whatever t
    error = solution.error()
    assert error is not None and error.lifting_l2 == pytest.approx(expected, rel=1e-12)
    assert pm.run.summary(solution.run, error)["lifting_l2"] == error.lifting_l2


def test_without_hard_conditions_there_is_no_g() -> None:
    error = tiny(oscillator(), 1).error()
    assert error is not None and error.lifting_l2 is None
