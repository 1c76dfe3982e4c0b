"""Systematic sampling along a Z-shaped curve: shares as the density says, and few gaps."""

from __future__ import annotations

import pytest
import torch

from pinnml.points import Sobol, Uniform, systematic, z_order


def test_the_curve_visits_quarter_after_quarter() -> None:
    unit = torch.tensor([[0.1, 0.1], [0.6, 0.1], [0.1, 0.6], [0.6, 0.6], [0.9, 0.9]], dtype=torch.float64)
    assert z_order(unit).argsort().tolist() == [0, 1, 2, 3, 4]
    assert (z_order(unit.repeat(1, 3)) >= 0).all()  # six coordinates share the bits


@pytest.mark.parametrize("seed", range(3))
def test_every_quarter_gets_its_share_to_within_a_point(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    unit = Sobol().unit(4096, 2, generator)
    density = 0.1 + unit[:, 0]
    chosen = unit[systematic(unit, density, 500, generator)]
    for low in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):
        corner = torch.tensor(low, dtype=torch.float64)
        own = ((unit >= corner) & (unit < corner + 0.5)).all(1)
        share = float(density[own].sum() / density.sum()) * 500
        assert abs(int(((chosen >= corner) & (chosen < corner + 0.5)).all(1).sum()) - share) <= 1


def test_gaps_are_smaller_than_those_of_independent_draws() -> None:
    generator = torch.Generator().manual_seed(0)
    pool, probes = Sobol().unit(6000, 2, generator), Uniform().unit(2000, 2, generator)
    even = pool[systematic(pool, torch.ones(6000, dtype=torch.float64), 1000, generator)]
    independent = Uniform().unit(1000, 2, generator)
    gap, other = (float(torch.cdist(probes, points).min(1).values.max()) for points in (even, independent))
    assert gap < 0.7 * other


def test_one_seed_means_one_sample() -> None:
    unit = Sobol().unit(1000, 2, torch.Generator().manual_seed(1))
    density = torch.ones(1000, dtype=torch.float64)
    samples = [systematic(unit, density, 100, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)]
    assert torch.equal(samples[0], samples[1]) and not torch.equal(samples[0], samples[2])
