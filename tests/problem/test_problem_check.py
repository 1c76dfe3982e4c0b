"""What problem.check() finds before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pinnml.problem import (
    Box,
    Data,
    DeclarationError,
    Derivative,
    Finding,
    Interior,
    Lifting,
    Periodic,
    Problem,
    Reference,
    Value,
    raise_fatal,
)

DOMAIN = Box(t=(0, 1), x=(-1, 1))
START = Value(u=lambda x: torch.cos(x), on="t=0")
WALLS = Value(u=lambda: np.cos(1.0), on=["x=-1", "x=1"])


def problem(residual: Callable[..., Any] = lambda u_t, u_xx: u_t - u_xx, **changes: Any) -> Problem:
    """A heat equation with compatible data, with changes; conditions of None are left out."""
    conditions: dict[str, Any] = {"pde": Interior(residual), "start": START, "walls": WALLS}
    conditions |= changes.pop("conditions", {})
    good: dict[str, Any] = {"conditions": {name: value for name, value in conditions.items() if value is not None}}
    return Problem(DOMAIN, ["u"], **(good | changes))


def test_sound_problem_has_no_findings() -> None:
    assert problem().check() == []
    assert problem(hard={"start", "walls"}).check() == []


def nothing(u_t: torch.Tensor, u_xx: torch.Tensor) -> None:
    """Return nothing, the commonest slip of all."""


FATAL: dict[str, tuple[Callable[[], Problem], list[str]]] = {
    "nan from an equation": (
        lambda: problem(lambda u_t, u_xx, x: u_t - u_xx * torch.log(x)),
        ["not finite at the point", "condition 'pde'", "logarithms"],
    ),
    "nan from a value": (
        lambda: problem(conditions={"start": Value(u=lambda x: torch.sqrt(x - 0.9), on="t=0")}),
        ["not finite at the point (0, ", "condition 'start'", "roots"],
    ),
    "nan from a hard value": (
        lambda: problem(conditions={"start": Value(u=lambda x: torch.sqrt(x), on="t=0")}, hard={"start"}),
        ["not finite at the point (0, ", "condition 'start'"],
    ),
    "infinity from an equation": (
        lambda: problem(lambda u_t, u_xx: (u_t - u_xx) / 0.0),
        ["not finite at the point", "'pde'", "quotients"],
    ),
    "nan in one of two equations": (
        lambda: problem(lambda u_t, u_xx: (u_t, torch.asin(u_xx + 1.0))),
        ["not finite at the point", "'pde'"],
    ),
    "shape": (
        lambda: problem(lambda u_t, u_xx: (u_t - u_xx)[:, None]),
        ["shape (64, 1) for 64 points", "residual of condition 'pde'", "one value per point, shape (n,)"],
    ),
    "shape of a mean": (
        lambda: problem(lambda u_t, u_xx: (u_t - u_xx)[:7]),
        ["shape (7,) for 64 points", "'pde'"],
    ),
    "dtype": (
        lambda: problem(lambda u_t, u_xx: (u_t - u_xx).float()),
        ["torch.float32", "torch.float64", "residual of condition 'pde'", "torch.full_like"],
    ),
    "dtype of a hard value": (
        lambda: problem(conditions={"start": Value(u=lambda x: x.float(), on="t=0")}, hard={"start"}),
        ["torch.float32", "value of 'u' in condition 'start'"],
    ),
    "integers": (
        lambda: problem(conditions={"start": Value(u=lambda x: torch.zeros(len(x), dtype=torch.int64), on="t=0")}),
        ["torch.int64", "value of 'u' in condition 'start'"],
    ),
    "nothing returned": (
        lambda: problem(nothing),
        ["A NoneType came out", "residual of condition 'pde'", "return a tensor of shape (n,)"],
    ),
    "an array returned": (
        lambda: problem(conditions={"start": Value(u=lambda x: np.cos(x.numpy()), on="t=0")}),
        ["A ndarray came out", "value of 'u' in condition 'start'"],
    ),
    "no residual returned": (lambda: problem(lambda u_t: ()), ["No residual came out", "residual of condition 'pde'"]),
    "function raises": (
        lambda: problem(lambda u_t, u_xx: u_t @ u_xx[:3]),
        ["raises RuntimeError: ", "condition 'pde'", "mend the function"],
    ),
    "hard value raises": (
        lambda: problem(conditions={"start": Value(u=lambda x: 1 // 0, on="t=0")}, hard={"start"}),
        ["raises ZeroDivisionError", "condition 'start'"],
    ),
    "lifting raises": (
        lambda: problem(hard={"start"}, lifting=Lifting(u=(lambda t, x: 1 // 0, lambda t: t))),
        ["lifting raises ZeroDivisionError", "hard condition 'start'"],
    ),
    "dtype of a lifting": (
        lambda: problem(hard={"start"}, lifting=Lifting(u=(lambda x: torch.cos(x).float(), lambda t: t))),
        ["torch.float32", "lifting of 'u'", "hard condition 'start'"],
    ),
    "corner": (
        lambda: problem(conditions={"walls": Value(u=0.5, on=["x=-1", "x=1"])}, hard={"start", "walls"}),
        [
            "misses the prescribed values by 4.0e-02",
            "disagree on an edge",
            "hard condition 'walls'",
            "where faces meet",
        ],
    ),
    "two values on one face": (
        lambda: problem(conditions={"again": Value(u=7.0, on="t=0")}, hard={"start", "again"}),
        ["No solution fulfils the conditions 'start' and 'again'", "the boundary part t=0"],
    ),
    "wrong offset": (
        lambda: problem(hard={"start"}, lifting=Lifting(u=(lambda x: torch.cos(x) + 2e-6, lambda t: t))),
        ["misses the prescribed values by 2.0e-06", "lifting given by hand is wrong", "hard condition 'start'"],
    ),
    "wrong distance": (
        lambda: problem(hard={"start"}, lifting=Lifting(u=(lambda x: torch.cos(x), lambda t: t + 2e-6))),
        ["distance to zero on the face by 2.0e-06", "hard condition 'start'"],
    ),
    "distance to another face": (
        lambda: problem(hard={"start"}, lifting=Lifting(u=(lambda x: torch.cos(x), lambda x: 1 - x**2))),
        ["distance to zero on the face by 1.0e+00", "hard condition 'start'"],
    ),
    "reference of another field": (
        lambda: problem(reference=Reference({"v": lambda t, x: t}, {"t": 3, "x": 3}, "none", 1e-9)),
        ["fields for ['v']", "['u']", "reference", "every name"],
    ),
    "reference on another grid": (
        lambda: problem(reference=Reference({"u": lambda t, x: t}, {"x": 3}, "none", 1e-9)),
        ["a grid for ['x']", "['t', 'x']", "reference"],
    ),
}


@pytest.mark.parametrize("fault", FATAL)
def test_fault_is_found(fault: str) -> None:
    build, pieces = FATAL[fault]
    (finding,) = build().check()
    assert finding.fatal
    text = str(finding)
    assert [piece for piece in pieces if piece not in text] == [], text
    assert finding.what and finding.where and finding.remedy
    assert text == f"{finding.what}; where: {finding.where}; {finding.remedy}."
    with pytest.raises(DeclarationError) as caught:
        raise_fatal([finding])
    assert str(caught.value) == text


def test_lifting_is_right_up_to_the_tolerance() -> None:
    right = Lifting(u=(lambda x: torch.cos(x) + 5e-7, lambda t: t + 5e-7))
    assert problem(hard={"start"}, lifting=right).check() == []


def test_all_faults_are_told_together() -> None:
    conditions = {"start": Value(u=lambda x: x[:3], on="t=0"), "walls": Value(u=lambda t: 1 / (t * 0), on="x=1")}
    findings = problem(lambda u_t, u_xx: 1j, conditions=conditions).check()
    fatal = [finding for finding in findings if finding.fatal]
    assert [name for finding in fatal for name in ("pde", "start", "walls") if name in finding.where] == [
        "pde",
        "start",
        "walls",
    ]
    with pytest.raises(DeclarationError) as caught:
        raise_fatal(findings)
    assert str(caught.value).splitlines() == [str(finding) for finding in fatal]


def test_warnings_do_not_stop() -> None:
    raise_fatal([Finding("It is odd", "here", "look again", fatal=False)])


def klein_gordon(**conditions: Any) -> Problem:
    pde = Interior(lambda u_tt, u_xx, u: u_tt - u_xx + u)
    return Problem(DOMAIN, ["u"], conditions={"pde": pde} | conditions)


REST = Derivative(u_t=0.0, on="t=0")

COVERED: dict[str, Problem] = {
    "two conditions at t=0": klein_gordon(start=START, rest=REST, walls=WALLS),
    "values at both times": klein_gordon(ends=Value(u=0.0, on=["t=0", "t=1"]), walls=WALLS),
    "periodic": klein_gordon(start=START, rest=REST, ring=Periodic(u=1, along="x")),
    "neumann": klein_gordon(start=START, rest=REST, walls=Derivative(u_x=0.0, on=["x=-1", "x=1"])),
    "one wall twice": klein_gordon(
        start=START, rest=REST, left=Value(u=0.0, on="x=-1"), sl=Derivative(u_x=0.0, on="x=-1")
    ),
}


@pytest.mark.parametrize("case", COVERED)
def test_enough_conditions(case: str) -> None:
    assert COVERED[case].check() == []


MISSING: dict[str, tuple[Problem, list[tuple[str, str]]]] = {
    "no velocity": (
        klein_gordon(start=START, walls=WALLS),
        [("The equation is of order 2 in t, u has 1 conditions there", "the boundary parts t=1")],
    ),
    "one wall": (
        klein_gordon(start=START, rest=REST, wall=Value(u=0.0, on="x=1")),
        [("The equation is of order 2 in x, u has 1 conditions there", "the boundary parts x=-1")],
    ),
    "periodic in the value only": (
        klein_gordon(start=START, rest=REST, ring=Periodic(u=0, along="x")),
        [("The equation is of order 2 in x, u has 1 conditions there", "the boundary parts x=-1, x=1")],
    ),
    "periodic in time": (
        klein_gordon(start=START, rest=REST, ring=Periodic(u=1, along="t")),
        [("The equation is of order 2 in x, u has 0 conditions there", "the boundary parts x=-1, x=1")],
    ),
    "nothing": (
        klein_gordon(),
        [
            ("The equation is of order 2 in t, u has 0 conditions there", "the boundary parts t=0, t=1"),
            ("The equation is of order 2 in x, u has 0 conditions there", "the boundary parts x=-1, x=1"),
        ],
    ),
    "data inside do not count": (
        klein_gordon(start=START, rest=REST, data=Data({"t": [0.5], "x": [0.5]}, u=[1.0])),
        [("The equation is of order 2 in x, u has 0 conditions there", "the boundary parts x=-1, x=1")],
    ),
    "the other of two fields": (
        Problem(
            DOMAIN,
            ["u", "v"],
            conditions={
                "pde": Interior(lambda u_t, v_t, v_xx: (u_t - v_xx, v_t)),
                "start": Value(u=0.0, v=0.0, on="t=0"),
                "walls": Value(u=0.0, on=["x=-1", "x=1"]),
            },
        ),
        [("The equation is of order 2 in x, v has 0 conditions there", "the boundary parts x=-1, x=1")],
    ),
    "third order": (
        Problem(
            DOMAIN,
            ["u"],
            conditions={
                "pde": Interior(lambda u_t, u, u_x, u_xxx: u_t + u * u_x + u_xxx),
                "start": START,
                "ring": Periodic(u=1, along="x"),
            },
        ),
        [("The equation is of order 3 in x, u has 2 conditions there", "the boundary parts x=-1, x=1")],
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_conditions_are_warned_of(case: str) -> None:
    declared, expected = MISSING[case]
    findings = declared.check()
    assert [(finding.what, finding.where) for finding in findings] == expected
    assert not any(finding.fatal for finding in findings)
    assert all("Value, Derivative or Periodic" in finding.remedy for finding in findings)
