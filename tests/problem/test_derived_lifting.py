"""The lifting derived from hard values holds on every face, whatever the box and the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from processor_time import within
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem import Box, Derivative, Interior, Problem, Value

NAMES = "xyz"

SIDES = st.tuples(st.floats(-100, 100), st.floats(1e-3, 100)).map(lambda side: (side[0], side[0] + side[1]))

EXACT = 1e-14
"""Rounding of g + ℓN for data of size ten; the largest seen is 4e-16."""


def solution(x: Tensor, domain: Box) -> Tensor:
    """A function without symmetries, of size one; its values on any faces agree where these meet."""
    unit = (x - x.new_tensor(domain.lower)) / x.new_tensor(domain.lengths)
    waves = [torch.sin((2 + axis) * unit[:, axis] + axis + 0.3) for axis in range(domain.dimension)]
    return 1.5 + torch.stack(waves).prod(0) + unit @ torch.arange(1.0, domain.dimension + 1, dtype=x.dtype)


def value(domain: Box) -> Callable[..., Tensor]:
    """The solution as a function of named coordinates."""
    if domain.dimension == 2:
        return lambda x, y: solution(torch.stack([x, y], 1), domain)
    return lambda x, y, z: solution(torch.stack([x, y, z], 1), domain)


def hard_problem(domain: Box, faces: Sequence[str], given_value: Any) -> Problem:
    """Prescribe a value on some faces, one condition for each."""
    conditions: dict[str, Any] = {"pde": Interior(lambda u: u)}
    conditions |= {name: Value(u=given_value, on=name) for name in faces}
    return Problem(domain, ["u"], conditions=conditions, hard=faces)


def on_face(domain: Box, face: str, count: int = 40) -> Tensor:
    """Random points of a face, its corners among them."""
    generator = torch.Generator().manual_seed(1)
    unit = torch.rand(count, domain.dimension - 1, generator=generator, dtype=torch.float64)
    corners = torch.tensor(list(product([0.0, 1.0], repeat=domain.dimension - 1)), dtype=torch.float64)
    return domain.place(torch.cat([unit, corners]), face)


@settings(max_examples=30, deadline=None)
@given(sides=st.lists(SIDES, min_size=2, max_size=3), data=st.data())
def test_compatible_values_hold_on_every_face(sides: list[tuple[float, float]], data: st.DataObject) -> None:
    """u = g + ℓN meets non-zero values on any choice of faces in any order, for N of any size."""
    domain = Box(**dict(zip(NAMES, sides, strict=False)))
    order = data.draw(st.permutations(sorted(domain.faces)))
    faces = order[: data.draw(st.integers(1, len(order)))]
    problem = hard_problem(domain, faces, value(domain))
    assert problem.check() == []
    (lifting,) = problem.liftings
    for name in faces:
        x = on_face(domain, name)
        u = lifting.offset(x) + lifting.distance(x) * 1e6 * torch.cos(7 * x.sum(1))
        assert float((u - solution(x, domain)).abs().max()) < EXACT


@pytest.mark.parametrize("dimension", [2, 3])
def test_distance_is_positive_inside_and_scaled(dimension: int) -> None:
    """ℓ > 0 inside for every choice of faces, and its maximum over the box is one."""
    domain = Box(**dict(zip(NAMES, [(-1, 2), (0, 0.5), (10, 30)][:dimension], strict=False)))
    axis = torch.linspace(0, 1, 21, dtype=torch.float64)
    unit = torch.cartesian_prod(*[axis] * dimension)
    x = domain.place(unit)
    inside = ((unit > 0) & (unit < 1)).all(1)
    for count in range(1, 2 * dimension + 1):
        for faces in combinations(domain.faces, count):
            (lifting,) = hard_problem(domain, faces, 0.0).liftings
            distance = lifting.distance(x)
            assert float(distance[inside].min()) > 0
            assert abs(float(distance.max()) - 1) < 1e-14


def test_linear_data_are_extended_linearly() -> None:
    """For a bilinear function on all four sides, g is that function everywhere."""
    domain = Box(x=(-1, 3), y=(2, 2.5))
    problem = hard_problem(domain, list(domain.faces), lambda x, y: 1 + 2 * x - 3 * y + 4 * x * y)
    x = torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 4 - 1
    expected = 1 + 2 * x[:, 0] - 3 * x[:, 1] + 4 * x[:, 0] * x[:, 1]
    assert float((problem.liftings[0].offset(x) - expected).abs().max()) < 1e-12


def test_each_field_has_its_own_lifting() -> None:
    problem = Problem(
        Box(x=(0, 1), y=(0, 1)),
        ["u", "v", "w"],
        conditions={
            "pde": Interior(lambda u, v, w: u + v + w),
            "left": Value(u=1.0, v=lambda y: y, on="x=0"),
            "right": Value(u=3.0, on="x=1"),
            "top": Value(w=5.0, on="y=1"),
        },
        hard={"left", "right"},
    )
    assert problem.check() == []
    u, v, w = problem.liftings
    x = torch.tensor([[0.25, 0.5], [0.75, 0.1]], dtype=torch.float64)
    assert torch.equal(u.offset(x), x.new_tensor([1.5, 2.5]))
    assert torch.equal(u.distance(x), x.new_tensor([0.75, 0.75]))
    assert torch.equal(v.offset(x), x.new_tensor([0.5, 0.1]))
    assert torch.equal(v.distance(x), x.new_tensor([0.25, 0.75]))
    assert (u.trivial, v.trivial, w.trivial) == (False, False, True)
    assert list(problem.soft_terms) == ["pde", "top"]
    assert list(problem.hard_terms) == ["left", "right"]


@pytest.mark.parametrize("dimension", [2, 3])
def test_disagreement_on_an_edge_is_found(dimension: int) -> None:
    """Values that agree in all corners and differ on one edge, or differ in a corner."""
    domain = Box(**dict.fromkeys(NAMES[:dimension], (0.0, 1.0)))
    conditions: dict[str, Any] = {
        "pde": Interior(lambda u: u),
        "left": Value(u=0.0, on="x=0"),
        "floor": Value(u=(lambda z: torch.sin(torch.pi * z)) if dimension == 3 else 0.1, on="y=0"),
    }
    findings = Problem(domain, ["u"], conditions=conditions, hard={"left", "floor"}).check()
    assert [finding.where for finding in findings] == ["hard condition 'left'"]
    assert "disagree on an edge" in findings[0].what


def test_twenty_coordinates_are_checked_quickly() -> None:
    domain = Box(**{f"x{axis}": (0.0, 1.0) for axis in range(20)})
    faces = ["x0=0", "x7=1"]
    with within(0.3):  # with all corners, a second
        assert hard_problem(domain, faces, 2.0).check() == []
    conditions = {"pde": Interior(lambda u: u), "a": Value(u=2.0, on=faces[0]), "b": Value(u=3.0, on=faces[1])}
    findings = Problem(domain, ["u"], conditions=conditions, hard={"a", "b"}).check()
    assert [finding.where for finding in findings] == ["hard condition 'a'"]


def ten_dimensional(**conditions: Value) -> Problem:
    domain = Box(t=(0, 1), **{f"x{axis}": (0, 1) for axis in range(9)})
    equation = Interior(lambda u, u_t, u_x0x0: u_t - u_x0x0 - u)
    return Problem(domain, ["u"], conditions={"pde": equation, **conditions}, hard=set(conditions))


WALLS = [f"x{axis}={side}" for axis in range(9) for side in (0, 1)]


@pytest.mark.usefixtures("on_one_thread")
@pytest.mark.parametrize("number", [0.0, 2.0])
def test_ten_dimensions_with_one_number_on_all_walls_take_no_time(number: float) -> None:
    """Where 3^10 terms were added up."""

    def bumps(
        x0: Tensor, x1: Tensor, x2: Tensor, x3: Tensor, x4: Tensor, x5: Tensor, x6: Tensor, x7: Tensor, x8: Tensor
    ) -> Tensor:
        unit = torch.stack([x0, x1, x2, x3, x4, x5, x6, x7, x8])
        return number + (4 * unit * (1 - unit)).prod(0)

    problem = ten_dimensional(start=Value(u=bumps, on="t=0"), walls=Value(u=number, on=WALLS))
    with within(1):  # and not the next line, which imports for seconds at its first use
        assert problem.check() == []
        x = torch.rand(1000, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        offset = problem.liftings[0].offset(x)
    torch.testing.assert_close(offset, bumps(*x[:, 1:].T), rtol=0, atol=1e-15)


@pytest.mark.usefixtures("on_one_thread")
def test_one_function_on_the_walls_of_ten_dimensions_extends_itself() -> None:
    with within(1):
        problem = ten_dimensional(walls=Value(u=lambda position: position.square().prod(1), on=WALLS))
        assert not [finding for finding in problem.check() if finding.fatal]
        x = torch.rand(1000, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        assert torch.equal(problem.liftings[0].offset(x), x[:, 1:].square().prod(1))


def test_several_functions_on_the_walls_of_ten_dimensions_are_refused() -> None:
    values = {f"wall {wall}": Value(u=lambda x0, x1: x0 * x1, on=wall) for wall in WALLS}
    with pytest.raises(DeclarationError, match=r"across 9 axes need 3\^9 terms .*lifting=Lifting"):
        ten_dimensional(**values)


def with_slopes(domain: Box, slopes: dict[str, Any], values: Sequence[str], exact: Any) -> Problem:
    """Prescribe a value on some faces and a slope on some of them, all hard."""
    conditions: dict[str, Any] = {name: Value(u=exact, on=name) for name in values}
    conditions |= {f"slope {name}": Derivative(**{f"u_{name[0]}": slope}, on=name) for name, slope in slopes.items()}
    equation = {"pde": Interior(lambda u_xxxx, u_yy: u_xxxx + u_yy)}
    return Problem(domain, ["u"], conditions=equation | conditions, hard=set(conditions))


@pytest.mark.parametrize("faces", [["x=-1"], ["x=2"], ["x=-1", "x=2"]])
@pytest.mark.parametrize("values", [["x=-1", "x=2"], ["y=0", "x=2", "y=3", "x=-1"]])
def test_slopes_hold_beside_values(faces: list[str], values: list[str]) -> None:
    """u = g + ℓN meets the values, and on some faces the derivative across them, whatever N and the order of axes."""
    domain = Box(x=(-1, 2), y=(0, 3))

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(x + 2 * y) + x * y

    slopes = {face: lambda x, y: torch.cos(x + 2 * y) + y for face in faces}
    problem = with_slopes(domain, slopes, values, exact)
    assert not [finding for finding in problem.check() if finding.fatal]
    (lifting,) = problem.liftings
    for name in values:
        x = on_face(domain, name).requires_grad_()
        u = lifting.offset(x) + lifting.distance(x) * 10 * torch.cos(7 * x.sum(1))
        assert float((u - exact(*x.T)).detach().abs().max()) < 1e-13
        if name in faces:
            (gradient,) = torch.autograd.grad(u.sum(), x)
            x = x.detach()
            assert float((gradient[:, 0] - torch.cos(x[:, 0] + 2 * x[:, 1]) - x[:, 1]).abs().max()) < 1e-13
    inside = torch.cartesian_prod(torch.linspace(-1, 2, 301), torch.linspace(0, 3, 61)).double()
    assert abs(float(lifting.distance(inside).max()) - 1) < 1e-3


def test_a_number_and_a_function_on_opposite_sides() -> None:
    """Neither is the one number that extends itself."""
    conditions: dict[str, Any] = {
        "pde": Interior(lambda u: u),
        "floor": Value(u=0.0, on="y=0"),
        "lid": Value(u=lambda x: x * (1 - x), on="y=1"),
        "walls": Value(u=0.0, on=["x=0", "x=1"]),
    }
    hard = {"floor", "lid", "walls"}
    (lifting,) = Problem(Box(x=(0, 1), y=(0, 1)), ["u"], conditions=conditions, hard=hard).liftings
    x = torch.tensor([[0.5, 0.5], [0.25, 1.0], [0.3, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(lifting.offset(x), x.new_tensor([0.125, 0.1875, 0.0]))


def test_a_clamped_plate_has_no_slope_on_any_side() -> None:
    domain = Box(x=(0, 1), y=(0, 2))
    problem = with_slopes(domain, dict.fromkeys(domain.faces, 0.0), list(domain.faces), 0.0)
    assert not [finding for finding in problem.check() if finding.fatal]
    (lifting,) = problem.liftings
    x = torch.tensor([[0.5, 1.0], [0.0, 0.3], [1e-4, 1.0]], dtype=torch.float64)
    assert torch.equal(lifting.offset(x), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(lifting.distance(x), x.new_tensor([1.0, 0.0, 16e-8 * (1 - 1e-4) ** 2]))


def test_a_slope_that_disagrees_with_a_wall_is_found() -> None:
    """The velocity at the start is one at walls that do not move."""
    conditions: dict[str, Any] = {
        "pde": Interior(lambda u_xx, u_yy: u_xx + u_yy),
        "start": Value(u=0.0, on="x=0"),
        "velocity": Derivative(u_x=1.0, on="x=0"),
        "walls": Value(u=0.0, on=["y=0", "y=1"]),
    }
    hard = {"start", "velocity", "walls"}
    findings = Problem(Box(x=(0, 1), y=(0, 1)), ["u"], conditions=conditions, hard=hard).check()
    assert [finding.where for finding in findings] == ["hard condition 'walls'"]


def test_a_slope_without_a_value_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"No lifting can be derived .*without a hard Value on the same face"):
        with_slopes(Box(x=(0, 1), y=(0, 1)), {"x=0": 1.0}, ["x=1"], 0.0)


def test_slopes_across_two_coordinates_hold() -> None:
    domain = Box(x=(0, 1), y=(0, 2))
    slopes = {"x=0": lambda x, y: torch.cos(x + 2 * y), "y=2": lambda x, y: 2 * torch.cos(x + 2 * y)}
    problem = with_slopes(domain, slopes, ["x=0", "y=2", "y=0"], lambda x, y: torch.sin(x + 2 * y))
    assert not [finding for finding in problem.check() if finding.fatal]
    assert with_slopes(domain, slopes | {"y=2": 0.0}, ["x=0", "y=2"], lambda x, y: torch.sin(x + 2 * y)).check()


def test_a_slope_along_its_face_is_no_slope() -> None:
    conditions: dict[str, Any] = {
        "pde": Interior(lambda u_xx: u_xx),
        "left": Value(u=0.0, on="x=0"),
        "along": Derivative(u_y=0.0, on="x=0"),
    }
    with pytest.raises(DeclarationError, match="No lifting can be derived for a Derivative condition but the first"):
        Problem(Box(x=(0, 1), y=(0, 1)), ["u"], conditions=conditions, hard={"left", "along"})
