"""Collocation points: every condition gets points of its own region, with weights that sum to one."""

from __future__ import annotations

import pytest
import torch

from pinnml.points import ConditionPoints, Grid, Hammersley, LatinHypercube, Sampler, Sobol, Uniform, sample
from pinnml.problem import Box, Data, Derivative, Interior, Periodic, Problem, Value

SAMPLERS = [Uniform(400), Sobol(400), Hammersley(400), LatinHypercube(400), Grid(400)]
EVEN = [Sobol(400), Hammersley(400), Grid(400)]

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
every_even_sampler = pytest.mark.parametrize("sampler", EVEN, ids=lambda sampler: type(sampler).__name__)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem(
        domain=Box(t=(0, 2), x=(-1, 3)),
        fields=["u", "v"],
        conditions={
            "pde": Interior(lambda u_t, v_x: (u_t, v_x)),
            "start": Value(u=0.0, on="t=0"),
            "walls": Value(v=0.0, on=["x=-1", "x=3"]),
            "all": Derivative(u_x=0.0, on=["t=0", "t=2", "x=-1", "x=3"]),
            "ring": Periodic(u=1, along="x"),
            "data": Data({"t": [0.5, 1.0, 2.0], "x": [-1.0, 0.1, 3.0]}, v=[7.0, 8.0, 9.0]),
            "held": Value(u=0.0, on="t=2"),
        },
        hard={"held"},
    )


def on(collocation: ConditionPoints, axis: int, position: float) -> torch.Tensor:
    """Return the other coordinate of the points on a face, in order."""
    return collocation.x[collocation.x[:, axis] == position][:, 1 - axis].sort().values


@every_sampler
def test_every_soft_condition_gets_points_and_weights(
    problem: Problem, sampler: Sampler, generator: torch.Generator
) -> None:
    collocation = sample(problem, sampler, generator)
    assert set(collocation) == set(problem.soft_terms)
    assert "held" not in collocation
    counts = {name: len(points.weights) for name, points in collocation.items()}
    assert counts == {"pde": 400, "start": 80, "walls": 80, "all": 80, "ring": 80, "data": 3}
    for points in collocation.values():
        assert points.x.dtype == points.weights.dtype == torch.float64
        assert float(points.weights.sum()) == pytest.approx(1, abs=1e-14)
        assert len(points.weights.unique()) == 1


@every_sampler
def test_points_lie_in_their_region(problem: Problem, sampler: Sampler, generator: torch.Generator) -> None:
    collocation = sample(problem, sampler, generator)
    for name in ("pde", "start", "walls", "all", "ring"):
        t, x = collocation[name].x.T
        assert (t >= 0).all() and (t <= 2).all() and (x >= -1).all() and (x <= 3).all()
    t, x = collocation["pde"].x.T
    assert t.min() < 0.1 and t.max() > 1.9 and x.min() < -0.8 and x.max() > 2.8
    assert (collocation["start"].x[:, 0] == 0).all()
    assert torch.isin(collocation["walls"].x[:, 1], torch.tensor([-1.0, 3.0], dtype=torch.float64)).all()


@every_even_sampler
@pytest.mark.parametrize("condition", ["walls", "all"])
def test_every_face_is_covered_evenly(
    problem: Problem, sampler: Sampler, condition: str, generator: torch.Generator
) -> None:
    """Each face gets the same number of points, and each of ten equal parts of a face its share of them."""
    collocation = sample(problem, sampler, generator)
    faces = {"walls": [(1, -1.0), (1, 3.0)], "all": [(0, 0.0), (0, 2.0), (1, -1.0), (1, 3.0)]}[condition]
    for axis, position in faces:
        along = on(collocation[condition], axis, position)
        low, high = [(0.0, 2.0), (-1.0, 3.0)][1 - axis]
        share = 80 // len(faces)
        assert share <= len(along) <= share + 1  # a corner belongs to two faces
        counts = torch.histc((along - low) / (high - low), 10, 0, 1)
        assert (counts >= share / 20).all(), (axis, position, counts)
        assert (counts <= share / 5).all(), (axis, position, counts)


@every_sampler
@pytest.mark.parametrize("boundary", [1, 3])
def test_no_face_goes_without_points(
    problem: Problem, sampler: Sampler, boundary: int, generator: torch.Generator
) -> None:
    few = type(sampler)(400, boundary)
    points = sample(problem, few, generator)["all"]
    for axis, position in [(0, 0.0), (0, 2.0), (1, -1.0), (1, 3.0)]:
        assert len(on(points, axis, position)) >= 1


def test_a_grid_repeats_no_point(problem: Problem, generator: torch.Generator) -> None:
    for points in sample(problem, Grid(400), generator).values():
        assert len(points.x.unique(dim=0)) == len(points.x)


@every_sampler
def test_a_face_of_an_interval_is_one_point(sampler: Sampler, generator: torch.Generator) -> None:
    rod = Problem(
        domain=Box(x=(0, 1)),
        fields=["u"],
        conditions={"pde": Interior(lambda u_xx: u_xx), "ends": Value(u=0.0, on=["x=0", "x=1"])},
    )
    points = sample(rod, sampler, generator)["ends"]
    assert points.x.tolist() == [[0.0], [1.0]]
    assert points.weights.tolist() == [0.5, 0.5]


@every_sampler
def test_faces_of_a_cube_are_squares(sampler: Sampler, generator: torch.Generator) -> None:
    cube = Problem(
        domain=Box(x=(0, 1), y=(0, 2), z=(0, 3)),
        fields=["u"],
        conditions={"pde": Interior(lambda u: u), "ring": Periodic(u=0, along="y"), "top": Value(u=0.0, on="z=3")},
    )
    collocation = sample(cube, sampler, generator)
    top, ring = collocation["top"].x, collocation["ring"].x
    assert (top[:, 2] == 3).all()
    assert (ring[: len(ring) // 2, 1] == 0).all() and (ring[len(ring) // 2 :, 1] == 2).all()
    for x, lengths in [(top[:, :2], (1, 2)), (ring[:, ::2], (1, 3))]:
        quarters = (2 * x / x.new_tensor(lengths)).long().clamp(max=1)
        counts = torch.bincount(2 * quarters[:, 0] + quarters[:, 1], minlength=4)
        assert counts.min() > 0.6 * counts.max()


@every_sampler
def test_periodic_points_come_with_their_images(problem: Problem, sampler: Sampler, generator: torch.Generator) -> None:
    points = sample(problem, sampler, generator)["ring"]
    lower, upper = points.x.chunk(2)
    assert len(lower) == len(upper) == len(points.weights) == 80
    assert (lower[:, 1] == -1).all() and (upper[:, 1] == 3).all()
    assert torch.equal(lower[:, 0], upper[:, 0])


def test_data_points_keep_their_values(problem: Problem, generator: torch.Generator) -> None:
    points = sample(problem, Sobol(50), generator)["data"]
    assert points.x.tolist() == [[0.5, -1.0], [1.0, 0.1], [2.0, 3.0]]
    assert {name: values.tolist() for name, values in points.data.items()} == {"v": [7.0, 8.0, 9.0]}


@every_sampler
def test_one_seed_means_one_set_of_points(problem: Problem, sampler: Sampler) -> None:
    sets = [
        sample(problem, sampler, torch.Generator().manual_seed(5), dtype=dtype)
        for dtype in (torch.float64, torch.float64, torch.float32)
    ]
    for name, points in sets[0].items():
        assert torch.equal(sets[1][name].x, points.x)
        assert sets[2][name].x.dtype == sets[2][name].weights.dtype == torch.float32
        assert torch.equal(sets[2][name].x, points.x.float())


@pytest.mark.parametrize("size", [1, 7, 80, 1000])
def test_chunks_keep_points_and_images_together(problem: Problem, size: int, generator: torch.Generator) -> None:
    collocation = sample(problem, Hammersley(100, boundary=80), generator)
    for name, points in collocation.items():
        region = problem.terms[name].region
        parts = list(points.chunks(size))
        counts = [len(part.weights) for part in parts]
        assert sum(counts) == len(points.weights)
        assert all(count == min(size, len(points.weights)) for count in counts[:-1])
        assert torch.equal(torch.cat([part.weights for part in parts]), points.weights)
        assert [region.count(part.x) for part in parts] == counts
        if name == "ring":
            halves = [part.x.chunk(2) for part in parts]
            assert torch.equal(torch.cat([low for low, _ in halves] + [high for _, high in halves]), points.x)
            assert all(torch.equal(low[:, 0], high[:, 0]) for low, high in halves)
        else:
            assert torch.equal(torch.cat([part.x for part in parts]), points.x)


def test_data_stay_with_their_points() -> None:
    """Splitting, thinning and moving keep what was measured beside its point, with images and without."""
    x = torch.rand(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for count in (60, 30):
        points = ConditionPoints(x, torch.full((count,), 1 / count, dtype=torch.float64), {"u": x.sum(1), "n": x[:, 1]})
        for part in [*points.chunks(7), points.thinned(0.4), points.to("cpu", torch.float32)]:
            assert len(part.x) == len(part.weights) * (60 // count)
            assert set(part.data) == {"u", "n"}
            torch.testing.assert_close(part.data["u"], part.x.sum(1))
            assert torch.equal(part.data["n"], part.x[:, 1])
            assert part.data["u"].dtype == part.weights.dtype == part.x.dtype
