"""Interfaces between two materials: points on both sides, names with a side, kinks and jumps, wrong declarations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective
from pinnml.points import Sobol, sample
from pinnml.problem import AbstractDomain, Across, Term
from pinnml.setup import Setup, bind

BALL, HALF, POLYGON = pm.domains.Ball, pm.domains.HalfSpace, pm.domains.Polygon
SQUARE = pm.Box(x=(-1, 1), y=(-1, 1))
NETWORK = pm.MLP(width=8, depth=1)


def rod(jump: float = 0.0, **changes: Any) -> pm.Problem:
    """Return (k u')' = −1, u = 0 at both ends, with k = 1 below x = 0.4 and 10 above, and a given jump of u there."""
    c = (0.08 + 0.042 + jump) / 0.46  # the flux k u' is c − x
    u = {
        "u": lambda x: np.where(x < 0.4, c * x - x**2 / 2, (c * (x - 1) - (x**2 - 1) / 2) / 10),
    }
    declared: dict[str, Any] = {
        "domain": pm.Box(x=(0, 1)),
        "fields": ["u"],
        "conditions": {
            "pde": pm.Interior(lambda u_xx, x: torch.where(x < 0.4, 1.0, 10.0) * u_xx + 1),
            "ends": pm.Value(u=0.0, on=["x=0", "x=1"]),
            "flux": pm.Interface(
                lambda u_minus, u_plus, u_n_minus, u_n_plus: (u_minus - u_plus - jump, 10 * u_n_plus - u_n_minus),
                across=HALF(0.4, x=1.0),
            ),
        },
        "reference": pm.Reference(u, {"x": 102}, "by hand", 1e-15),
        "name": "rod",
    }
    return pm.Problem(**(declared | changes))


def disc() -> pm.Problem:
    """Return a disc that conducts ten times as well as what is around it, in a field that is uniform far away."""

    def outside(x: Any, y: Any) -> Any:
        return x - 9 / 44 * x / (x**2 + y**2)

    known = {"u": lambda x, y: np.where(x**2 + y**2 < 0.25, 2 / 11 * x, outside(x, np.where(x == 0, y + 1, y)))}
    conditions = {
        "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy),
        "walls": pm.Value(u=outside, on=SQUARE.parts),
        "rim": pm.Interface(
            lambda u_minus, u_plus, u_n_minus, u_n_plus: (u_plus - u_minus, u_n_plus - 10 * u_n_minus),
            across=BALL(0.5, x=0.0, y=0.0),
        ),
    }
    reference = pm.Reference(known, {"x": 40, "y": 40}, "separation of variables", 1e-15)
    return pm.Problem(SQUARE, ["u"], conditions=conditions, reference=reference, name="disc")


def term_of(interface: pm.Interface, domain: AbstractDomain = SQUARE, **more: Any) -> Term:
    """Return the term of one interface in a domain."""
    conditions = {"pde": pm.Interior(lambda u: u), "across": interface}
    return pm.Problem(domain, ["u"], conditions=conditions, **more).terms["across"]


def sampled(term: Term, domain: Any, count: int = 200) -> Tensor:
    """Draw points of a term's region."""
    generator = torch.Generator().manual_seed(0)
    return term.region.sample(
        lambda n, k: torch.rand(n, k, generator=generator, dtype=torch.float64), domain, inside=count, boundary=count
    )


REENTRANT = POLYGON(x=[-0.5, 0.5, 0.0, -0.5], y=[-0.5, -0.5, -0.2, 0.5])
TUBE = pm.Box(t=(0, 2)) * (BALL(1.0, x=0.0, y=0.0))
ACROSS: list[tuple[Any, Any]] = [
    (SQUARE, HALF(0.3, x=1.0, y=0.5)),
    (SQUARE, BALL(0.5, x=0.0, y=0.0)),
    (SQUARE, BALL(0.5, y=-1.0, x=0.9)),
    (SQUARE, pm.Box(x=(-0.5, 0.2), y=(-0.3, 2.0))),
    (SQUARE, pm.domains.Ellipsoid(x=(-0.5, 0.5), y=(-0.2, 0.2))),
    (SQUARE, pm.domains.Shell(0.2, 0.6, x=0.0, y=0.1)),
    (SQUARE, REENTRANT),
    (SQUARE, BALL(0.5, x=0.0, y=0.0) - HALF(0.1, x=1.0, y=0.0)),
    (SQUARE, pm.Box(x=(-0.5, 0.5))),
    (TUBE, HALF(0.1, y=1.0)),
    (TUBE, HALF(0.5, t=0.5, x=-1.0)),
    (SQUARE - BALL(0.3, x=0.0, y=0.0), HALF(0.0, x=1.0)),
]


@pytest.mark.parametrize(("domain", "across"), ACROSS)
def test_points_lie_on_the_interface_and_values_on_either_side(domain: Any, across: Any) -> None:
    term = term_of(pm.Interface(lambda u_minus, u_plus: u_plus - u_minus, across=across), domain)
    assert isinstance(term.region, Across)
    x = sampled(term, domain)
    own = [domain.names.index(name) for name in across.names]
    assert (
        len(x) >= 200
        and bool(domain.contains(x).all())
        and float(across.signed_distance(x[:, own]).abs().max()) < 1e-12
    )
    minus, plus = term.stencil(x).chunk(2)
    assert bool((across.signed_distance(minus[:, own]) < 0).all() & (across.signed_distance(plus[:, own]) > 0).all())
    assert float((plus - minus).norm(dim=1).max()) < 1e-8
    assert bool((term.region.level(minus) > 0).all() & (term.region.level(plus) < 0).all())
    inner = domain.place(
        torch.rand(400, domain.dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    )
    inner = inner[~inner.isnan().any(1)]
    assert torch.equal(term.region.level(inner) > 0, across.signed_distance(inner[:, own]) < 0)
    term.region.checked(x, domain, "here")
    with pytest.raises(pm.DeclarationError, match="off the boundary of"):
        term.region.checked(inner, domain, "here")


def test_in_one_coordinate_it_is_a_point() -> None:
    problem = rod()
    points = sample(problem, Sobol(20), torch.Generator())["flux"]
    assert points.x.tolist() == [[0.4]] and points.weights.tolist() == [1.0]
    minus, plus = problem.terms["flux"].stencil(points.x)
    assert 0 < 0.4 - float(minus) < 1e-11 and 0 < float(plus) - 0.4 < 1e-11
    minus, plus = problem.terms["flux"].stencil(points.x.float())
    assert 1e-6 < float(plus - minus) < 1e-4


def test_residuals_are_given_by_names_with_a_side() -> None:
    def jumps(u_plus: Tensor, u_minus: Tensor, u_n_plus: Tensor, u_x_minus: Tensor, n_x: Tensor, x: Tensor, k: float,
              grad_u_plus: Tensor) -> tuple[Tensor, ...]:  # fmt: skip
        return u_plus - u_minus, u_n_plus, u_x_minus, n_x, x, k + grad_u_plus[:, 1]

    across = HALF(0.25, x=3.0, y=4.0)
    term = term_of(pm.Interface(jumps, across=across), parameters={"k": 7.0})
    x = sampled(term, SQUARE, 3)
    values = {s: 100.0 * s.index[0] + 10.0 * s.index[1] + torch.arange(6.0).double() for s in term.derivatives}
    found = term.residual(term.stencil(x), values, {})
    plus, minus = torch.tensor([3.0, 4.0, 5.0]).double(), torch.tensor([0.0, 1.0, 2.0]).double()
    expected = [plus - minus, 0.6 * (100 + plus) + 0.8 * (10 + plus), 100 + minus, 0.6 + 0 * plus, x[:, 0], 17 + plus]
    torch.testing.assert_close(found, torch.stack(expected))


def test_normals_of_an_interface_at_rest_have_no_component_in_time() -> None:
    interface = pm.Interface(lambda u_n_minus, u_n_plus: u_n_plus - u_n_minus, across=HALF(0.1, y=1.0))
    assert [symbol.index for symbol in term_of(interface, TUBE).derivatives] == [(0, 0, 1)]


def test_networks_are_fed_with_each_interface_once() -> None:
    conditions = rod().conditions
    other = pm.Interface(lambda u_minus, u_plus: u_plus - u_minus, across=HALF(0.4, x=1.0))
    problem = rod(conditions=conditions | {"again": other})
    network = bind(problem, Setup(NETWORK))
    x = torch.tensor([[0.3], [0.5]], dtype=torch.float64)
    features = network.features.jet(x, [(0,), (1,)])  # type: ignore[attr-defined]
    d = 0.1 / math.hypot(0.1, 0.5)
    torch.testing.assert_close(features[0], torch.tensor([[-0.4, 0.0], [d, d], [1.0, -1.0]], dtype=torch.float64))
    assert features[1, 1, 0] < 0 < features[1, 1, 1] and not features[1, 2].any()
    assert bind(pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions={"pde": conditions["pde"]}), Setup(NETWORK)).size == 25


@pytest.mark.parametrize("jump", [0.0, 0.3])
def test_a_kink_and_a_jump_are_found(jump: float, on_one_thread: None) -> None:
    solution = pm.solve(rod(jump), seconds=30, accuracy=1e-9, seed=0, device="cpu")
    error = solution.error()
    assert error is not None and error.relative_l2 < 1e-9  # 1e-11
    assert solution.run.result.success


@pytest.mark.slow
def test_a_disc_that_conducts_better(on_one_thread: None) -> None:
    levels = tuple(pm.adapt.Widening(neurons, radius=1.0, coordinates=True) for neurons in (30, 70, 400))
    rule, solver = pm.adapt.Readouts(untrained=levels), pm.optim.WhereLinear(pm.LBFGS())
    solution = pm.solve(disc(), NETWORK, solver, refine=rule, stop=pm.Iterations(4), seed=0, device="cpu")
    error = solution.error()
    assert error is not None and error.relative_l2 < 1e-3  # 3.1e-4, and 3.6e-2 with 100 neurons


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_run_is_resumed_to_the_bit_and_drawn(dtype: torch.dtype, tmp_path: Path, on_one_thread: None) -> None:
    settings: dict[str, Any] = {"points": pm.Sobol(30), "seed": 0, "device": "cpu", "dtype": dtype}
    whole = pm.solve(rod(), NETWORK, pm.LBFGS(), stop=pm.Iterations(6), **settings)
    pm.solve(rod(), NETWORK, pm.LBFGS(), stop=pm.Iterations(3), out=tmp_path, **settings)
    again = pm.resume(tmp_path, rod(), stop=pm.Iterations(6))
    assert torch.equal(again.theta, whole.theta) and again.run.result.iterate.f < whole.history[0].loss
    moved = rod().conditions | {"flux": pm.Interface(lambda u_minus, u_plus: u_minus - u_plus, across=HALF(0.5, x=1.0))}
    with pytest.raises(pm.DeclarationError, match="solved another problem"):
        pm.load(tmp_path, rod(conditions=moved))


def test_a_module_that_is_smooth_across_an_interface_is_told_of() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()
    run: dict[str, Any] = {"points": pm.Sobol(20), "stop": pm.Iterations(1), "device": "cpu"}
    with pytest.warns(pm.DeclarationWarning, match="smooth across the interface.*condition 'flux'"):
        pm.solve(rod(), module, pm.LBFGS(), **run)
    pm.solve(rod(), NETWORK, pm.LBFGS(), **run)


def test_chunks_and_threads_change_nothing() -> None:
    problem = disc()
    points = sample(problem, Sobol(40), torch.Generator().manual_seed(0))
    network = bind(problem, Setup(NETWORK))
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    losses = [PinnObjective(problem, Discretisation(network, points), chunk=chunk) for chunk in (3, None)]
    torch.testing.assert_close(losses[0].at(theta).grad, losses[1].at(theta).grad)
    torch.testing.assert_close(losses[0].jacobian(theta).T @ losses[0].residual(theta), losses[1].at(theta).grad)


WRONG: list[tuple[Any, str]] = [
    (
        lambda: pm.Interface(lambda u_minus, u: u - u_minus, across=HALF(0.1, x=1.0)),
        "'u' has two values .* u_minus or u_plus",
    ),
    (lambda: pm.Interface(lambda x: x, across=HALF(0.1, x=1.0)), "names no field"),
    (lambda: pm.Interface(lambda v_minus: v_minus, across=HALF(0.1, x=1.0)), "Unknown name 'v_minus'"),
    (lambda: pm.Interface(lambda u_plus, n_y: u_plus, across=HALF(0.1, x=1.0)), "Unknown name 'n_y'"),
    (lambda: pm.Interface(lambda u_plus: u_plus, across=HALF(0.1, z=1.0)), "has the coordinate 'z'"),
    (lambda: pm.Interface(lambda u_plus: u_plus, across="x=0"), "across is 'x=0'"),  # type: ignore[arg-type]
    (lambda: pm.Interface(lambda u_plus: u_plus, across=HALF(1.0, x=1.0)), "No boundary of .* lies within"),
    (lambda: pm.Interface(lambda u_plus: u_plus, across=BALL(3.0, x=0.0, y=0.0)), "No boundary of .* lies within"),
    (lambda: pm.Interface(lambda u_plus: u_plus, across=HALF(0.1, x=1.0), weight=-1.0), "weight -1.0 is not positive"),
]


@pytest.mark.parametrize(("interface", "message"), WRONG)
def test_interfaces_that_are_none_are_refused(interface: Any, message: str) -> None:
    with pytest.raises(pm.DeclarationError, match=message):
        term_of(interface())


def test_one_without_a_distance_that_can_be_differentiated_is_refused() -> None:
    corners = torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]], dtype=torch.float64).numpy()
    mesh = pm.domains.Mesh(corners, np.array([[0, 1, 2]]))
    with pytest.raises(pm.DeclarationError, match="that can be differentiated"):
        term_of(pm.Interface(lambda u_plus: u_plus, across=mesh))


def test_wrong_functions_are_found_before_training() -> None:
    def mixing(u_minus: Tensor, u_plus: Tensor) -> Tensor:
        return u_plus - u_minus.mean()

    def left(u_minus: Tensor, u_plus: Tensor) -> Tensor:
        return u_plus - u_minus.detach()

    for residual, said in ((mixing, "among other points"), (left, "Its derivatives are not")):
        problem = disc()
        across = BALL(0.5, x=0.0, y=0.0)
        conditions = problem.conditions | {"rim": pm.Interface(residual, across=across)}
        findings = pm.Problem(SQUARE, ["u"], conditions=conditions).check()
        assert [said in finding.what for finding in findings if finding.fatal] == [True]
    assert disc().check() == []


def test_a_field_of_all_coordinates_keeps_its_kink_beside_one_of_fewer() -> None:
    """u(t, x) is fed with the side of the interface, whatever coordinates another field has."""
    fields: list[str | pm.Field] = ["u", pm.Field("a", of=["t"])]
    box = pm.Box(t=(0, 1), x=(0, 1))
    conditions = {
        "pde": pm.Interior(lambda u_t, u_xx, a: u_t - a * u_xx),
        "flux": pm.Interface(lambda u_n_minus, u_n_plus: u_n_minus - 2 * u_n_plus, across=HALF(0.5, x=1.0)),
    }
    network = bind(pm.Problem(box, fields, conditions=conditions), Setup(NETWORK))
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    x = torch.tensor([[0.3, 0.5 - 1e-9], [0.3, 0.5 + 1e-9]], dtype=torch.float64)
    slope = network.evaluate(theta, x, [(0, 0), (0, 1)])[1]
    assert float((slope[0, 0] - slope[0, 1]).abs()) > 1e-3 and not bool(slope[1].any())
