"""Set operations and products keep the contract of domains, and problems on them get their points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from disc import Disc
from domain_conformance import check_domain, on_part, random_unit
from processor_time import within

import pinnml as pm
from pinnml.points import Grid, Hammersley, Sampler, Sobol, given, sample
from pinnml.problem import AbstractDomain, Boundary, DeclarationError, Interior, Periodic, Problem, Value
from pinnml.problem.domains import Ball, Box, ComposableDomain, Ellipsoid, HalfSpace, Polygon, Shell
from pinnml.problem.sampling import drawn, spread


def hole(x: float, y: float, radius: float = 0.12) -> Ball:
    return Ball(radius, x=x, y=y)


SQUARE = Box(x=(0, 1), y=(0, 1))
HOLES = SQUARE - hole(0.25, 0.25) - hole(0.75, 0.25) - hole(0.25, 0.75) - hole(0.75, 0.75)
GAP = Box(x=(0, 3)) - Box(x=(1, 2))

SETS: dict[AbstractDomain, tuple[str, ...]] = {
    HOLES: ("x=0", "x=1", "y=0", "y=1", "rim", "rim 2", "rim 3", "rim 4"),
    SQUARE | hole(1, 1, 0.5): ("x=0", "x=1", "y=0", "y=1", "rim"),
    SQUARE & hole(1, 1, 0.5): ("x=1", "y=1", "rim"),
    # faces along which operands touch are gone, and what both have is the first one's
    SQUARE | Box(x=(1, 2), y=(0, 1)): ("x=0", "y=0", "y=1", "x=2", "y=0 2", "y=1 2"),
    Box(x=(0, 2), y=(0, 2)) - Box(x=(1, 2), y=(1, 2)): ("x=0", "x=2", "y=0", "y=2", "x=1", "y=1"),
    SQUARE & Box(x=(-1, 0.5), y=(0, 2)): ("x=0", "y=0", "y=1", "x=0.5"),
    SQUARE - Box(x=(1, 2), y=(0, 1)): SQUARE.parts,
    Ball(1.0, x=0, y=0) & HalfSpace(0.5, x=1, y=1): ("rim", "plane"),
    HalfSpace(0.5, x=2, y=0) & Ball(1.0, x=0, y=0): ("plane", "rim"),
    Ball(1.0, x=0, y=0, z=0) - HalfSpace(0.2, x=1, y=1, z=0): ("rim", "plane"),
    GAP: ("x=0", "x=3", "x=1", "x=2"),
    Polygon(x=[0, 3, 1, 0.5], y=[0, 0.5, 1, 3]) - Ellipsoid(x=(1, 0.3), y=(0.8, 0.1)).named(rim="hole"): (
        *(f"edge {number}" for number in range(4)),
        "hole",
    ),
    SQUARE - Disc((0.5, 0.5), 0.2): (*SQUARE.parts, "rim"),
    Box(t=(0, 1)) * GAP: ("t=0", "t=1", "x=0", "x=3", "x=1", "x=2"),
    Box(t=(0, 2)) * Ball(1.0, x=0, y=0): ("t=0", "t=2", "rim"),
    Ball(1.0, x=0, y=0) * Ball(2.0, v=0, w=0): ("rim", "rim 2"),
    (Box(t=(0, 1)) * (SQUARE - hole(0.5, 0.5))).named(**{"t=0": "start", "rim": "hole"}): (
        *("start", "t=1", *SQUARE.parts),
        "hole",
    ),
}


@pytest.mark.parametrize("domain", SETS, ids=repr)
def test_set_keeps_its_contract(domain: AbstractDomain) -> None:
    assert domain.parts == SETS[domain]
    check_domain(domain, exact=False)


@pytest.mark.parametrize("domain", [one for one in SETS if "Disc" not in repr(one)], ids=repr)
def test_a_set_is_written_as_it_was_made(domain: AbstractDomain) -> None:
    assert repr(eval(repr(domain), vars(pm.domains))) == repr(domain)


def test_a_box_is_written_with_all_its_digits() -> None:
    box = Box(x=(0, math.pi), y=(-1e-9, 1 / 3))
    again = eval(repr(box), {"Box": Box})
    assert (again.lower, again.upper) == (box.lower, box.upper) and repr(Box(t=(0, 1.5))) == "Box(t=(0, 1.5))"


def test_boxes_make_a_box() -> None:
    domain = Box(t=(0, 1)) * SQUARE
    assert isinstance(domain, Box) and repr(domain) == "Box(t=(0, 1), x=(0, 1), y=(0, 1))"


def test_sides_of_a_product_are_those_of_its_factors() -> None:
    domain = (Box(t=(0, 1)) * HOLES * Box(z=(2, 3))).named(**{"z=3": "top"})
    assert [domain.sides(axis) for axis in range(4)] == [("t=0", "t=1"), (), (), ("z=2", "top")]


def test_parts_are_found_as_the_operands_write_them() -> None:
    domain = (Box(t=(0, 1)) * (SQUARE - hole(0.5, 0.5))).named(rim="hole")
    assert domain.part("x = 1.0", "here") == "x=1" and domain.part("hole", "here") == "hole"
    for wrong in ("rim", "x=0.5"):
        with pytest.raises(DeclarationError, match=r"No part of the boundary is called.*hole"):
            domain.part(wrong, "here")


def test_an_unknown_part_of_many_operands_is_told_at_once() -> None:
    """Each operand is asked once: asking for every part of the result took 82 s with four holes."""
    domain, asked = HOLES, []

    class Counting(Disc):
        def part(self, text: str, where: str) -> str:
            asked.append(text)
            return super().part(text, where)

    with pytest.raises(DeclarationError, match="No part of the boundary is called 'ring'"):
        (domain - Counting((0.5, 0.5), 0.05) - hole(0.5, 0.9, 0.05)).part("ring", "here")
    assert asked == ["ring"]


def test_a_plate_with_many_holes_takes_no_time_that_doubles_with_each() -> None:
    plate: ComposableDomain = Box(x=(0, 10), y=(0, 1))
    with within(3):  # 0.2; 8 and more where every point asked every operand for its normals
        for number in range(10):
            plate = plate - Ball(0.2, x=number + 0.5, y=0.5)
    assert len(plate.parts) == 14
    conditions = {"pde": Interior(lambda u_xx: u_xx), "rims": Boundary(lambda u_n: u_n, on=plate.parts)}
    with within(3):  # 0.3
        assert [found for found in Problem(plate, ["u"], conditions=conditions).check() if found.fatal] == []


def test_a_part_lies_where_it_bounds_the_result() -> None:
    domain = SQUARE - Box(x=(0.5, 1.5), y=(-1, 0.5))
    points = torch.tensor([[0.2, 0.0], [0.8, 0.0], [0.8, 0.5], [1.0, 0.7], [1.0, 0.2]], dtype=torch.float64)
    found = {part: domain.contains(points, part).tolist() for part in domain.parts}
    assert found["y=0"] == [True, False, False, False, False]
    assert found["y=0.5"] == [False, False, True, False, False]
    assert found["x=1"] == [False, False, False, True, False]
    assert domain.normal("y=0.5", points[2:3]).tolist() == [[0.0, -1.0]]


@pytest.mark.parametrize("sampler", [Sobol(3000), Hammersley(3000)], ids=lambda one: type(one).__name__)
def test_means_over_a_square_with_holes(sampler: Sampler) -> None:
    """∫ x² over a disc of area A about c is A(c² + r²/4); low discrepancy survives the holes."""
    area = math.pi * 0.12**2
    expected = (1 / 3 - 2 * area * (0.25**2 + 0.75**2 + 0.12**2 / 2)) / (1 - 4 * area)
    points = HOLES.sample(lambda n, k: sampler.unit(n, k, torch.Generator().manual_seed(0)), 3000)
    assert len(points) == 3000
    assert float(points[:, 0].square().mean()) == pytest.approx(expected, abs=2e-3)


def test_points_of_any_type_keep_it() -> None:
    unit = torch.rand(50, 2).float()
    for domain in (HOLES, Polygon(x=[0, 2, 1], y=[0, 0, 1]), Ball(1.0, x=0, y=0) & HalfSpace(0, x=1, y=0)):
        assert domain.place(unit).dtype == domain.signed_distance(unit).dtype == torch.float32
        assert domain.normal(domain.parts[0], unit).dtype == torch.float32


@pytest.mark.parametrize(("count", "kept"), [(100, 97), (1000, 100), (5, 5)])
def test_what_is_left_out_is_spread_evenly(count: int, kept: int) -> None:
    numbers = spread(count, kept)
    assert len(numbers.unique()) == kept and torch.equal(numbers, numbers.sort().values)
    assert (numbers[1:] - numbers[:-1]).max() <= 3 * math.ceil(count / kept)


def test_what_is_drawn_too_much_is_left_out_everywhere() -> None:
    """The first points of a Hammersley set would be those on the left."""
    points = drawn(lambda unit: unit, lambda n, k: Hammersley().unit(n, k, torch.Generator()), 1000, 2, 0.5)
    assert len(points) == 1000 and (points.mean(0) - 0.5).abs().max() < 5e-3


def heat(domain: ComposableDomain, **more: Any) -> Problem:
    """u_t = Δu with u = 0 at holes."""
    conditions = {
        "pde": Interior(lambda u_t, u_xx, u_yy: u_t - u_xx - u_yy),
        "start": Value(u=1.0, on="t=0"),
        "holes": Value(u=0.0, on=["rim", "rim 2"]),
        "ring": Periodic(u=1, along="z"),
    }
    return Problem(domain=domain, fields=["u"], conditions=conditions, **more)


@pytest.mark.parametrize("sampler", [Sobol(500), Hammersley(500), Grid(500)], ids=lambda one: type(one).__name__)
def test_a_problem_on_a_product_gets_its_points(sampler: Sampler) -> None:
    domain = Box(t=(0, 1)) * (SQUARE - hole(0.3, 0.3) - hole(0.7, 0.7)) * Box(z=(0, 2))
    problem = heat(domain)
    points = sample(problem, sampler, torch.Generator().manual_seed(0))
    assert len(points["pde"].x) == 500
    lower, upper = points["ring"].x.chunk(2)
    assert domain.contains(lower, "z=0").all() and domain.contains(upper, "z=2").all()
    assert torch.equal(lower[:, :3], upper[:, :3])
    again = given(problem, {name: part.x for name, part in points.items()})
    assert all(torch.equal(again[name].x, part.x) for name, part in points.items())


def test_hard_values_hold_on_a_set() -> None:
    domain = Box(t=(0, 1)) * (SQUARE - hole(0.3, 0.3) - hole(0.7, 0.7)) * Box(z=(0, 2))
    problem = heat(domain, hard={"holes"})
    assert not [finding for finding in problem.check() if finding.fatal]
    rims = torch.cat([on_part(domain, part) for part in domain.parts if part.startswith("rim")])
    assert float(problem.liftings[0].distance(rims).abs().max()) < 1e-14


def test_a_union_of_many_operands_is_drawn_from_evenly() -> None:
    union = hole(0, 0, 1.0) | hole(3, 0, 1.0) | hole(0, 3, 1.0)
    points = union.sample(random_unit(0), 3000)
    shares = [float(hole(*centre, 1.0).contains(points).double().mean()) for centre in ((0, 0), (3, 0), (0, 3))]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)
    assert len(on_part(union, "rim 2", 10)) == 10


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SQUARE & Box(x=(2, 3), y=(0, 1)), r"\(Box\(.*\) & Box\(.*\)\) is empty; where: domain; let its"),
        (lambda: SQUARE & Box(x=(1, 3), y=(0, 1)), "is empty"),
        (lambda: hole(0, 0) & hole(0.2, 0.2), "is empty"),
        (lambda: hole(0, 0) - SQUARE.__class__(x=(-1, 1), y=(-1, 1)), "is empty"),
        (
            lambda: SQUARE | Box(t=(0, 1)),
            "has the coordinates x, y and .* has t; where: operator |; give both the same",
        ),
        (lambda: SQUARE - Box(y=(0, 1), x=(0, 1)), "has the coordinates x, y and .* has y, x"),
        (lambda: SQUARE * Box(t=(0, 1), x=(0, 1)), r"share the coordinate x; where: operator \*"),
        (lambda: SQUARE | HalfSpace(0.0, x=1, y=0), "is unbounded; where: domain; begin with a bounded domain"),
        (lambda: HalfSpace(0.0, x=1, y=0) - SQUARE, "is unbounded"),
        (lambda: HOLES.named(ring="hole"), "No part of the boundary is called 'ring'"),
        (lambda: HOLES.named(rim="hole", **{"rim 2": "hole"}), "gives two parts one name; where: named"),
        (lambda: HOLES.named(rim="x=0"), "gives two parts one name"),
    ],
)
def test_what_is_no_set_is_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        build()


def test_a_divided_part_is_two() -> None:
    """Points, shares and normals of both, and the names of all."""
    plate = SQUARE - Ball(0.2, x=0.5, y=0.5)
    for domain in (SQUARE, plate, Box(t=(0, 1)) * plate):
        divided = domain.divided("x=0", "inflow", lambda y: y > 0.75)
        assert divided.parts == (*domain.parts, "inflow")
        check_domain(divided, exact=False)
        y = divided.names.index("y")
        assert bool((on_part(divided, "inflow")[:, y] > 0.75).all()) and bool(
            (on_part(divided, "x=0")[:, y] <= 0.75).all()
        )
        assert divided.share("inflow") == pytest.approx(0.25, abs=1e-3)
        assert divided.sides(domain.names.index("x")) == ()
        assert divided.divided("inflow", "top", lambda y: y > 0.9).parts == (*domain.parts, "inflow", "top")


@pytest.mark.parametrize(
    ("part", "name", "where", "message"),
    [
        ("x=2", "inflow", lambda y: y > 0.5, "'x=2' is no face of the domain; where: divided"),
        ("x=0", "x=1", lambda y: y > 0.5, "There is a part 'x=1'"),
        ("x=0", "inflow", lambda y: y > 2, "'inflow' is all or nothing of 'x=0'"),
        ("x=0", "inflow", lambda y: y < 2, "'inflow' is all or nothing of 'x=0'"),
        ("x=0", "inflow", lambda y: y, r"The function of the part 'inflow' returns"),
        ("x=0", "inflow", lambda z: z > 0, "Unknown name 'z'"),
    ],
)
def test_a_part_that_cannot_be_divided_is_refused(part: str, name: str, where: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        SQUARE.divided(part, name, where)


def test_conditions_hold_on_pieces_of_a_side() -> None:
    """Heat comes in through a piece of the left side; the other sides are held by construction."""
    domain = SQUARE.divided("x=0", "heater", lambda y: (y > 0.25) & (y < 0.75))
    conditions = {
        "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy),
        "heater": pm.Boundary(lambda u_n: u_n - 1, on="heater"),
        "left": pm.Boundary(lambda u_n: u_n, on="x=0"),
        "walls": pm.Value(u=0.0, on=["x=1", "y=0", "y=1"]),
    }
    problem = pm.Problem(domain, ["u"], conditions=conditions, hard={"walls"})
    assert not [finding for finding in problem.check() if finding.fatal]
    with pytest.raises(DeclarationError, match="No smooth distance is known from 'heater'"):
        hard = conditions | {"heater": pm.Value(u=1.0, on="heater")}
        pm.Problem(domain, ["u"], conditions=hard, hard={"walls", "heater"})


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (HOLES, [(0.12, (0.25, 0.25)), (0.12, (0.75, 0.25)), (0.12, (0.25, 0.75)), (0.12, (0.75, 0.75))]),
        (SQUARE - (hole(0.25, 0.25) | hole(0.75, 0.5)), [(0.12, (0.25, 0.25)), (0.12, (0.75, 0.5))]),
        (SQUARE - Ellipsoid(x=(0.5, 0.2), y=(0.5, 0.1)).named(rim="hole"), [(0.1, (0.5, 0.5))]),
        (SQUARE - hole(0.05, 0.5), []),  # a notch
        (SQUARE - Shell(0.1, 0.2, x=0.5, y=0.5), []),  # an island in the middle
        (Box(x=(0, 3)) - Box(x=(1, 2)), [(0.5, (1.5,))]),
        (Shell(0.5, 1.0, x=0, y=1) - hole(0, 1.75), [(0.5, (0, 1)), (0.12, (0, 1.75))]),
        (Box(t=(0, 1)) * HOLES.named(rim="first") - Box(t=(0, 0.5)) * hole(0.5, 0.5), None),
        (SQUARE & hole(0.5, 0.5), []),
    ],
)
def test_holes_are_known_by_balls_within_them(
    domain: AbstractDomain, expected: list[tuple[float, tuple[float, ...]]] | None
) -> None:
    if expected is None:  # time has no holes
        assert domain.cavities == HOLES.cavities
        return
    assert [one.radius for one in domain.cavities] == pytest.approx([radius for radius, _ in expected])
    centres = [tuple(one.centre.values()) for one in domain.cavities]
    assert centres == [pytest.approx(centre) for _, centre in expected]
    assert all(tuple(one.centre) == domain.names for one in domain.cavities)
