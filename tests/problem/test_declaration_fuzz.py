"""Whatever is declared, a problem is constructed or refused with a `DeclarationError`, and quickly."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def mostly_good(draw: st.DrawFn, good: dict[str, Any], wild: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """The good arguments, with at most two of them drawn wildly."""
    changed = draw(st.sets(st.sampled_from(sorted(wild)), max_size=2))
    return good | {name: draw(wild[name]) for name in sorted(changed)}


ARRAYS = st.one_of(st.lists(st.floats(0, 1), max_size=3), st.just([0.5, 0.6]), ODD)


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


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    """An interface, with at most two arguments wild."""
    good = {"residual": function(["u_minus", "u_plus"]), "across": HalfSpace(0.5, x=1.0)}
    weight = st.one_of(NUMBERS, ODD)
    wild = {"residual": st.one_of(SIDED.map(function), FUNCTIONS), "across": ACROSS, "weight": weight}
    return Interface(**mostly_good(draw, good, wild))


@st.composite
def memories(draw: st.DrawFn) -> Volterra:
    """An equation with memory, with at most two arguments wild."""
    good = {"past": function(["s", "u"]), "along": "t", "inner": "s"}
    wild = {"past": KERNELS, "more": KERNELS, "u": KERNELS, "along": st.one_of(COORDINATES, ODD)}
    wild |= {"inner": st.one_of(NAMES, ODD), "nodes": st.one_of(st.integers(-1, 5), ODD), "weight": NUMBERS}
    return Volterra(function(["u_t", "past"]), **mostly_good(draw, good, wild))


@st.composite
def conditions(draw: st.DrawFn) -> Any:
    """A condition of any kind with any arguments that Python lets through, at most two of them wild."""
    kind = draw(st.sampled_from([Interior, Value, Derivative, Periodic, Data, Interface, Volterra, None]))
    if kind in (None, Interface, Volterra):
        return draw({None: ODD, Interface: interfaces(), Volterra: memories()}[kind])
    weight = {"weight": st.one_of(NUMBERS, ODD)}
    if kind is Interior:
        chosen = mostly_good(draw, {"residual": function(["u_t", "u_xx"])}, {"residual": FUNCTIONS} | weight)
        return Interior(**chosen)
    others = {name: FUNCTIONS for name in ("u", "v", "u_x", "u_xxxxx", "x", "w")}
    if kind in (Value, Derivative):
        good = {"u" if kind is Value else "u_x": function(["x", "t"]), "on": "x=1"}
        return kind(**mostly_good(draw, good, {"on": st.one_of(FACES, st.lists(FACES, max_size=3))} | others | weight))
    if kind is Periodic:
        orders = {name: st.one_of(st.integers(-1, 5), ODD) for name in ("u", "u_t", "x", "w")}
        good = {"u": 1, "along": "x"}
        return Periodic(**mostly_good(draw, good, {"along": st.one_of(COORDINATES, ODD)} | orders | weight))
    measured = {name: ARRAYS for name in others}
    at = {"at": st.one_of(st.dictionaries(COORDINATES, ARRAYS, max_size=2), ODD)}
    good = {"at": {"x": [0.1, 0.2], "t": [0.5, 1.0]}, "u": [1.0, 2.0]}
    noise = {"sigma": st.one_of(NUMBERS, st.dictionaries(st.sampled_from(["u", "v"]), NUMBERS, max_size=2), ODD)}
    return Data(**mostly_good(draw, good, measured | at | weight | noise))


LIFTINGS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["u", "v", "x"]), st.one_of(st.tuples(FUNCTIONS, FUNCTIONS), ODD)
)


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    """The arguments of a problem, at most two of them wild."""
    named = draw(st.dictionaries(st.sampled_from(["a", "b", "c"]), conditions(), max_size=2))
    good = {
        "sides": {"x": (0, 1), "t": (0, 1)},
        "fields": ["u"],
        "conditions": {"pde": Interior(function(["u", "x"]))} | named,
        "hard": draw(st.sampled_from([(), (), ("a",), "b"])),
    }
    wild = {
        "sides": st.dictionaries(COORDINATES, SIDES, max_size=3),
        "fields": st.one_of(st.lists(NAMES, max_size=3), ODD),
        "conditions": st.one_of(st.just(named), ODD),
        "parameters": st.one_of(st.dictionaries(NAMES, st.one_of(NUMBERS, ODD), max_size=2), ODD),
        "hard": st.one_of(st.lists(st.sampled_from(["a", "b", "pde", "d"]), max_size=2), ODD),
        "lifting": st.one_of(LIFTINGS.map(lambda given: Lifting(**given)), ODD),
    }
    return mostly_good(draw, good, wild)


def check_constructed_or_refused(declared: dict[str, Any]) -> None:
    """Nothing but `DeclarationError` leaves a constructor, and nothing at all leaves check()."""
    sides = declared.pop("sides")
    began = time.process_time()
    try:
        problem = Problem(Box(**sides), **declared)
    except DeclarationError as error:
        assert "where: " in str(error)
        return
    assert all(isinstance(finding, Finding) for finding in problem.check())
    assert time.process_time() - began < QUICK
    for term in problem.terms.values():
        x = term.region.sample(partial(torch.rand, dtype=torch.float64), problem.domain, inside=8, boundary=8)
        assert problem.domain.contains(x).all()
        assert torch.equal(term.region.checked(x, problem.domain, "here"), x)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(declarations())
def test_declaration_is_constructed_or_refused(declared: dict[str, Any]) -> None:
    check_constructed_or_refused(declared)


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(declarations())
def test_ten_thousand_declarations_are_constructed_or_refused(declared: dict[str, Any]) -> None:
    check_constructed_or_refused(declared)
