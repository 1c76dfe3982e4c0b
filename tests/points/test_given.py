"""Points handed over by the user are taken as they are, and refused where they do not fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pinnml.points import given
from pinnml.problem import Box, Data, DeclarationError, Interior, Periodic, Problem, Value


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem(
        domain=Box(t=(0, 1), x=(-0.5, 0.5)),
        fields=["u"],
        conditions={
            "pde": Interior(lambda u_t: u_t),
            "start": Value(u=0.0, on="t=0"),
            "ring": Periodic(u=0, along="x"),
            "data": Data({"t": [0.5], "x": [0.1]}, u=[7.0]),
        },
    )


def points(**changes: Any) -> dict[str, Any]:
    """A good set of points, with changes; None leaves a condition out."""
    good = {
        "pde": torch.tensor([[0.1, 0.2], [0.3, -0.4], [1.0, 0.5]], dtype=torch.float64),
        "start": torch.tensor([[0.0, 0.25], [0.0, -0.5]], dtype=torch.float64),
        "ring": torch.tensor([[0.1, -0.5], [0.2, -0.5], [0.1, 0.5], [0.2, 0.5]], dtype=torch.float64),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def test_points_are_kept(problem: Problem) -> None:
    collocation = given(problem, points())
    assert set(collocation) == {"pde", "start", "ring", "data"}
    for name, x in points().items():
        assert torch.equal(collocation[name].x, x)
    assert collocation["data"].x.tolist() == [[0.5, 0.1]]
    assert collocation["data"].data["u"].tolist() == [7.0]
    assert {name: len(part.weights) for name, part in collocation.items()} == {
        "pde": 3,
        "start": 2,
        "ring": 2,
        "data": 1,
    }
    for part in collocation.values():
        assert float(part.weights.sum()) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_dtype_is_the_one_asked_for(problem: Problem, dtype: torch.dtype) -> None:
    for part in given(problem, points(), dtype=dtype).values():
        assert part.x.dtype == part.weights.dtype == dtype


def test_single_precision_points_on_the_boundary_are_inside() -> None:
    """0.1 in float32 is more than 0.1."""
    rod = Problem(domain=Box(x=(0, 0.1)), fields=["u"], conditions={"pde": Interior(lambda u: u)})
    x = torch.tensor([[0.1]], dtype=torch.float32)
    assert given(rod, {"pde": x}, dtype=torch.float32)["pde"].x.tolist() == x.tolist()


def test_whole_numbers_are_points_too(problem: Problem) -> None:
    found = given(problem, points(pde=torch.tensor([[0, 0], [1, 0]])))["pde"]
    assert found.x.dtype == torch.float64
    assert found.x.tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_whole_numbers_outside_are_refused() -> None:
    rod = Problem(domain=Box(x=(0.5, 1.5)), fields=["u"], conditions={"pde": Interior(lambda u: u)})
    with pytest.raises(DeclarationError, match=r"1 of 2 points lie outside .* at x=0"):
        given(rod, {"pde": torch.tensor([[1], [0]])})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pde": None}, "No points; where: points of condition 'pde'"),
        ({"walls": torch.zeros(1, 2)}, "Points for 'walls'; where: points; valid names: pde, start, ring, data"),
        ({"pde": torch.zeros(0, 2)}, r"Shape \(0, 2\); where: points of condition 'pde'"),
        ({"pde": torch.zeros(3)}, r"Shape \(3,\)"),
        ({"pde": torch.zeros(3, 1)}, r"Shape \(3, 1\)"),
        ({"pde": torch.zeros(3, 3)}, r"Shape \(3, 3\).*give a non-empty tensor \(n, 2\)"),
        ({"pde": torch.tensor([[0.5, 0.0], [0.5, 0.6]])}, r"1 of 2 points lie outside .* at t=0.5, x=0.6"),
        ({"pde": torch.tensor([[float("nan"), 0.0]])}, "1 of 1 points lie outside"),
        ({"start": torch.tensor([[-0.1, 0.0]])}, "outside .*; where: points of condition 'start'"),
    ],
)
def test_wrong_points_are_refused(problem: Problem, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        given(problem, points(**changes))


@pytest.mark.parametrize(
    "x",
    [
        [[0.1, -0.5], [0.2, 0.5], [0.2, -0.5]],  # an odd number
        [[0.1, -0.5], [0.2, 0.5]],  # no image
        [[0.1, -0.5], [0.1, 0.5], [0.2, -0.5], [0.2, 0.5]],  # pairs in turn, not all lower points first
        [[0.1, 0.5], [0.1, -0.5]],  # upper before lower
    ],
)
def test_points_without_their_images_are_refused(problem: Problem, x: list[list[float]]) -> None:
    with pytest.raises(DeclarationError, match=r"image.*; where: points of condition 'ring'"):
        given(problem, points(ring=torch.tensor(x, dtype=torch.float64)))


def test_faces_know_their_points(problem: Problem) -> None:
    with pytest.raises(DeclarationError, match=r"off .*; where: points of condition 'start'"):
        given(problem, points(start=torch.tensor([[0.0, 0.1], [0.5, 0.1]], dtype=torch.float64)))
