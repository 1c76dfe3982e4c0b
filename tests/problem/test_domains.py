"""Domains keep their contract, and a problem takes any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from disc import Disc
from domain_conformance import check_domain
from torch import Tensor

from pinnml.points import Hammersley, given, sample
from pinnml.problem import AbstractDomain, Box, Data, DeclarationError, Interior, Lifting, Periodic, Problem, Value

DOMAINS: list[AbstractDomain] = [
    Box(x=(0, 2)),
    Box(t=(0, 1), x=(-1, 3)),
    Box(x=(1e6, 1e6 + 1), y=(-1e-3, 2e-3), z=(0, 5)),
    Box(a=(0, 1), b=(0, 2), c=(0, 3), d=(-4, -3)),
    Disc((1.0, -2.0), 0.5),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_domain_keeps_its_contract(domain: AbstractDomain) -> None:
    check_domain(domain)


def wrong_normal(self: Disc, part: str, points: Tensor) -> Tensor:
    return -Disc((1.0, -2.0), 0.5).normal(part, points)


def wrong_length(self: Disc, part: str, points: Tensor) -> Tensor:
    return 1.001 * Disc((1.0, -2.0), 0.5).normal(part, points)


def wrong_area(self: Disc, unit: Tensor, part: str | None = None) -> Tensor:
    return Disc((1.0, -2.0), 0.5).place(unit**1.01 if part is None else unit, part)


def wrong_place(self: Disc, unit: Tensor, part: str | None = None) -> Tensor:
    return Disc((1.0, -2.0), 0.5).place(unit, part) + 1e-6


def wrong_distance(self: Disc, points: Tensor) -> Tensor:
    return (points - points.new_tensor(self.centre)).square().sum(1) - self.radius**2


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("normal", wrong_normal),
        ("normal", wrong_length),
        ("place", wrong_area),
        ("place", wrong_place),
        ("signed_distance", wrong_distance),
        ("contains", lambda self, points, part=None: torch.ones(len(points), dtype=torch.bool)),
    ],
)
def test_a_faulty_domain_is_not_admitted(name: str, fault: Callable[..., Any]) -> None:
    faulty = type("Faulty", (Disc,), {name: fault})((1.0, -2.0), 0.5)
    with pytest.raises(AssertionError):
        check_domain(faulty)


def test_normals_of_a_box_are_unit_vectors() -> None:
    box = Box(t=(0, 1), x=(-1, 1))
    points = torch.zeros(2, 2, dtype=torch.float64)
    found = {part: box.normal(part, points)[1].tolist() for part in box.parts}
    assert found == {"t=0": [-1.0, 0.0], "t=1": [1.0, 0.0], "x=-1": [0.0, -1.0], "x=1": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("point", "distance"),
    [
        ((0.5, 0.0), -0.5),
        ((0.5, 0.75), -0.25),
        ((0.0, 0.3), 0.0),
        ((1.0, 1.0), 0.0),
        ((4.0, 5.0), 5.0),
        ((-2.0, 0.0), 2.0),
    ],
)
def test_signed_distance_of_a_box(point: tuple[float, float], distance: float) -> None:
    assert Box(t=(0, 1), x=(-1, 1)).signed_distance(torch.tensor([point])).tolist() == [distance]


def poisson(**changes: Any) -> Problem:
    """−Δu = 4 on a disc with u = 0 on its rim; u = r² − |x − c|²."""
    declared: dict[str, Any] = {
        "domain": Disc((1.0, -2.0), 0.5),
        "fields": ["u"],
        "conditions": {"pde": Interior(lambda u_xx, u_yy: u_xx + u_yy + 4), "rim": Value(u=0.0, on="rim")},
    }
    more = changes.pop("conditions", {})
    return Problem(**declared | changes | {"conditions": declared["conditions"] | more})


def test_a_problem_on_a_disc_gets_its_points() -> None:
    problem = poisson(conditions={"probe": Data({"x": [1.0], "y": [-2.0]}, u=[0.25])})
    assert problem.check() == []
    points = sample(problem, Hammersley(200, boundary=60), torch.Generator())
    assert {name: len(part.x) for name, part in points.items()} == {"pde": 200, "rim": 60, "probe": 1}
    assert problem.domain.contains(points["pde"].x).all() and problem.domain.contains(points["rim"].x, "rim").all()
    again = given(problem, {name: part.x for name, part in points.items()})
    assert all(torch.equal(again[name].x, part.x) for name, part in points.items())


def test_a_lifting_by_hand_holds_on_a_disc() -> None:
    lifting = Lifting(u=(lambda x: 0 * x, lambda x, y: 0.25 - (x - 1) ** 2 - (y + 2) ** 2))
    assert poisson(hard={"rim"}, lifting=lifting).check() == []
    wrong = Lifting(u=(lambda x: 0 * x, lambda x, y: 0.25 - (x - 1) ** 2))
    (finding,) = poisson(hard={"rim"}, lifting=wrong).check()
    assert "distance to zero" in finding.what


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: poisson(hard={"rim"}), r"'rim' of Disc\(.*\); where: hard condition 'rim'; .* hand over lifting"),
        (lambda: poisson(conditions={"ring": Periodic(u=0, along="x")}), "no two opposite sides across x.*use a Box"),
        (lambda: poisson(conditions={"more": Value(u=0.0, on="x=1")}), "'x=1'; where: condition 'more'.*rim"),
        (lambda: poisson(conditions={"more": Data({"x": [0.0], "y": [0.0]}, u=[0.0])}), "outside .*enlarge the domain"),
        (lambda: given(poisson(), {"pde": torch.tensor([[1.0, -2.0]]), "rim": torch.tensor([[1.0, -2.0]])}), "off rim"),
    ],
)
def test_what_a_disc_has_not_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        build()
