"""Samplers of the unit cube: each against the definition of its set."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import qmc

from pinnml.points import Grid, Hammersley, LatinHypercube, Sampler, Sobol, Uniform

ALL: list[type[Sampler]] = [Uniform, Sobol, Hammersley, LatinHypercube, Grid]
RANDOM: list[type[Sampler]] = [Uniform, Sobol, LatinHypercube]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("sampler", ALL)
def test_points_fill_the_unit_cube(sampler: type[Sampler], dimension: int, generator: torch.Generator) -> None:
    unit = sampler().unit(64, dimension, generator)
    assert unit.shape == (64, dimension)
    assert unit.dtype == torch.float64
    assert (unit >= 0).all() and (unit < 1).all()
    torch.testing.assert_close(unit.mean(0), torch.full((dimension,), 0.5, dtype=torch.float64), rtol=0, atol=0.15)
    assert (unit.amin(0) < 0.13).all() and (unit.amax(0) > 0.87).all()


@pytest.mark.parametrize("sampler", ALL)
def test_points_come_from_the_generator_alone(sampler: type[Sampler]) -> None:
    state = torch.get_rng_state()
    assert torch.equal(sampler().unit(40, 2, seeded(1)), sampler().unit(40, 2, seeded(1)))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("sampler", RANDOM)
def test_chance_differs_from_seed_to_seed_and_from_draw_to_draw(sampler: type[Sampler]) -> None:
    generator = seeded(1)
    draws = [sampler().unit(40, 2, generator), sampler().unit(40, 2, generator), sampler().unit(40, 2, seeded(2))]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not torch.equal(draws[one], draws[other])


@pytest.mark.parametrize("sampler", [Hammersley, Grid])
def test_sets_without_chance_leave_the_generator_alone(sampler: type[Sampler], generator: torch.Generator) -> None:
    before = generator.get_state()
    sampler().unit(40, 3, generator)
    assert torch.equal(generator.get_state(), before)


def test_hammersley_by_hand(generator: torch.Generator) -> None:
    """Radical inverses in the bases two and three: 5 = (101)₂ = (12)₃ gives 5/8 and 7/9."""
    expected = [
        [1 / 12, 0, 0],
        [3 / 12, 1 / 2, 1 / 3],
        [5 / 12, 1 / 4, 2 / 3],
        [7 / 12, 3 / 4, 1 / 9],
        [9 / 12, 1 / 8, 4 / 9],
        [11 / 12, 5 / 8, 7 / 9],
    ]
    unit = Hammersley().unit(6, 3, generator)
    torch.testing.assert_close(unit, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-15)


def test_hammersley_equals_another_implementation(generator: torch.Generator) -> None:
    """Bases 2, 3, 5 and 7; what SciPy calls Halton is the sequence behind the set."""
    halton = torch.from_numpy(qmc.Halton(4, scramble=False).random(1000))
    unit = Hammersley().unit(1000, 5, generator)
    torch.testing.assert_close(unit[:, 1:], halton, rtol=0, atol=1e-14)
    exact = torch.tensor([(2 * i + 1) / 2000 for i in range(1000)], dtype=torch.float64)
    torch.testing.assert_close(unit[:, 0], exact, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_latin_hypercube_has_one_point_in_each_slice(dimension: int, generator: torch.Generator) -> None:
    unit = LatinHypercube().unit(50, dimension, generator)
    slices = (unit * 50).floor().to(torch.int64)
    for axis in range(dimension):
        assert slices[:, axis].sort().values.tolist() == list(range(50))
    assert len((unit * 50).frac().unique()) == 50 * dimension
    if dimension > 1:
        assert slices[:, 0].tolist() != slices[:, 1].tolist()


def test_sobol_is_a_net(generator: torch.Generator) -> None:
    """2^6 points of the plane: every one of the 2^6 boxes of sides 2^−k and 2^(k−6) holds exactly one (Sobol' 1967)."""
    unit = Sobol().unit(64, 2, generator)
    for k in range(7):
        box = (unit[:, 0] * 2**k).floor() * 2 ** (6 - k) + (unit[:, 1] * 2 ** (6 - k)).floor()
        assert box.sort().values.tolist() == list(range(64)), k


@pytest.mark.parametrize("sampler", [Sobol, Hammersley, LatinHypercube])
def test_discrepancy_is_lower_than_by_chance(sampler: type[Sampler]) -> None:
    """The worst of ten against the best of ten; a Latin hypercube is even along the axes only."""
    ratio = 1 if sampler is LatinHypercube else 0.1
    found = [float(qmc.discrepancy(sampler().unit(256, 2, seeded(seed)).numpy())) for seed in range(10)]
    chance = [float(qmc.discrepancy(Uniform().unit(256, 2, seeded(seed)).numpy())) for seed in range(10)]
    assert max(found) < ratio * min(chance)


@pytest.mark.parametrize(("count", "dimension", "side"), [(9, 1, 9), (9, 2, 3), (10, 2, 3), (64, 3, 4), (1, 3, 1)])
def test_grid_holds_midpoints(count: int, dimension: int, side: int, generator: torch.Generator) -> None:
    unit = Grid().unit(count, dimension, generator)
    expected = {(i + 0.5) / side for i in range(side)}
    assert len({tuple(row) for row in unit.tolist()}) == len(unit) == side**dimension
    for axis in range(dimension):
        assert set(unit[:, axis].tolist()) == expected


@pytest.mark.parametrize(
    ("sampler", "dimension", "count"),
    [
        (Uniform(10_000), 2, 400),
        (Uniform(10_000), 1, 4),
        (Uniform(1000), 3, 400),
        (Uniform(10), 3, 10),
        (Uniform(2), 1, 2),
        (Uniform(10_000, boundary=7), 2, 7),
    ],
)
def test_number_of_points_on_a_face(sampler: Sampler, dimension: int, count: int) -> None:
    assert sampler.on_boundary(dimension) == count


@pytest.mark.parametrize("count", [0, -5, 2.5, math.inf, "10"])
@pytest.mark.parametrize("name", ["n", "boundary"])
def test_wrong_numbers_are_refused(name: str, count: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .*; where: Sobol; give a whole number"):
        Sobol(**{name: count})  # type: ignore[arg-type]
