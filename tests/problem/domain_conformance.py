"""What a domain must fulfil to be admitted: its points, parts, normals and distances belong together."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.problem import AbstractDomain, UnitPoints

INSIDE, BOUNDARY, PROBES = 400, 4000, 60
"""Points in the domain, points of each part of the boundary, and points at which distances are measured."""

STEP = 1e-5
"""How far a point is moved along a normal, as a share of the domain's longest side."""


MOMENTS = 2**14
"""Sobol' points of the box from which the domain's moments are known to about 1e-3 of its size."""


def check_domain(domain: AbstractDomain, exact: bool = True) -> None:
    """Assert that a domain keeps what `AbstractDomain` promises; of a set operation the distance is a bound."""
    check_points(domain)
    check_count(domain)
    check_area(domain)
    check_moments(domain)
    check_normals(domain)
    check_distance(domain, exact)


def random_unit(seed: int) -> UnitPoints:
    """Return a function that draws random points of unit cubes."""
    generator = torch.Generator().manual_seed(seed)
    return lambda count, size: torch.rand(count, size, generator=generator, dtype=torch.float64)


def on_part(domain: AbstractDomain, part: str, count: int = INSIDE) -> Tensor:
    """Random points of a part of the boundary."""
    return domain.sample(random_unit(2), count, part)


def inside(domain: AbstractDomain, count: int = INSIDE) -> Tensor:
    """Random points of the domain."""
    return domain.sample(random_unit(1), count)


def check_points(domain: AbstractDomain) -> None:
    """Points lie where they should, in any floating-point type; parts are told by their names."""
    lower, upper = torch.tensor([domain.lower, domain.upper], dtype=torch.float64)
    slack = 1e-9 * (upper - lower)
    assert len(domain.lower) == len(domain.upper) == domain.dimension and len(set(domain.parts)) == len(domain.parts)
    x = inside(domain)
    assert x.dtype == torch.float64 and domain.place(torch.rand(3, domain.dimension).float()).dtype == torch.float32
    assert domain.contains(x).all() and (domain.signed_distance(x) < 0).all()
    assert ((x >= lower - slack) & (x <= upper + slack)).all()
    assert not domain.contains(torch.stack([upper + (upper - lower), x[0] * float("nan")])).any()
    for part in domain.parts:
        assert domain.part(part, "here") == part
        x = on_part(domain, part)
        assert domain.contains(x).all() and domain.contains(x, part).all()
        assert domain.signed_distance(x).abs().max() <= 1e-14 * float((upper - lower).max())
        assert not domain.contains(inside(domain), part).any()
    for axis in range(domain.dimension):
        sides, ends = domain.sides(axis), (domain.lower[axis], domain.upper[axis])
        assert len(sides) in (0, 2) and set(sides) <= set(domain.parts)
        for side, end in zip(sides, ends, strict=bool(sides)):
            assert (on_part(domain, side)[:, axis] - end).abs().max() <= slack[axis]


def check_count(domain: AbstractDomain) -> None:
    """As many points come out as are asked for, no two alike, and those of a point are one."""
    for part in (None, *domain.parts):
        for count in (1, 100):
            points = domain.sample(random_unit(5), count, part)
            assert len(points) == len(points.unique(dim=0)) == (count if domain.cube(part) else 1)
            assert torch.isfinite(points).all() and 0 < domain.share(part) <= 1


def check_area(domain: AbstractDomain) -> None:
    """Equal volumes and areas of the unit cube go to equal ones: √det(JᵀJ) of the map is constant where it has images.

    A part whose points are thinned out by a coordinate more has tests of its own.
    """
    for part in (None, *domain.parts):
        size = domain.dimension - (part is not None)
        if size == 0 or domain.cube(part) > size:
            continue
        unit = torch.rand(20, size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        unit = unit[~domain.place(unit, part).isnan().any(1)]
        # points are placed one by one, so that the derivatives of their sum are those of each
        columns = torch.autograd.functional.jacobian(lambda u, part=part: domain.place(u, part).sum(0), unit)
        J = columns.permute(1, 0, 2)
        area = (J.mT @ J).det().sqrt()
        assert area.min() > 0 and area.max() <= (1 + 1e-10) * area.min(), (part, area)


def check_moments(domain: AbstractDomain) -> None:
    """The mean of points and that of their squares are those of all points of the box that the domain contains."""
    lower, upper = torch.tensor([domain.lower, domain.upper], dtype=torch.float64)
    sobol: UnitPoints = lambda count, size: torch.quasirandom.SobolEngine(size, scramble=True, seed=7).draw(  # noqa: E731
        count, dtype=torch.float64
    )
    box = lower + sobol(MOMENTS, domain.dimension) * (upper - lower)
    means = []
    for points in (box[domain.contains(box)], domain.sample(sobol, MOMENTS)):
        scaled = (points - lower) / (upper - lower)
        means.append(torch.cat([scaled.mean(0), (scaled.T @ scaled).flatten() / len(scaled)]))
    assert (means[0] - means[1]).abs().max() < 4e-3, means


def check_normals(domain: AbstractDomain) -> None:
    """Normals are unit vectors along which the signed distance grows as fast as the way."""
    step = STEP * max(domain.lengths)
    for part in domain.parts:
        x = on_part(domain, part)
        n = domain.normal(part, x)
        assert n.shape == x.shape and n.dtype == x.dtype
        torch.testing.assert_close(n.norm(dim=1), torch.ones(len(x), dtype=torch.float64), rtol=1e-12, atol=0)
        beyond, within = domain.signed_distance(x + step * n), domain.signed_distance(x - step * n)
        # beside an edge another part may be nearer
        for distance, expected in ((beyond, step), (within, -step)):
            assert (distance * expected > 0).double().mean() > 0.95
            assert ((distance - expected).abs() < 1e-3 * step).double().mean() > 0.95


def check_distance(domain: AbstractDomain, exact: bool) -> None:
    """The signed distance is that to the nearest of many points of the boundary, and its sign that of `contains`."""
    lower, upper = torch.tensor([domain.lower, domain.upper], dtype=torch.float64)
    unit = torch.rand(PROBES, domain.dimension, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    x = lower + (2 * unit - 0.5) * (upper - lower)  # half as far out again on every side
    boundary = torch.cat([on_part(domain, part, BOUNDARY if domain.dimension > 1 else 1) for part in domain.parts])
    nearest = torch.cdist(x, boundary, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
    distance = domain.signed_distance(x)
    assert torch.equal(distance <= 0, domain.contains(x))
    assert (distance.abs() <= nearest * (1 + 1e-12)).all()
    if not exact:
        return
    # the nearest of N random points of a surface is off by about its size over N^(1/(d − 1))
    spacing = 3 * float((upper - lower).norm()) / BOUNDARY ** (1 / max(domain.dimension - 1, 1))
    assert (nearest - distance.abs() <= (spacing if domain.dimension > 1 else 1e-14)).all()
