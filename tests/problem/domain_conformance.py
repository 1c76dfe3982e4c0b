"""What a domain must fulfil to be admitted: its points, parts, normals and distances belong together."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.problem import AbstractDomain

INSIDE, BOUNDARY, PROBES = 400, 4000, 60
"""Points in the domain, points of each part of the boundary, and points at which distances are measured."""

STEP = 1e-5
"""How far a point is moved along a normal, as a share of the domain's longest side."""


def check_domain(domain: AbstractDomain) -> None:
    """Assert that a domain keeps what `AbstractDomain` promises."""
    check_points(domain)
    check_area(domain)
    check_normals(domain)
    check_distance(domain)


def on_part(domain: AbstractDomain, part: str, count: int = INSIDE) -> Tensor:
    """Random points of a part of the boundary."""
    unit = torch.rand(count, domain.dimension - 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return domain.place(unit, part)


def inside(domain: AbstractDomain, count: int = INSIDE) -> Tensor:
    """Random points of the domain."""
    unit = torch.rand(count, domain.dimension, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return domain.place(unit)


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
    assert all(len(domain.sides(axis)) in (0, 2) for axis in range(domain.dimension))


def check_area(domain: AbstractDomain) -> None:
    """Equal volumes and areas of the unit cube go to equal ones: √det(JᵀJ) of the map is constant."""
    for part in (None, *domain.parts):
        size = domain.dimension - (part is not None)
        if size == 0:
            continue
        unit = torch.rand(20, size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        areas = []
        for point in unit:
            J = torch.autograd.functional.jacobian(lambda u, part=part: domain.place(u[None], part)[0], point)
            areas.append((J.T @ J).det().sqrt())
        area = torch.stack(areas)
        assert area.min() > 0 and area.max() <= (1 + 1e-10) * area.min(), (part, area)


def check_normals(domain: AbstractDomain) -> None:
    """Normals are unit vectors along which the signed distance grows as fast as the way."""
    step = STEP * max(domain.lengths)
    for part in domain.parts:
        x = on_part(domain, part)
        n = domain.normal(part, x)
        assert n.shape == x.shape and n.dtype == x.dtype
        torch.testing.assert_close(n.norm(dim=1), torch.ones(len(x), dtype=torch.float64), rtol=1e-12, atol=0)
        beyond, within = domain.signed_distance(x + step * n), domain.signed_distance(x - step * n)
        assert ((beyond - step).abs() < 1e-3 * step).all()
        assert (within < 0).all()
        # beside an edge another part may be nearer
        assert ((within + step).abs() < 1e-3 * step).double().mean() > 0.95


def check_distance(domain: AbstractDomain) -> None:
    """The signed distance is that to the nearest of many points of the boundary, and its sign that of `contains`."""
    lower, upper = torch.tensor([domain.lower, domain.upper], dtype=torch.float64)
    unit = torch.rand(PROBES, domain.dimension, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    x = lower + (2 * unit - 0.5) * (upper - lower)  # half as far out again on every side
    boundary = torch.cat([on_part(domain, part, BOUNDARY if domain.dimension > 1 else 1) for part in domain.parts])
    nearest = torch.cdist(x, boundary, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
    distance = domain.signed_distance(x)
    assert torch.equal(distance <= 0, domain.contains(x))
    assert (distance.abs() <= nearest * (1 + 1e-12)).all()
    # the nearest of N random points of a surface is off by about its size over N^(1/(d − 1))
    spacing = 3 * float((upper - lower).norm()) / BOUNDARY ** (1 / max(domain.dimension - 1, 1))
    assert (nearest - distance.abs() <= (spacing if domain.dimension > 1 else 1e-14)).all()
