"""Equations with memory: stencils and quadrature, exact solutions, estimates, and wrong declarations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.approximation import can_be_linearised, linearised_error, residual_values
from pinnml.approximation.rows import linearised_rows
from pinnml.approximation.splines import SplineSpace
from pinnml.approximation.trial_functions import FieldSplines
from pinnml.loss import Discretisation, PinnObjective
from pinnml.points import Sobol, sample
from pinnml.problem import Everywhere
from pinnml.setup import Setup, bind, fit_network, predict_memory

NETWORK = pm.MLP(width=6, depth=1)


def growing(**memory: Any) -> pm.Problem:
    """Return u' + u = 1 + 2t + ∫₀ᵗ t(1 + 2t) e^(s(t − s)) u(s) ds, u(0) = 1, whose solution is e^(t²) (Brunner)."""

    def residual(u_t: Tensor, u: Tensor, t: Tensor, past: Tensor) -> Tensor:
        return u_t + u - 1 - 2 * t - past

    def kernel(s: Tensor, t: Tensor, u: Tensor) -> Tensor:
        return t * (1 + 2 * t) * torch.exp(s * (t - s)) * u

    declared: dict[str, Any] = {"past": kernel, "along": "t", "inner": "s"}
    conditions: dict[str, Any] = {"pde": pm.Volterra(residual, **(declared | memory))}
    return pm.Problem(
        pm.Box(t=(0, 1)),
        ["u"],
        conditions=conditions | {"start": pm.Value(u=1.0, on="t=0")},
        hard=["start"],
        reference=pm.Reference({"u": lambda t: np.exp(t**2)}, {"t": 51}, "Brunner, 2004", 1e-15),
        name="growing",
    )


def fading(nodes: int = 8) -> pm.Problem:
    """Return heat with a fading memory, u_t = u_xx + ∫₀ᵗ e^(s − t) u_xx(s, x) ds + f; u = sin(x) cos(t)."""

    def residual(u_t: Tensor, u_xx: Tensor, flow: Tensor, t: Tensor, x: Tensor) -> Tensor:
        past = (torch.cos(t) + torch.sin(t) - torch.exp(-t)) / 2  # ∫₀ᵗ e^(s − t) cos(s) ds
        return u_t - u_xx - flow + torch.sin(x) * (torch.sin(t) - torch.cos(t) - past)

    memory = pm.Volterra(residual, flow=lambda s, t, u_xx: torch.exp(s - t) * u_xx, along="t", inner="s", nodes=nodes)
    start, walls = pm.Value(u=lambda x: torch.sin(x), on="t=0"), pm.Value(u=0.0, on=["x=0", f"x={math.pi}"])
    conditions: dict[str, Any] = {"pde": memory, "start": start, "walls": walls}
    return pm.Problem(pm.Box(t=(0, 1), x=(0, math.pi)), ["u"], conditions=conditions, hard=["start", "walls"])


def test_integrals_are_right_to_rounding() -> None:
    """Of u = sin(x) cos(t) the residual vanishes, wherever its points lie."""
    term = fading().terms["pde"]
    assert isinstance(term.region, Everywhere) and term.stencil.count == 9
    x = torch.tensor([[0.0, 1.0], [0.3, 2.0], [1.0, 0.5]], dtype=torch.float64)
    read = term.stencil(x)
    assert torch.equal(read[:3], x) and torch.equal(read[:, 1], x[:, 1].repeat(9))
    assert bool((read[:, 0] <= x[:, 0].repeat(9)).all() & (read[:, 0] >= 0).all())
    t, y = read.T
    known: dict[tuple[int, ...], Tensor] = {(1, 0): -t.sin() * y.sin(), (0, 2): -t.cos() * y.sin()}
    found = term.residual(read, {symbol: known[symbol.index] for symbol in term.derivatives}, {})
    assert found.shape == (1, 3) and float(found.abs().max()) < 1e-14


def readouts() -> pm.optim.AbstractSolver:
    """Return the direct solve of a readout, which is linear here."""
    return pm.optim.WhereLinear(pm.LBFGS())


def test_an_exact_solution_is_found_with_any_number_of_nodes(on_one_thread: None) -> None:
    few = pm.adapt.RAD((pm.adapt.Stage(200, 5),))
    levels = tuple(pm.adapt.Widening(neurons, radius=None, coordinates=True) for neurons in (20, 60))
    run: dict[str, Any] = {
        "refine": pm.adapt.Readouts(untrained=levels, rows=4.0, points=few),
        "stop": pm.Iterations(2),
    }
    solutions = [pm.solve(growing(nodes=n), NETWORK, readouts(), **run, seed=0, device="cpu") for n in (8, 12)]
    for solution in solutions:
        error = solution.error()
        assert error is not None and error.relative_l2 < 1e-10  # 7e-13
    t = np.linspace(0, 1, 11)
    assert abs(solutions[0](t=t) - solutions[1](t=t)).max() < 1e-11


def test_memory_in_several_coordinates_and_of_derivatives(on_one_thread: None) -> None:
    problem = fading(6)
    assert problem.check() == [] and not can_be_linearised(problem)
    run: dict[str, Any] = {"points": pm.Sobol(100), "stop": pm.Iterations(10), "seed": 0, "device": "cpu"}
    solution = pm.solve(problem, NETWORK, pm.LevenbergMarquardt(), **run)
    assert solution.run.result.iterate.f < 1e-3 * solution.history[0].loss
    assert solution.residual(t=[0.0, 0.5], x=1.0).shape == (2,)


def test_the_error_is_estimated_by_the_linearised_equation() -> None:
    problem = growing()
    solution = pm.solve(problem, NETWORK, pm.LBFGS(), points=pm.Sobol(40), stop=pm.Iterations(5), device="cpu")
    error, estimate = solution.error(), linearised_error(problem, solution.run.network, solution.theta)
    assert error is not None and estimate is not None and estimate.trustworthy
    assert estimate.relative_l2["u"] == pytest.approx(error.relative_l2, rel=0.02)


def test_points_of_one_stencil_may_lie_in_one_cell() -> None:
    """Then several of a row's entries belong to one spline, and are added up before they are squared."""
    problem, space = growing(), SplineSpace((np.linspace(0, 1, 4),), 3)
    network = bind(problem, Setup(NETWORK))
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    block = linearised_rows(problem, network, theta, problem.terms["pde"], space).matrix(FieldSplines(space, 1))
    assert float(block.power(2).sum()) == pytest.approx((block.toarray() ** 2).sum(), rel=1e-12)


def test_chunks_hold_whole_stencils() -> None:
    problem = fading()
    network, x = bind(problem, Setup(NETWORK)), sample(problem, Sobol(60), torch.Generator().manual_seed(0))["pde"].x
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    whole = residual_values(problem, network, theta, "pde", x)
    alone = torch.cat([residual_values(problem, network, theta, "pde", one[None]) for one in x], 1)
    torch.testing.assert_close(whole, alone, rtol=1e-12, atol=1e-12)
    points = sample(problem, Sobol(60), torch.Generator().manual_seed(0))
    loss = PinnObjective(problem, Discretisation(network, points), chunk=40)
    assert {len(chunk.x) for chunk in loss.chunks} == {36}
    torch.testing.assert_close(loss.residual(theta), whole[0] / len(x) ** 0.5, rtol=1e-12, atol=1e-12)


def test_single_precision_has_more_points_than_are_probed(on_one_thread: None) -> None:
    run: dict[str, Any] = {"points": pm.Sobol(100), "stop": pm.Iterations(2), "dtype": torch.float32, "device": "cpu"}
    solution = pm.solve(growing(), NETWORK, pm.LBFGS(), **run)
    assert solution.history[-1].loss < solution.history[0].loss


def test_other_equations_may_stand_beside_one_with_memory() -> None:
    """u' = v, u = 1 + ∫₀ᵗ v: each node is a point of its own, where nothing is compared with other equations."""
    conditions: dict[str, Any] = {
        "slope": pm.Interior(lambda u_t, v: u_t - v),
        "sum": pm.Volterra(lambda u, past: u - 1 - past, past=lambda v: v, along="t", inner="s", nodes=1),
    }
    found = pm.Problem(pm.Box(t=(0, 1)), ["u", "v"], conditions=conditions).check()
    assert [finding.what for finding in found if finding.fatal] == []


def test_what_is_read_counts_in_the_memory_of_a_run() -> None:
    few, many = (
        predict_memory(growing(nodes=n), Setup(NETWORK, pm.LBFGS(), pm.Sobol(3000), balance=None)) for n in (1, 39)
    )
    assert 10 * few.points < many.points < 30 * few.points


def test_a_run_with_points_that_follow_the_residual_is_resumed_to_the_bit(tmp_path: Path, on_one_thread: None) -> None:
    rule = pm.adapt.RAD((pm.adapt.Stage(30, 2),), gap=0.0)
    settings: dict[str, Any] = {"refine": rule, "seed": 0, "device": "cpu"}
    whole = pm.solve(growing(nodes=5), NETWORK, pm.LBFGS(), stop=pm.Iterations(6), **settings)
    pm.solve(growing(nodes=5), NETWORK, pm.LBFGS(), stop=pm.Iterations(3), out=tmp_path, **settings)
    assert torch.equal(pm.resume(tmp_path, growing(nodes=5), stop=pm.Iterations(6)).theta, whole.theta)


def test_unknown_parameters_may_stand_in_the_kernel(on_one_thread: None) -> None:
    """u' = −k ∫₀ᵗ u, u(0) = 1, is cos(√k t): u(1) = cos 2 tells k = 4."""
    problem = pm.Problem(
        pm.Box(t=(0, 1)),
        ["u"],
        parameters={"k": pm.Unknown(3.0, lower=0)},
        conditions={
            "pde": pm.Volterra(lambda u_t, past: u_t + past, past=lambda u, k: k * u, along="t", inner="s", nodes=6),
            "start": pm.Value(u=1.0, on="t=0"),
            "end": pm.Data({"t": [1.0]}, u=[math.cos(2)], sigma=0),
        },
        hard=["start"],
    )
    solution = pm.solve(problem, NETWORK, pm.LevenbergMarquardt(), points=pm.Sobol(40), stop=pm.Iterations(40))
    assert solution.parameters["k"].value == pytest.approx(4, abs=1e-3)


def test_a_ring_with_memory_keeps_the_harmonics_of_its_data() -> None:
    conditions = {
        "pde": pm.Volterra(lambda u_t, past: u_t - past, past=lambda u_xx: u_xx, along="t", inner="s"),
        "start": pm.Value(u=lambda x: torch.sin(2 * math.pi * x), on="t=0"),
        "ring": pm.Periodic(u=1, along="x"),
    }
    problem = pm.Problem(pm.Box(t=(0, 1), x=(-1, 1)), ["u"], conditions=conditions)
    assert fit_network(NETWORK, problem) == pm.MLP(6, 1, pm.PeriodicEmbedding("x", 2))


def memory(**changes: Any) -> Any:
    """Return a condition with memory that is right but for some changes."""
    good: dict[str, Any] = {"past": lambda s, u: s * u, "along": "t", "inner": "s"}
    return lambda: pm.Volterra(lambda u_t, past: u_t - past, **(good | changes))


WRONG: list[tuple[Any, str]] = [
    (memory(along="z"), "Unknown coordinate 'z'"),
    (memory(along=None), "Unknown coordinate None"),
    (memory(inner="t"), "'t' stands for something else already"),
    (memory(inner="u_tt"), "'u_tt' stands for something else already"),
    (memory(inner="past"), "'past' stands for something else already"),
    (memory(inner=3), "3 is no name"),
    (memory(nodes=0), "nodes is 0"),
    (memory(nodes=True), "nodes is True"),
    (memory(nodes=10**6), "nodes is 1000000"),
    (memory(past=lambda r, u: u), "Unknown name 'r'; where: the integrand 'past' of condition 'pde'"),
    (memory(past=lambda past, u: u), "Unknown name 'past'"),
    (memory(past=3), "3 is no function"),
    (memory(more=lambda u: u), "does not name 'more'"),
    (memory(weight=0), "weight 0 is not positive"),
    (lambda: pm.Volterra(lambda u: u, along="t", inner="s"), "There is no integrand"),
    (lambda: pm.Volterra(lambda past, t: past - t, past=lambda s: s, along="t", inner="s"), "name a field"),
    (lambda: pm.Volterra(lambda past, s: past - s, past=lambda u: u, along="t", inner="s"), "Unknown name 's'"),
]


@pytest.mark.parametrize(("condition", "message"), WRONG)
def test_wrong_memories_are_refused(condition: Any, message: str) -> None:
    with pytest.raises(pm.DeclarationError, match=message):
        pm.Problem(pm.Box(t=(0, 1)), ["u"], conditions={"pde": condition()})


def test_a_domain_must_begin_at_one_value_of_the_coordinate() -> None:
    condition = pm.Volterra(lambda u, past: u - past, past=lambda u: u, along="x", inner="s")
    with pytest.raises(pm.DeclarationError, match="does not begin at one value of x"):
        pm.Problem(pm.domains.Ball(1.0, x=0.0, y=0.0), ["u"], conditions={"pde": condition})


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (lambda s, u: s + u.mean(), "among other points"),
        (lambda s, u: u[:2], "has shape"),
        (lambda s, u: (u, u), "A tuple came out"),
        (lambda s, u: u.detach() * s, "Its derivatives are not those"),
        (lambda s, u: u * torch.log(s - 1), "not finite"),
    ],
)
def test_wrong_kernels_are_found_before_training(kernel: Any, said: str) -> None:
    findings = [finding for finding in growing(past=kernel).check() if finding.fatal]
    assert [said in finding.what for finding in findings] == [True], findings
