"""The lifting derived from hard values on parts of any shape holds there, whatever the network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.problem import AbstractDomain

SQUARE = pm.Box(x=(-1, 1), y=(-1, 1))
BALL, SHELL, POLYGON = pm.domains.Ball, pm.domains.Shell, pm.domains.Polygon


def exact(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(2 * x + y) + x * y**2


DOMAINS: dict[str, AbstractDomain] = {
    "disc": BALL(0.7, x=0.2, y=-1.0),
    "ellipse": pm.domains.Ellipsoid(x=(0.0, 2.0), y=(1.0, 0.5)),
    "ring": SHELL(0.5, 1.0, x=0.0, y=0.0),
    "square with holes": SQUARE - BALL(0.3, x=0.4, y=0.4) - BALL(0.2, x=-0.5, y=-0.3),
    "half a disc": BALL(1.0, x=0.0, y=0.0) & pm.domains.HalfSpace(0.3, x=1.0, y=1.0),
    "triangle": POLYGON(x=[0.0, 1.0, 0.0], y=[0.0, 0.0, 1.0]),
    "corner of a square": SQUARE & BALL(1.0, x=-1.0, y=-1.0).named(rim="arc"),
}


def hard(domain: AbstractDomain, value: Any, parts: list[str] | None = None, **more: Any) -> pm.Problem:
    conditions = {
        "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy),
        "edge": pm.Value(u=value, on=parts or domain.parts),
    }
    return pm.Problem(domain, ["u"], conditions=conditions | more, hard={"edge", *more})


def points(domain: AbstractDomain, part: str | None = None, count: int = 500) -> Tensor:
    generator = torch.Generator().manual_seed(0)

    def unit(n: int, k: int) -> Tensor:
        return torch.rand(n, k, generator=generator, dtype=torch.float64)

    return domain.sample(unit, count, part)


@pytest.mark.parametrize("name", DOMAINS)
def test_values_hold_on_every_part(name: str) -> None:
    """u = g + ℓN meets them, ℓ is above zero inside and has a largest value of about one."""
    domain = DOMAINS[name]
    problem = hard(domain, exact)
    assert not [finding for finding in problem.check() if finding.fatal]
    (lifting,) = problem.liftings
    for part in domain.parts:
        x = points(domain, part)
        u = lifting.offset(x) + 100 * lifting.distance(x)
        assert float((u - exact(*x.T)).abs().max()) < 1e-11
    inside = lifting.distance(points(domain, count=3000))
    assert float(inside.min()) > 0 and 0.3 < float(inside.max()) < 1.1


@pytest.mark.parametrize("name", DOMAINS)
def test_the_distance_grows_from_every_part_and_is_smooth(name: str) -> None:
    """Its slope across a part is above zero away from corners, and two derivatives are finite inside."""
    domain = DOMAINS[name]
    (lifting,) = hard(domain, 0.0).liftings
    for part in domain.parts:
        x = points(domain, part, 200).requires_grad_()
        (gradient,) = torch.autograd.grad(lifting.distance(x).sum(), x)
        slope = -(gradient * domain.normal(part, x.detach())).sum(1)
        assert float(slope.median()) > 0.1 and float(slope.min()) >= 0
    x = points(domain).requires_grad_()
    (gradient,) = torch.autograd.grad(lifting.distance(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), x)
    assert bool(second.isfinite().all())


def test_one_number_on_all_parts_extends_itself() -> None:
    domain = DOMAINS["square with holes"]
    (lifting,) = hard(domain, 2.0).liftings
    assert bool((lifting.offset(points(domain)) == 2).all())


def test_a_start_in_time_holds_beside_walls_and_holes() -> None:
    """The rim's values change with time, and the velocity at the start is prescribed, too."""
    domain = pm.Box(t=(0, 2)) * DOMAINS["square with holes"]

    def moving(t: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return exact(x, y) * torch.cos(t) + t * x

    walls = [part for part in domain.parts if not part.startswith("t")]
    start = pm.Value(u=lambda x, y: exact(x, y), on="t=0")
    velocity = pm.Derivative(u_t=lambda x: x, on="t=0")
    problem = hard(domain, moving, walls, start=start, velocity=velocity)
    assert not [finding for finding in problem.check() if finding.fatal]
    (lifting,) = problem.liftings

    def field(x: Tensor) -> Tensor:
        return lifting.offset(x) + lifting.distance(x) * torch.exp(x.sum(1))

    for part in [*walls, "t=0"]:
        x = points(domain, part)
        assert float((field(x) - moving(*x.T)).abs().max()) < 1e-11
    x = points(domain, "t=0").requires_grad_()
    u = field(x)
    (gradient,) = torch.autograd.grad(u.sum(), x)
    assert float((gradient[:, 0] - x[:, 1]).detach().abs().max()) < 1e-11


L_SHAPE = POLYGON(x=[0.0, 2.0, 2.0, 1.0, 1.0, 0.0], y=[0.0, 0.0, 1.0, 1.0, 2.0, 2.0])


@pytest.mark.parametrize("domain", [SQUARE | BALL(0.5, x=1.0, y=0.0), SQUARE - pm.Box(x=(0, 1), y=(0, 1)), L_SHAPE])
def test_parts_without_a_smooth_distance_are_refused(domain: AbstractDomain) -> None:
    """Lines through the domain would hold u = 0 within it."""
    with pytest.raises(pm.DeclarationError, match=r"No smooth distance is known .*hard condition.*leave the condition"):
        hard(domain, 0.0)


def test_a_slope_on_a_rim_is_refused() -> None:
    flux = pm.Derivative(u_x=0.0, on="rim")
    with pytest.raises(pm.DeclarationError, match="No lifting can be derived for a Derivative condition on 'rim'"):
        hard(DOMAINS["disc"], 0.0, ["rim"], flux=flux)


def test_a_disc_with_hard_values_is_solved(on_one_thread: None) -> None:
    """Δu = 0 with u = exp(x) cos(y) on the rim, which is the solution."""
    domain = BALL(1.0, x=0.0, y=0.0)
    problem = hard(domain, lambda x, y: torch.exp(x) * torch.cos(y) + (x**2 + y**2 - 1) * torch.sin(5 * x))
    solution = pm.solve(problem, accuracy=1e-6, seconds=30, seed=0, device="cpu")
    x = points(domain).numpy().T
    error = solution(x=x[0], y=x[1]) - torch.exp(torch.tensor(x[0])).numpy() * torch.cos(torch.tensor(x[1])).numpy()
    assert float(abs(error).max()) < 1e-5
