"""Every bundled problem passes the conformance suite, and wrong problems do not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from problem_conformance import defects, derivative

from pinnml import problems
from pinnml.problem import (
    Box,
    Data,
    Derivative,
    FieldDerivative,
    Interior,
    Periodic,
    Problem,
    Reference,
    Value,
)

COMPUTED = {"gray-scott", "lid-driven-cavity"}
"""Held to other grids and to what is known of them in tests of their own."""


@pytest.mark.parametrize("name", [name for name in problems.names() if "/" not in name and name not in COMPUTED])
def test_bundled_problem_conforms(name: str) -> None:
    problem = problems.get(name)
    assert problem.name == name
    assert defects(problem) == []


def changed(problem: Problem, *, hard: set[str] | None = None, **changes: Any) -> Problem:
    """Declare a problem again with other conditions, parameters, reference, name or description."""
    kept = {
        key: getattr(problem, key)
        for key in ("domain", "fields", "conditions", "parameters", "reference", "name", "description")
    }
    return Problem(**(kept | changes), hard=problem.hard if hard is None else hard)


def with_condition(problem: Problem, name: str, condition: Any) -> Problem:
    """Replace one condition, all but the equation being soft."""
    return changed(problem, conditions=problem.conditions | {name: condition}, hard=set())


def with_field(problem: Problem, field: Callable[..., Any]) -> Problem:
    """Replace the reference solution by `field(u, t, x)`."""
    assert problem.reference is not None
    exact = problem.reference.fields["u"]
    return changed(problem, reference=replace(problem.reference, fields={"u": lambda t, x: field(exact(t, x), t, x)}))


burgers = problems.get("burgers")
ring = problems.get("allen-cahn-periodic")
NU = burgers.parameters["nu"]


WRONG = {
    "sign of nu": ("pde", lambda: changed(burgers, parameters={"nu": -NU})),
    "slightly other nu": (
        "pde",
        lambda: changed(burgers, parameters={"nu": 1.0001 * NU}),
    ),
    "reference off by 1e-7 inside": (
        "pde",
        lambda: with_field(burgers, lambda u, t, x: u + 1e-7 * np.sin(3 * t) * np.sin(np.pi * x)),
    ),
    "start of other sign": (
        "start",
        lambda: with_condition(burgers, "start", Value(u=lambda x: torch.sin(math.pi * x), on="t=0")),
    ),
    "one wall off": ("walls", lambda: with_condition(burgers, "walls", Value(u=1e-10, on=["x=-1", "x=1"]))),
    "slope off": (
        "velocity",
        lambda: with_condition(wave(), "velocity", Derivative(u_t=1e-5, on="t=0")),
    ),
    "ring not closed": ("ring", lambda: with_field(ring, lambda u, t, x: u + 1e-11 * t * x)),
    "ring with a kink": ("ring", lambda: with_field(ring, lambda u, t, x: u + 1e-5 * t * x**2)),
    "reference not finite": (
        "finite",
        lambda: with_field(burgers, lambda u, t, x: np.where(t < 1, u, np.inf)),
    ),
    "reference in single precision": (
        "float32",
        lambda: with_field(burgers, lambda u, t, x: u.astype(np.float32)),
    ),
    "reference of wrong shape": ("shape", lambda: with_field(burgers, lambda u, t, x: u[:, None])),
    "no description": ("empty", lambda: changed(burgers, description=" ")),
    "no reference": ("no reference", lambda: changed(burgers, reference=None)),
    "hard data that disagree in a corner": (
        "lifting",
        lambda: changed(burgers, conditions=burgers.conditions | {"walls": Value(u=0.1, on=["x=-1", "x=1"])}),
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_problem_is_refused(fault: str) -> None:
    word, build = WRONG[fault]
    found = defects(build())
    assert any(word in sentence for sentence in found), found


def wave() -> Problem:
    """Return u_tt = u_xx with u = sin(x) cos(t), which has every kind of condition."""
    at = {"t": np.array([0.3, 0.6]), "x": np.array([0.1, 1.2])}
    return Problem(
        domain=Box(t=(0, 1), x=(-math.pi, math.pi)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_tt, u_xx: u_tt - u_xx),
            "start": Value(u=lambda x: torch.sin(x), on="t=0"),
            "velocity": Derivative(u_t=0.0, on="t=0"),
            "ring": Periodic(u=1, along="x"),
            "data": Data(at, u=np.sin(at["x"]) * np.cos(at["t"])),
        },
        reference=Reference({"u": lambda t, x: np.sin(x) * np.cos(t)}, {"t": 11, "x": 11}, "exact", accuracy=1e-15),
        name="wave",
        description="u_tt = u_xx",
    )


def test_suite_reads_every_kind_of_condition() -> None:
    assert defects(wave()) == []
    moved = with_condition(wave(), "velocity", Derivative(u_t=1e-4, on="t=0"))
    assert [sentence.split(":")[0] for sentence in defects(moved)] == ["velocity"]
    at = {"t": [0.3], "x": [0.1]}
    mistaken = with_condition(wave(), "data", Data(at, u=[math.sin(0.1) * math.cos(0.3) + 1e-9]))
    assert [sentence.split(":")[0] for sentence in defects(mistaken)] == ["data"]


@pytest.mark.parametrize(
    ("index", "tolerance"),
    [((1, 0), 1e-13), ((0, 2), 1e-10), ((1, 1), 1e-10), ((2, 2), 1e-6)],
)
def test_differences_find_the_derivatives_of_a_known_function(index: tuple[int, int], tolerance: float) -> None:
    points = np.array([[0.0, -math.pi], [0.5, 0.3], [1.0, math.pi], [0.02, 3.1]])
    t, x = points.T
    turned = np.cos(t + index[0] * math.pi / 2) * np.sin(x + index[1] * math.pi / 2)
    found = derivative(wave(), FieldDerivative(0, index), points)
    assert np.abs(found - turned).max() < tolerance
