"""Multiplicative Schwarz against the dense formula, and on a small problem with and without its coarse level."""

from __future__ import annotations

import pinnml.problems as problems
import torch
from dense_least_squares import SIZE, Linear, vector

from pinnml.levels import TiedBlocks, TwoLevel, tie
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import ResNet
from pinnml.objective import Range
from pinnml.optim import AbstractSolver, Iterations, LevenbergMarquardt, Result, minimise
from pinnml.points import Sobol, sample
from pinnml.schwarz import ByIndices, ByLayer, Local, MultiplicativeSchwarz

EXACT = Local(LevenbergMarquardt(geodesic=False, damping=0.0))
BLOCKS = ((0, 1), (2, 3, 4), (5, 0))


def burgers(blocks: int = 4) -> tuple[PinnObjective, torch.Tensor]:
    problem, generator = problems.get("burgers"), torch.Generator().manual_seed(0)
    domain = problem.domain
    network = ResNet(width=8, blocks=blocks).bind(domain.names, domain.lower, domain.upper, 1)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, Discretisation(network, sample(problem, Sobol(300), generator))), theta


def run(solver: AbstractSolver, iterations: int) -> Result:
    objective, theta = burgers()
    return minimise(objective, theta, solver, Iterations(iterations))


def test_a_sweep_with_exact_solves_is_block_gauss_seidel() -> None:
    problem, theta = Linear(), vector(SIZE, 1)
    solver = MultiplicativeSchwarz(ByIndices(BLOCKS), EXACT, stretches=())
    result = minimise(problem, theta, solver, Iterations(1))
    expected, gram = theta.clone(), problem.A.T @ problem.A
    for block in BLOCKS:
        index = torch.tensor(block)
        gradient = problem.A.T @ (problem.A @ expected - problem.b)
        expected[index] -= torch.linalg.solve(gram[index][:, index], gradient[index])
    torch.testing.assert_close(result.iterate.theta, expected, rtol=0, atol=1e-12)


def test_one_block_is_its_local_method() -> None:
    objective, theta = burgers()
    local = LevenbergMarquardt(geodesic=False)
    whole = MultiplicativeSchwarz(ByLayer(layers=len(objective.structure.parts)), Local(local), stretches=())
    decomposed, plain = (minimise(objective, theta, solver, Iterations(4)) for solver in (whole, local))
    torch.testing.assert_close(decomposed.iterate.theta, plain.iterate.theta, rtol=1e-12, atol=1e-12)


def test_a_zero_coarse_step_changes_no_bit() -> None:
    objective, theta = burgers()
    tied = tie(objective.structure, len(theta), 3)
    assert torch.equal(theta + tied.adjoint(torch.zeros(tied.shape[0], dtype=theta.dtype)), theta)


def test_the_coarse_jacobian_is_the_fine_one_times_the_prolongation() -> None:
    objective, theta = burgers()
    tied = tie(objective.structure, len(theta), 2)
    J = objective.jacobian(theta)
    P = torch.stack([tied.adjoint(unit) for unit in torch.eye(tied.shape[0], dtype=theta.dtype)], 1)
    model = objective.restricted(tied, theta).gauss_newton(tied(theta))
    torch.testing.assert_close(model.gram, (J @ P).T @ (J @ P), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(model.grad, (J @ P).T @ objective.residual(theta), rtol=1e-11, atol=1e-12)


def test_kept_jets_change_no_result() -> None:
    objective, theta = burgers()
    for part in objective.structure.parts:
        layer = Range(part.start, part.stop, len(theta))
        kept, plain = objective.restricted(layer, theta), super(PinnObjective, objective).restricted(layer, theta)
        assert type(kept) is not type(plain)
        x = layer(theta) + 0.01
        torch.testing.assert_close(kept.at(x).grad, plain.at(x).grad, rtol=1e-11, atol=1e-13)
        torch.testing.assert_close(kept.gauss_newton(x).gram, plain.gauss_newton(x).gram, rtol=1e-11, atol=1e-13)


def test_sweeps_contract_and_less_without_the_coarse_level() -> None:
    two_level = TwoLevel(coarse=(TiedBlocks(2), TiedBlocks(4)))
    start = run(two_level, 0)
    with_coarse, without = run(two_level, 12), run(MultiplicativeSchwarz(), 12)
    factor = (float(with_coarse.iterate.f) / float(start.iterate.f)) ** (1 / 12)
    assert factor < 0.6
    assert float(with_coarse.iterate.f) < float(without.iterate.f) < float(start.iterate.f)


def test_a_run_repeats_to_the_bit() -> None:
    first, again = run(TwoLevel(), 3), run(TwoLevel(), 3)
    assert torch.equal(first.iterate.theta, again.iterate.theta)


def test_work_counts_the_share_of_layers() -> None:
    result = run(MultiplicativeSchwarz(stretches=()), 1)
    assert result.counts.jacobians == 6
    assert 3 < result.counts.work < 12
