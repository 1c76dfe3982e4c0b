"""Places where a solution is narrow: where they are found, where nothing is changed, and what that is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from test_bandwidths import begin
from test_wall_layers import check_resumed_to_the_bit, smooth, thin
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Widening
from pinnml.adapt.narrow import narrow_places, with_patches

USUAL = Widening(1000, None, coordinates=True)


def peaked(places: Sequence[tuple[float, float]] = ((0.3, 0.4),), sharp: float = 1000.0) -> pm.Problem:
    """Δu = f on (−1, 1)² with u = Σ exp(−s|x − c|²), zero on the walls to rounding."""

    def equation(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        source = torch.zeros_like(x)
        for a, b in places:
            square = (x - a) ** 2 + (y - b) ** 2
            source = source + (4 * sharp**2 * square - 4 * sharp) * torch.exp(-sharp * square)
        return u_xx + u_yy - source

    def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(sum(np.exp(-sharp * ((x - a) ** 2 + (y - b) ** 2)) for a, b in places))

    return pm.Problem(
        pm.Box(x=(-1, 1), y=(-1, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(equation),
            "walls": pm.Value(u=0.0, on=["x=-1", "x=1", "y=-1", "y=1"]),
        },
        reference=pm.Reference({"u": exact}, {"x": 201, "y": 201}, "exact", 1e-15),
    )


def pulse() -> pm.Problem:
    """u_t = u_xx/1000 + f with u = exp(−300 x²) cos t: narrow in x for all of the time."""

    def u(t: Tensor, x: Tensor) -> Tensor:
        return torch.exp(-300 * x**2) * torch.cos(t)

    def equation(u_t: Tensor, u_xx: Tensor, t: Tensor, x: Tensor) -> Tensor:
        return u_t - u_xx / 1000 + torch.exp(-300 * x**2) * torch.sin(t) + (0.36e6 * x**2 - 600) * u(t, x) / 1000

    return pm.Problem(
        pm.Box(t=(0, 1), x=(-1, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(equation),
            "start": pm.Value(u=lambda x: torch.exp(-300 * x**2), on="t=0"),
            "walls": pm.Value(u=0.0, on=["x=-1", "x=1"]),
        },
    )


def test_a_peak_is_found_with_its_width(on_one_thread: None) -> None:
    (found,) = narrow_places(*begin(peaked()))
    assert found.centre == pytest.approx((0.3, 0.4), abs=0.002)
    assert all(0.02 < width < 0.1 for width in found.widths)  # the peak's deviation is 0.022


def test_two_peaks_are_two_places_and_not_four(on_one_thread: None) -> None:
    found = narrow_places(*begin(peaked([(0.5, 0.5), (-0.5, -0.5)], 100)))
    centres = sorted(patch.centre for patch in found)
    assert [one == pytest.approx((c, c), abs=0.01) for one, c in zip(centres, (-0.5, 0.5), strict=True)] == [True, True]


def test_a_place_may_be_narrow_along_one_coordinate(on_one_thread: None) -> None:
    for patch in narrow_places(*begin(pulse())):
        assert patch.widths[0] == math.inf and 0.02 < patch.widths[1] < 0.3 and abs(patch.centre[1]) < 0.01
    assert with_patches(*begin(pulse()), USUAL).patches


def test_neurons_lie_in_patches_where_that_leaves_far_less(on_one_thread: None) -> None:
    assert len(with_patches(*begin(peaked()), USUAL).patches) == 1


@pytest.mark.parametrize("declare", [smooth, thin], ids=lambda one: one.__name__)
def test_smooth_solutions_and_layers_at_walls_change_nothing(declare: object, on_one_thread: None) -> None:
    assert callable(declare)
    assert with_patches(*begin(declare()), USUAL) == USUAL


def test_there_are_none_outside_of_boxes_beside_stretches_and_where_parameters_are_sought(on_one_thread: None) -> None:
    stretched = Widening(1000, None, coordinates=True, stretches=(pm.adapt.Stretching(0, (1.0,), 0.1),))
    assert with_patches(*begin(peaked()), stretched) == stretched
    disc = pm.Problem(
        pm.domains.Ball(1.0, x=0.0, y=0.0),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx, u_yy, x, y: u_xx + u_yy - torch.exp(-900 * (x**2 + y**2))),
            "rim": pm.Value(u=0.0, on=["rim"]),
        },
    )
    assert with_patches(*begin(disc), USUAL) == USUAL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "at_most"), [(peaked(), 1e-4), (peaked([(0.5, 0.5), (-0.5, -0.5)], 100), 1e-5)], ids=["one", "two"]
)
def test_solutions_with_peaks_are_found(problem: pm.Problem, at_most: float) -> None:
    """Without patches as many neurons leave 5.4 and 0.23, in four times the seconds."""
    for seed in range(2):
        error = pm.solve(problem, accuracy=at_most / 4, seconds=60, seed=seed, progress=False).error()
        assert error is not None and error.relative_l2 < at_most


def test_a_run_with_patches_is_resumed_to_the_bit(tmp_path: Path) -> None:
    check_resumed_to_the_bit(peaked, tmp_path)


def test_residuals_that_are_not_finite_say_nothing(on_one_thread: None) -> None:
    def equation(u_xx: Tensor, x: Tensor) -> Tensor:
        return u_xx - 1 / (x - x[0]).abs() ** 200

    problem = pm.Problem(
        pm.Box(x=(0, 1)),
        ["u"],
        conditions={"pde": pm.Interior(equation), "ends": pm.Value(u=0.0, on=["x=0", "x=1"])},
    )
    assert narrow_places(*begin(problem)) == ()
