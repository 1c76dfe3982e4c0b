"""Wrong declarations are refused at construction, with a message that says what, where and how to mend it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from pinnml.problem import (
    Box,
    Data,
    DeclarationError,
    Derivative,
    Interior,
    Lifting,
    Periodic,
    Problem,
    Value,
)


def heat(domain: Any = None, fields: Any = ("u",), **changes: Any) -> Problem:
    """Declare u_t = nu u_xx on (0, 1) × (-1, 1), with changes."""
    good: dict[str, Any] = {
        "parameters": {"nu": 0.1},
        "conditions": {"pde": Interior(lambda u_t, u_xx, nu: u_t - nu * u_xx), "start": Value(u=0.0, on="t=0")},
    }
    return Problem(Box(t=(0, 1), x=(-1, 1)) if domain is None else domain, fields, **(good | changes))


def with_condition(condition: Any, **changes: Any) -> Problem:
    """Declare the heat equation with one condition more, named "more"."""
    pde = Interior(lambda u_t, u_xx, nu: u_t - nu * u_xx)
    return heat(conditions={"pde": pde, "more": condition}, **changes)


def at(**changes: Any) -> dict[str, Any]:
    return {"t": [0.1, 0.2], "x": [0.0, 0.5]} | changes


WRONG: dict[str, tuple[Callable[[], object], list[str]]] = {
    # names in functions
    "argument unknown": (
        lambda: heat(conditions={"pde": Interior(lambda u_t, u_xz: u_t)}),
        ["'u_xz'", "residual of condition 'pde'", "did you mean 'u_x'?", "u, u_t, u_x, u_tt, u_tx, u_xx, t, x, nu"],
    ),
    "argument like a parameter": (
        lambda: heat(conditions={"pde": Interior(lambda u_t, nuu: u_t)}),
        ["Unknown name 'nuu'", "'pde'", "did you mean 'nu'?"],
    ),
    "argument like nothing": (
        lambda: heat(conditions={"pde": Interior(lambda u_t, qqqqq: u_t)}),
        ["Unknown name 'qqqqq'", "'pde'; valid names: u, u_t"],
    ),
    "suffix missing": (
        lambda: heat(conditions={"pde": Interior(lambda u_: u_)}),
        ["Unknown name 'u_'", "'pde'", "did you mean 'u_x'?"],
    ),
    "order above four": (
        lambda: heat(conditions={"pde": Interior(lambda u_t, u_xxtxx: u_t)}),
        ["'u_xxtxx'", "order above 4", "'pde'", "orders go to 4", "lower derivative a field of its own"],
    ),
    "order above four with a default": (
        lambda: heat(conditions={"pde": Interior(lambda u_t, u_xxxxx=0.0: u_t)}),
        ["'u_xxxxx'", "order above 4"],
    ),
    "order above four in a Derivative": (
        lambda: with_condition(Derivative(u_xxxxxx=0.0, on="x=1")),
        ["'u_xxxxxx'", "order above 4", "condition 'more'"],
    ),
    "positional arguments": (
        lambda: heat(conditions={"pde": Interior(lambda u_t, *args: u_t)}),
        ["*args", "residual of condition 'pde'", "name every argument"],
    ),
    "keyword arguments": (
        lambda: heat(conditions={"pde": Interior(lambda u_t, **rest: u_t)}),
        ["**rest", "residual of condition 'pde'", "name every argument"],
    ),
    "positional-only argument": (
        lambda: with_condition(Value(u=math.sin, on="t=0")),
        ["argument x", "value of 'u' in condition 'more'", "name every argument"],
    ),
    "built-in function": (
        lambda: with_condition(Value(u=torch.sin, on="t=0")),
        ["sin", "no function with named arguments", "value of 'u' in condition 'more'", "give a Python function"],
    ),
    "no function": (lambda: heat(conditions={"pde": Interior(3)}), ["3 is no function", "'pde'"]),  # type: ignore[arg-type]
    "residual without a field": (
        lambda: heat(conditions={"pde": Interior(lambda t, x: t * x)}),
        ["names no field", "condition 'pde'", "valid names: u, t, x, nu"],
    ),
    "coordinate unknown to a value": (
        lambda: with_condition(Value(u=lambda y: y, on="t=0")),
        ["Unknown name 'y'", "value of 'u' in condition 'more'", "valid names"],
    ),
    "value that depends on a field": (
        lambda: with_condition(Value(u=lambda x, u_x: x + u_x, on="t=0")),
        ["value of 'u' depends on a field", "condition 'more'", "coordinates and parameters only"],
    ),
    "name read in two ways": (
        lambda: Problem(Box(x=(0, 1), xx=(0, 1)), ["u"], conditions={"pde": Interior(lambda u_xx: u_xx)}),
        ["'u_xx' can be read in several ways", "'pde'", "rename a coordinate"],
    ),
    "parameter like a derivative": (
        lambda: heat(parameters={"u_x": 1.0}, conditions={"pde": Interior(lambda u_x: u_x)}),
        ["'u_x' can be read in several ways", "parameter"],
    ),
    "field like a derivative": (
        lambda: heat(fields=["u", "u_x"], conditions={"pde": Interior(lambda u_x: u_x)}),
        ["'u_x' can be read in several ways", "field"],
    ),
    # names of the problem
    "coordinate and field": (lambda: heat(fields=["x"]), ["'x' is given twice", "Problem", "rename"]),
    "field twice": (lambda: heat(fields=["u", "u"]), ["'u' is given twice", "Problem", "rename"]),
    "field and parameter": (lambda: heat(parameters={"u": 1.0}), ["'u' is given twice"]),
    "field no identifier": (lambda: heat(fields=["u v"]), ["'u v' is no name", "letters"]),
    "field a number": (lambda: heat(fields=[1]), ["1 is no name"]),
    "field a keyword": (lambda: heat(fields=["lambda"]), ["'lambda' is a reserved word", "another name"]),
    "field an argument of Value": (lambda: heat(fields=["weight"]), ["'weight' is a reserved word"]),
    "parameter that Python reads otherwise": (
        lambda: heat(parameters={"\N{MICRO SIGN}": 1.0}),
        ["reads", "\N{MICRO SIGN}", "write '\N{GREEK SMALL LETTER MU}'"],
    ),
    "fields one string": (lambda: heat(fields="u"), ["fields is 'u'", "['u']"]),
    "fields none": (lambda: heat(fields=[]), ["fields is []", "['u']"]),
    "fields a number": (lambda: heat(fields=3), ["fields is 3", "['u']"]),
    "parameter not finite": (
        lambda: heat(parameters={"nu": math.nan}),
        ["parameter 'nu' is nan", "parameters", "finite number"],
    ),
    "parameter infinite": (lambda: heat(parameters={"nu": math.inf}), ["parameter 'nu' is inf"]),
    "parameter out of range": (lambda: heat(parameters={"nu": 10**400}), ["parameter 'nu' is 1000", "finite"]),
    "parameter a text": (lambda: heat(parameters={"nu": "0.1"}), ["parameter 'nu' is '0.1'", "finite number"]),
    "parameters a list": (lambda: heat(parameters=[0.1]), ["parameters is a list", "dictionary"]),
    # conditions
    "no conditions": (lambda: heat(conditions={}), ["conditions is empty", "Problem", "Interior(residual)"]),
    "conditions a list": (lambda: heat(conditions=[Interior(lambda u_t: u_t)]), ["conditions is a list", "dictionary"]),
    "no condition": (
        lambda: with_condition(lambda u: u),
        ["A function is no condition", "condition 'more'", "Interior, Value, Derivative, Boundary, Periodic or Data"],
    ),
    "weight negative": (lambda: with_condition(Value(u=0.0, on="t=0", weight=-1.0)), ["-1.0", "'more'", "> 0"]),
    "weight zero": (lambda: heat(conditions={"pde": Interior(lambda u_t: u_t, weight=0)}), ["weight 0", "'pde'"]),
    "weight infinite": (lambda: with_condition(Periodic(u=1, along="x", weight=math.inf)), ["weight inf", "'more'"]),
    "weight of an equation negative": (lambda: heat(conditions={"pde": Interior(lambda u_t: u_t, weight=-2)}), ["-2"]),
    "noise zero for a field": (
        lambda: with_condition(Data(at(), u=[1, 2], sigma={"u": 0.0})),
        ["noise 0.0 of 'u' is not positive", "condition 'more'", "sigma=0 for exact values"],
    ),
    "noise negative": (lambda: with_condition(Data(at(), u=[1, 2], sigma=-0.1)), ["noise -0.1 of 'u'", "'more'"]),
    "noise nan": (lambda: with_condition(Data(at(), u=[1, 2], sigma=math.nan)), ["noise nan of 'u'", "'more'"]),
    "noise a text": (lambda: with_condition(Data(at(), u=[1, 2], sigma="1")), ["noise '1' of 'u'"]),  # type: ignore[arg-type]
    "noise of another field": (
        lambda: with_condition(Data(at(), u=[1, 2], sigma={"v": 0.1})),
        ["sigma names ['v']", "condition 'more'", "give one for each of ['u']"],
    ),
    "noise and weight": (
        lambda: with_condition(Data(at(), u=[1, 2], sigma=0.1, weight=2.0)),
        ["Both weight and sigma are given", "condition 'more'", "weight of 1/sigma²"],
    ),
    "field an argument of Data": (lambda: heat(fields=["sigma"]), ["'sigma' is a reserved word"]),
    "weight nan": (lambda: with_condition(Data(at(), u=[1, 2], weight=math.nan)), ["weight nan", "'more'"]),
    "face of another value": (
        lambda: with_condition(Value(u=0.0, on="x=2")),
        ["'x=2' is no face", "condition 'more'", "did you mean 'x=", "t=0, t=1, x=-1, x=1"],
    ),
    "face of another coordinate": (
        lambda: with_condition(Value(u=0.0, on="y=1")),
        ["No face 'y=1'", "condition 'more'", "did you mean 'x=1'?", "t=0, t=1, x=-1, x=1"],
    ),
    "face without a number": (lambda: with_condition(Value(u=0.0, on=["x=1", "x"])), ["No face 'x'", "'more'"]),
    "face a number": (lambda: with_condition(Value(u=0.0, on=1)), ["No face 1", "'more'"]),  # type: ignore[arg-type]
    "no face": (
        lambda: with_condition(Value(u=0.0, on=[])),
        ["No part of the boundary is named", "'more'", "t=0, t=1, x=-1, x=1"],
    ),
    "face twice": (
        lambda: with_condition(Value(u=0.0, on=["x=1", "x=1.0"])),
        ["A part is named twice", "'more'", "each part once"],
    ),
    "value of no field": (lambda: with_condition(Value(on="t=0")), ["No field is prescribed", "'more'", "Value(u="]),
    "value of a coordinate": (
        lambda: with_condition(Value(x=0.0, on="t=0")),
        ["'x' is no field", "'more'", "valid names: u"],
    ),
    "value of an unknown field": (lambda: with_condition(Value(v=0.0, on="t=0")), ["Unknown name 'v'", "'more'"]),
    "value of a derivative": (
        lambda: with_condition(Value(u_x=0.0, on="x=1")),
        ["Value prescribes a derivative", "'more'", "Derivative(...)"],
    ),
    "derivative of order zero": (
        lambda: with_condition(Derivative(u=0.0, on="x=1")),
        ["Derivative prescribes a field itself", "'more'", "Value(...)"],
    ),
    "value a text": (lambda: with_condition(Value(u="0", on="t=0")), ["value of 'u' is '0'", "'more'", "number"]),  # type: ignore[arg-type]
    "value not finite": (lambda: with_condition(Value(u=math.inf, on="t=0")), ["value of 'u' is inf", "finite"]),
    "periodic along nothing": (
        lambda: with_condition(Periodic(u=1, along="y")),
        ["Unknown coordinate 'y'", "'more'", "valid names: t, x"],
    ),
    "periodic without a field": (lambda: with_condition(Periodic(along="x")), ["No field is named", "'more'"]),
    "periodic coordinate": (lambda: with_condition(Periodic(t=1, along="x")), ["'t' is no field", "'more'"]),
    "periodic order negative": (lambda: with_condition(Periodic(u=-1, along="x")), ["order is -1", "from 0 to 4"]),
    "periodic order no integer": (lambda: with_condition(Periodic(u=1.5, along="x")), ["order is 1.5", "'more'"]),  # type: ignore[arg-type]
    "periodic order above four": (lambda: with_condition(Periodic(u_t=4, along="x")), ["order is 4", "from 0 to 3"]),
    # data
    "point outside": (
        lambda: with_condition(Data(at(x=[0.0, 1.5]), u=[1, 2])),
        ["1 of 2 points lie outside Box(t=(0, 1), x=(-1, 1))", "t=0.2, x=1.5", "'more'", "enlarge the domain"],
    ),
    "point not finite": (lambda: with_condition(Data(at(x=[0.0, math.nan]), u=[1, 2])), ["'x' holds nan", "'more'"]),
    "measured value not finite": (
        lambda: with_condition(Data(at(), u=[1, math.nan])),
        ["'u' holds nan at position 1", "'more'", "leave that point out"],
    ),
    "coordinate missing in data": (
        lambda: with_condition(Data({"x": [0.0]}, u=[1])),
        ["coordinates ['x']", "'more'", "exactly ['t', 'x']"],
    ),
    "coordinate too many in data": (
        lambda: with_condition(Data(at(y=[0.0, 0.0]), u=[1, 2])),
        ["['t', 'x', 'y']", "exactly ['t', 'x']"],
    ),
    "data by position": (lambda: with_condition(Data([[0.1, 0.0]], u=[1])), ["coordinates list", "exactly"]),  # type: ignore[arg-type]
    "data of another length": (
        lambda: with_condition(Data(at(), u=[1, 2, 3])),
        ["3 values of 'u' for 2 points", "'more'", "one a point"],
    ),
    "coordinates of another length": (
        lambda: with_condition(Data(at(x=[0.1]), u=[1, 2])),
        ["1 values of 'x' for 2 points", "'more'"],
    ),
    "no data": (lambda: with_condition(Data({"t": [], "x": []}, u=[])), ["0 values of 't' for 0 points", "'more'"]),
    "data of no field": (lambda: with_condition(Data(at())), ["No field is measured", "'more'"]),
    "data of an unknown field": (lambda: with_condition(Data(at(), w=[1, 2])), ["Unknown name 'w'", "'more'"]),
    "data complex": (lambda: with_condition(Data(at(), u=np.array([1j, 2]))), ["'u' is no array of numbers", "'more'"]),
    "data texts": (lambda: with_condition(Data(at(), u=["a", "b"])), ["'u' is no array of numbers", "'more'"]),
    "data ragged": (lambda: with_condition(Data(at(), u=[[1], [1, 2]])), ["'u' is no array of numbers", "'more'"]),
    # hard conditions
    "hard unknown": (
        lambda: heat(hard={"strat"}),
        ["Unknown condition 'strat'", "hard", "did you mean 'start'? Valid names: pde, start"],
    ),
    "hard a number": (lambda: heat(hard=1), ["Unknown condition 1", "hard", "pde, start"]),
    "all hard": (
        lambda: heat(conditions={"start": Value(u=0.0, on="t=0")}, hard="start"),
        ["Every condition is hard", "Problem", "leave the equation itself out"],
    ),
    "equation hard": (lambda: heat(hard={"pde"}), ["No lifting makes an equation hold", "'pde'", "out of hard"]),
    "equation hard with a lifting": (
        lambda: heat(hard={"pde"}, lifting=Lifting(u=(lambda t: t, lambda t: t))),
        ["No lifting makes an equation hold", "'pde'"],
    ),
    "hard derivative": (
        lambda: with_condition(Derivative(u_x=0.0, on="x=1"), hard={"more"}),
        ["No lifting can be derived for a Derivative", "hard condition 'more'", "Lifting(u=(g, l))"],
    ),
    "hard data": (
        lambda: with_condition(Data(at(), u=[1, 2]), hard={"more"}),
        ["No lifting can be derived for a Data", "hard condition 'more'"],
    ),
    "lifting of an unknown field": (
        lambda: heat(hard={"start"}, lifting=Lifting(v=(lambda t: t, lambda t: t))),
        ["Lifting of 'v'", "lifting", "valid names: u"],
    ),
    "lifting no pair": (
        lambda: heat(hard={"start"}, lifting=Lifting(u=lambda t: t)),  # type: ignore[arg-type]
        ["is no pair", "lifting of 'u'", "two functions"],
    ),
    "lifting of three": (
        lambda: heat(hard={"start"}, lifting=Lifting(u=(math.sin,) * 3)),  # type: ignore[arg-type]
        ["is no pair", "lifting of 'u'"],
    ),
    "lifting a dictionary": (
        lambda: heat(hard={"start"}, lifting={"u": 1}),
        ["lifting is a dict", "Lifting(u=(g, l))"],
    ),
    "lifting that depends on the field": (
        lambda: heat(hard={"start"}, lifting=Lifting(u=(lambda u: u, lambda t: t))),
        ["depends on a field", "lifting of 'u'"],
    ),
    "lifting of unknown names": (
        lambda: heat(hard={"start"}, lifting=Lifting(u=(lambda y: y, lambda t: t))),
        ["Unknown name 'y'", "lifting of 'u'"],
    ),
    # the domain
    "domain no Box": (lambda: heat(domain={"x": (0, 1)}), ["domain is a dict", "Problem", "Box("]),
    "domain without coordinates": (Box, ["no coordinate", "Box()", "Box(x=(0, 1))"]),
    "domain degenerate": (lambda: Box(t=(0, 1), x=(2, 2)), ["(2, 2) is empty", "coordinate 'x'", "lower < upper"]),
    "domain reversed": (
        lambda: Box(x=(1000001, 1000000)),
        ["(1000001, 1000000) is empty", "coordinate 'x'", "lower < upper"],
    ),
    "domain unbounded": (lambda: Box(x=(0, math.inf)), ["unbounded", "coordinate 'x'", "finite bounds"]),
    "domain nan": (lambda: Box(x=(math.nan, 1)), ["unbounded", "coordinate 'x'"]),
    "domain too long": (lambda: Box(x=(-1e308, 1e308)), ["unbounded", "coordinate 'x'"]),
    "domain out of range": (lambda: Box(x=(0, 10**400)), ["unbounded", "coordinate 'x'"]),
    "side a number": (lambda: Box(x=1), ["1 is no interval", "coordinate 'x'", "(lower, upper)"]),  # type: ignore[arg-type]
    "side of three": (lambda: Box(x=(0, 1, 2)), ["(0, 1, 2) is no interval", "coordinate 'x'"]),  # type: ignore[arg-type]
    "side a text": (lambda: Box(x="01"), ["'01' is no interval"]),  # type: ignore[arg-type]
    "side of texts": (lambda: Box(x=("a", "b")), ["('a', 'b') is no interval"]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_declaration_is_refused(fault: str) -> None:
    build, pieces = WRONG[fault]
    with pytest.raises(DeclarationError) as caught:
        build()
    error, message = caught.value, str(caught.value)
    assert [piece for piece in pieces if piece not in message] == [], message
    assert error.what and error.where and error.remedy
    assert re.search(r"; where: .+; .+\.$", message, re.DOTALL), message


RIGHT: dict[str, Callable[[], Problem]] = {
    "the declaration itself": heat,
    "numbers of other types": lambda: heat(parameters={"nu": np.float32(0.1), "n": np.int64(3), "q": Fraction(1, 3)}),
    "orders of four": lambda: heat(conditions={"pde": Interior(lambda u_ttxx, u_xxxx: u_ttxx + u_xxxx)}),
    "one name in two orders": lambda: heat(conditions={"pde": Interior(lambda u_tx, u_xt: u_tx + u_xt)}),
    "data by reversed arrays": lambda: with_condition(Data(at(x=np.array([0.0, 0.5])[::-1]), u=np.ones((2, 1)))),
    "data by tensors": lambda: with_condition(Data(at(x=torch.zeros(2, requires_grad=True)), u_x=torch.ones(2))),
    "points on the faces": lambda: with_condition(Data(at(t=[0.0, 1.0], x=[-1.0, 1.0]), u=[1, 2])),
    "faces in a set": lambda: with_condition(Value(u=0.0, on={"x=1", " x = -1.0"})),  # type: ignore[arg-type]
    "hard by one name": lambda: heat(hard="start"),
    "a value without arguments": lambda: with_condition(Value(u=lambda: 1.0, on="t=0")),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_declaration_is_taken(case: str) -> None:
    problem = RIGHT[case]()
    assert [finding for finding in problem.check() if finding.fatal] == []


def test_defaults_of_unknown_names_are_kept() -> None:
    """An argument that means nothing in the problem keeps its default; one that means something does not."""

    def residual(u, nu=5.0, scale=3.0):  # type: ignore[no-untyped-def]
        return scale * nu * u

    problem = heat(conditions={"pde": Interior(residual)})
    term = problem.terms["pde"]
    x = torch.zeros(4, 2, dtype=torch.float64)
    found = term.residual(x, {symbol: torch.ones(4, dtype=torch.float64) for symbol in term.derivatives}, {})
    assert torch.equal(found, torch.full((1, 4), 3.0 * 0.1, dtype=torch.float64))


def test_bounds_of_a_box_may_come_from_an_iterator() -> None:
    assert Box(x=iter((0, 2))).upper == (2.0,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "side",
    [(0, 2 * math.pi), (1000000, 1000001), (0.1234567, 0.7654321), (-1e-13, 1e-13), (0, 1e-300), (1e15, 1e15 + 1)],
)
def test_every_face_reads_back(side: tuple[float, float]) -> None:
    domain = Box(x=side, y=(0, 1))
    assert len(domain.faces) == 4
    for name, face in domain.faces.items():
        assert domain.face(name, "here") == face
        assert domain.part(name.replace("=", " = "), "here") == name
        assert domain.face(name.replace("=", " = "), "here") == face


def test_a_face_may_be_off_by_rounding_only() -> None:
    domain = Box(x=(0, 1e-6))
    assert domain.position(domain.face(f"x={1e-6 * (1 + 1e-12)!r}", "here")) == 1e-6
    with pytest.raises(DeclarationError, match="no face of the domain"):
        domain.face(f"x={1e-6 * (1 + 1e-6)!r}", "here")
