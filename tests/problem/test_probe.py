"""Functions that would give wrong derivatives, or change what belongs to the run, are refused before training."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import TINY, tiny
from torch import Tensor

import pinnml as pm
from pinnml import problems
from pinnml.problem import probe_term


def declared(residual: Callable[..., Any], start: Any = 0.0, **more: Any) -> pm.Problem:
    """An evolution on 0 ≤ t, x ≤ 1."""
    conditions = {"pde": pm.Interior(residual), "start": pm.Value(u=start, on="t=0")}
    return pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u"], conditions=conditions, **more)


CALLS = count()


def moving(u_t: Tensor, x: Tensor) -> Tensor:
    x *= math.pi
    return u_t - torch.sin(x)


def doubling(u: Tensor, u_t: Tensor) -> Tensor:
    u *= 2
    return u_t - u


def through_numpy(u: Tensor, u_t: Tensor) -> Tensor:
    return u_t - torch.from_numpy(np.sin(u.detach().numpy()))


def scaled_by_its_own_size(u: Tensor, u_t: Tensor) -> Tensor:
    return (u_t - u) / (1 + (u_t - u).abs()).detach()


CARELESS: dict[str, tuple[Callable[..., Any], str]] = {
    "moves the points": (moving, "changes its arguments"),
    "changes a field": (doubling, "changes its arguments"),
    "random": (lambda u, u_t: u_t - u + 1e-3 * torch.randn_like(u), "another result when it is called again"),
    "counts": (lambda u, u_t: u_t - u * next(CALLS), "another result when it is called again"),
    "mean of the field": (lambda u, u_t: u_t - (u - u.mean()), "among other points"),
    "cumulative sum": (lambda u, u_t: u_t - u.cumsum(0), "among other points"),
    "order": (lambda u, u_t, x: u_t - u - x.sort().values, "among other points"),
    "mean of squares": (lambda u, u_t: (u_t - u).square().mean(), "One number came out"),
    "a number": (lambda u: 1.0, "One number came out"),
    "detached": (lambda u, u_t: u_t - u.detach(), "derivatives are not those"),
    "all detached": (lambda u, u_t: (u_t - u).detach(), "does not depend on any field"),
    "NumPy": (through_numpy, "derivatives are not those"),
    "NumPy without detach": (lambda u, u_t: u_t - torch.from_numpy(u.numpy()), "raises RuntimeError"),
    "half detached": (scaled_by_its_own_size, "derivatives are not those"),
    "no field": (lambda u, x: torch.sin(x), "does not depend on any field"),
}


@pytest.mark.parametrize(("residual", "word"), CARELESS.values(), ids=CARELESS)
def test_a_careless_residual_is_refused(residual: Callable[..., Any], word: str) -> None:
    found = declared(residual).check()
    assert [finding.fatal for finding in found if word in finding.what] == [True], found
    with pytest.raises(pm.DeclarationError, match=f"{word}.*condition 'pde'"):
        pm.solve(declared(residual), TINY, stop=pm.Iterations(1), device="cpu")


@pytest.mark.parametrize("hard", [set(), {"start"}], ids=["soft", "hard"])
def test_so_is_a_careless_value(hard: set[str]) -> None:
    def shifted(x: Tensor) -> Tensor:
        x -= 0.5
        return torch.cos(x)

    for start, word in (
        (shifted, "changes its arguments"),
        (lambda x: x - x.mean(), "among other points"),
        (lambda x: x + 1e-3 * torch.rand_like(x), "called again"),
    ):
        found = declared(lambda u, u_t: u_t - u, start, hard=hard).check()
        assert any(finding.fatal and word in finding.what for finding in found), (word, found)


GOOD: dict[str, Callable[..., Any]] = {
    "kinks": lambda u, u_t: u_t - u.abs() - torch.relu(u - 0.5) - torch.where(u > 0.3, u**2, 0.09 + 0 * u),
    "steps": lambda u, u_t, x: u_t - u * (x > 0.5) - torch.sign(u - 0.5),
    "powers": lambda u, u_t: u_t - 1e6 * u**5 + 1e-6 * torch.exp(5 * u),
    "a source through NumPy": lambda u_t, x: u_t - torch.from_numpy(np.sin(x.numpy())),
    "an argument that does nothing": lambda u, u_t, x: u_t - torch.sin(x),
    "flat where it is looked at": lambda u: torch.relu(u - 100.0),
    "small": lambda u, u_t: 1e-12 * (u_t - u),
    "a system": lambda u, u_t, x: (u_t - u, u - x),
}


@pytest.mark.parametrize("residual", GOOD.values(), ids=GOOD)
def test_others_are_left_alone(residual: Callable[..., Any]) -> None:
    assert [finding for finding in declared(residual).check() if finding.fatal] == []


@pytest.mark.parametrize("name", problems.names())
def test_so_are_the_bundled_problems(name: str) -> None:
    assert [finding for finding in problems.get(name).check() if finding.fatal] == []


def test_functions_are_probed_as_the_run_calls_them() -> None:
    """A residual that is careless in single precision alone is refused where that is asked for, and else solved."""

    def careless(u: Tensor, u_t: Tensor) -> Tensor:
        return u_t - (u.detach() if u.dtype == torch.float32 else u)

    assert declared(careless).check() == []
    assert tiny(declared(careless, 1.0), 1).result.nit == 1
    with pytest.raises(pm.DeclarationError, match=r"derivatives are not those.*condition 'pde'"):
        tiny(declared(careless, 1.0), 1, dtype=torch.float32)


def table(x: Tensor) -> Tensor:
    """sin πx through a table of NumPy's, which torch cannot follow."""
    at = np.linspace(0, 1, 201)
    return torch.from_numpy(np.interp(x.detach().numpy(), at, np.sin(np.pi * at)))


def heat_from(start: Callable[..., Any], **more: Any) -> pm.Problem:
    conditions = {
        "pde": pm.Interior(lambda u_t, u_xx: u_t - u_xx),
        "start": pm.Value(u=start, on="t=0"),
        "walls": pm.Value(u=0.0, on=["x=0", "x=1"]),
    }
    declared: dict[str, Any] = {"hard": {"start", "walls"}}
    return pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u"], conditions=conditions, **(declared | more))


def test_a_start_that_torch_cannot_follow_is_refused_where_it_is_extended() -> None:
    """Its g has values and no derivatives: a loss of 6e-13 and an error of 61 % came of it."""
    (found,) = heat_from(table).check()
    assert found.fatal and "Derivatives of order 1 are not those" in found.what and "g of 'u'" in found.where
    assert heat_from(table, hard={"walls"}).check() == []  # as data it is good enough


def test_so_is_one_with_a_first_derivative_alone() -> None:
    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Tensor) -> Tensor:
            context.save_for_backward(x.detach())
            return torch.sin(math.pi * x)

        @staticmethod
        def backward(context: Any, *grads: Tensor) -> Tensor:
            return grads[0] * math.pi * torch.cos(math.pi * context.saved_tensors[0]).detach()

    (found,) = heat_from(lambda x: Sine.apply(x)).check()
    assert found.fatal and "Derivatives of order 2" in found.what


def test_a_lifting_by_hand_is_probed_too() -> None:
    given = pm.Lifting(u=(lambda x: torch.sin(math.pi * x), lambda t, x: (t * x * (1 - x)).detach()))
    (found,) = heat_from(lambda x: torch.sin(math.pi * x), lifting=given).check()
    assert found.fatal and "ℓ of 'u'" in found.where


@pytest.mark.parametrize(
    "start",
    [lambda x: x * (1 - x), lambda x: torch.minimum(x, 1 - x), lambda x: torch.exp(-1e4 * (x - 0.5) ** 2)],
    ids=["parabola", "kink", "pulse"],
)
def test_other_starts_are_left_alone(start: Callable[..., Any]) -> None:
    assert heat_from(start).check() == []


def test_values_in_arrays_are_named() -> None:
    found = heat_from(lambda x: np.sin(np.pi * np.asarray(x))).check()
    assert all(finding.fatal and "A ndarray came out" in finding.what for finding in found)
    assert "'start'" in found[0].where


@pytest.mark.parametrize("name", problems.names())
def test_bundled_problems_pass_in_single_precision(name: str) -> None:
    problem, generator = problems.get(name), torch.Generator().manual_seed(1)
    for term in problem.terms.values():
        x = term.region.sample(
            lambda n, d: torch.rand(n, d, generator=generator, dtype=torch.float64),
            problem.domain,
            inside=64,
            boundary=64,
        ).float()
        values = {symbol: torch.rand(len(x), generator=generator) for symbol in term.derivatives}
        assert term.region.data or probe_term(term, x, values) == []
