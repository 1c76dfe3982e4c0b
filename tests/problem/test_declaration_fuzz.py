"""Whatever is declared, a problem is constructed or refused with a `DeclarationError`, and quickly."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processor_time import within

from pinnml.problem import (
    Box,
    Data,
    DeclarationError,
    Derivative,
    Finding,
    Interface,
    Interior,
    Lifting,
    Periodic,
    Problem,
    Value,
    Volterra,
)
from pinnml.problem.domains import Ball, HalfSpace

QUICK = 0.5
"""Seconds for one declaration with its check; below 0.05 so far."""

ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        3,
        1.5,
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        "",
        "x",
        "u",
        1j,
        (),
        [],
        {},
        b"x",
        object(),
        np.ones(3),
    ]
)

NAMES = st.sampled_from(
    ["x", "t", "y", "xx", "xy", "theta", "u", "v", "u_x", "u_", "_", "lambda", "weight", "on", "ν", "1a", ""]
)

COORDINATES = st.sampled_from(["x", "t", "y", "xx", "theta", "u", "lambda", "ν"])

NUMBERS = st.one_of(st.integers(-3, 3), st.floats(allow_nan=True, allow_infinity=True), st.floats(-2, 2))

SIDES = st.one_of(
    st.tuples(st.floats(-2, 0), st.floats(0.5, 2)), st.just((0, 1)), st.tuples(NUMBERS, NUMBERS), st.lists(NUMBERS), ODD
)

NUMERALS = st.one_of(st.sampled_from(["0", "1", "-1", "nan", "1e3", "1_0", " 1 ", ""]), NUMBERS.map(str))

FACES = st.one_of(
    st.builds("{}={}".format, COORDINATES, NUMERALS), st.sampled_from(["x=0", "x=1", "t=0", "x", "=", "x=1=2"]), ODD
)


def function(names: list[str]) -> Any:
    """A function of the names given that returns the sum of its arguments."""
    try:
        return eval(f"lambda {', '.join(names)}: sum([{', '.join(names)}])")
    except SyntaxError:
        return names


FUNCTIONS = st.one_of(
    st.just(function(["u_x", "x"])),
    st.lists(
        st.sampled_from(["u", "u_x", "u_xx", "u_xxxxx", "v", "x", "t", "nu", "theta", "q", "*a", "**b"]), max_size=4
    ).map(function),
    NUMBERS,
    ODD,
)


Strategies = dict[str, st.SearchStrategy[Any]]


@functools.cache
def at_most_two(names: tuple[str, ...]) -> st.SearchStrategy[set[str]]:
    return st.sets(st.sampled_from(names), max_size=2)


def mostly_good(draw: st.DrawFn, good: dict[str, Any], wild: Strategies) -> dict[str, Any]:
    """The good arguments, with at most two of them drawn wildly."""
    changed = draw(at_most_two(tuple(sorted(wild))))
    return good | {name: draw(wild[name]) for name in sorted(changed)}


def by_name(names: Iterable[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(list(names)), values, max_size=2)


ARRAYS = st.one_of(st.lists(st.floats(0, 1), max_size=3), st.just([0.5, 0.6]), ODD)

# Strategies are made once: to make one takes longer than to draw from it.
KINDS = st.sampled_from([Interior, Value, Derivative, Periodic, Data, Interface, Volterra, None])
OTHERS = ("u", "v", "u_x", "u_xxxxx", "x", "w")
WEIGHT: Strategies = {"weight": st.one_of(NUMBERS, ODD)}
INTERIOR: Strategies = {"residual": FUNCTIONS} | WEIGHT
ON_FACES: Strategies = {"on": st.one_of(FACES, st.lists(FACES, max_size=3))} | dict.fromkeys(OTHERS, FUNCTIONS) | WEIGHT
PERIODIC: Strategies = (
    {"along": st.one_of(COORDINATES, ODD)}
    | dict.fromkeys(("u", "u_t", "x", "w"), st.one_of(st.integers(-1, 5), ODD))
    | WEIGHT
)
MEASURED: Strategies = (
    dict.fromkeys(OTHERS, ARRAYS)
    | {"at": st.one_of(st.dictionaries(COORDINATES, ARRAYS, max_size=2), ODD)}
    | WEIGHT
    | {"sigma": st.one_of(NUMBERS, by_name(("u", "v"), NUMBERS), ODD)}
)


SIDED = st.lists(
    st.sampled_from(["u_minus", "u_plus", "u_n_minus", "u", "x", "n_x", "n_t", "nu_plus", "q"]), max_size=3
)

ACROSS = st.one_of(
    st.builds(lambda b, a: HalfSpace(b, x=a), st.floats(-2, 2), st.floats(0.5, 2)),
    st.builds(lambda r: Ball(r, x=0.5, t=0.5), st.floats(0.01, 2)),
    st.sampled_from([HalfSpace(0.5, y=1.0), Box(x=(0, 1), t=(0, 1)), Box(t=(0.2, 0.4)), HalfSpace(0.5, x=1.0, t=0.3)]),
    ODD,
)

KERNELS = st.one_of(
    st.lists(st.sampled_from(["u", "u_x", "s", "t", "x", "nu", "q", "*a"]), max_size=3).map(function), ODD
)


ACROSS_AT_MOST: Strategies = {"residual": st.one_of(SIDED.map(function), FUNCTIONS), "across": ACROSS} | WEIGHT
REMEMBERED: Strategies = (
    dict.fromkeys(("past", "more", "u"), KERNELS)
    | {"along": st.one_of(COORDINATES, ODD), "inner": st.one_of(NAMES, ODD)}
    | {"nodes": st.one_of(st.integers(-1, 5), ODD), "weight": NUMBERS}
)


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    """An interface, with at most two arguments wild."""
    good = {"residual": function(["u_minus", "u_plus"]), "across": HalfSpace(0.5, x=1.0)}
    return Interface(**mostly_good(draw, good, ACROSS_AT_MOST))


@st.composite
def memories(draw: st.DrawFn) -> Volterra:
    """An equation with memory, with at most two arguments wild."""
    good: dict[str, Any] = {"past": function(["s", "u"]), "along": "t", "inner": "s"}
    return Volterra(function(["u_t", "past"]), **mostly_good(draw, good, REMEMBERED))


INTERFACES, MEMORIES = interfaces(), memories()


@st.composite
def conditions(draw: st.DrawFn) -> Any:
    """A condition of any kind with any arguments that Python lets through, at most two of them wild."""
    kind: Any = draw(KINDS)
    if kind is None:
        return draw(ODD)
    if kind in (Interface, Volterra):
        return draw(INTERFACES if kind is Interface else MEMORIES)
    if kind is Interior:
        return Interior(**mostly_good(draw, {"residual": function(["u_t", "u_xx"])}, INTERIOR))
    if kind is Periodic:
        return Periodic(**mostly_good(draw, {"u": 1, "along": "x"}, PERIODIC))
    if kind is Data:
        return Data(**mostly_good(draw, {"at": {"x": [0.1, 0.2], "t": [0.5, 1.0]}, "u": [1.0, 2.0]}, MEASURED))
    good = {"u" if kind is Value else "u_x": function(["x", "t"]), "on": "x=1"}
    return kind(**mostly_good(draw, good, ON_FACES))


CONDITIONS = by_name(("a", "b", "c"), conditions())

LIFTINGS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["u", "v", "x"]), st.one_of(st.tuples(FUNCTIONS, FUNCTIONS), ODD)
)

HARD = st.sampled_from([(), (), ("a",), "b"])

PROBLEM: Strategies = {
    "sides": st.dictionaries(COORDINATES, SIDES, max_size=3),
    "fields": st.one_of(st.lists(NAMES, max_size=3), ODD),
    "conditions": st.one_of(CONDITIONS, ODD),
    "parameters": st.one_of(st.dictionaries(NAMES, st.one_of(NUMBERS, ODD), max_size=2), ODD),
    "hard": st.one_of(st.lists(st.sampled_from(["a", "b", "pde", "d"]), max_size=2), ODD),
    "vectors": st.one_of(st.lists(st.lists(NAMES, max_size=3), max_size=2), ODD),
    "lifting": st.one_of(LIFTINGS.map(lambda given: Lifting(**given)), ODD),
}


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    """The arguments of a problem, at most two of them wild."""
    good = {
        "sides": {"x": (0, 1), "t": (0, 1)},
        "fields": ["u"],
        "conditions": {"pde": Interior(function(["u", "x"]))} | draw(CONDITIONS),
        "hard": draw(HARD),
    }
    return mostly_good(draw, good, PROBLEM)


def check_constructed_or_refused(declared: dict[str, Any]) -> None:
    """Nothing but `DeclarationError` leaves a constructor, and nothing at all leaves check()."""
    sides = declared.pop("sides")
    with within(QUICK):
        try:
            problem = Problem(Box(**sides), **declared)
        except DeclarationError as error:
            assert "where: " in str(error)
            return
        assert all(isinstance(finding, Finding) for finding in problem.check())
    for term in problem.terms.values():
        x = term.region.sample(partial(torch.rand, dtype=torch.float64), problem.domain, inside=8, boundary=8)
        assert problem.domain.contains(x).all()
        assert torch.equal(term.region.checked(x, problem.domain, "here"), x)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(declarations())
def test_declaration_is_constructed_or_refused(declared: dict[str, Any]) -> None:
    check_constructed_or_refused(declared)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(5))
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(declared=declarations())
def test_ten_thousand_declarations_are_constructed_or_refused(part: int, declared: dict[str, Any]) -> None:
    check_constructed_or_refused(declared)
