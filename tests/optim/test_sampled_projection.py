"""Variable projection on mini-batches: ridge regression with a memory, around any solver."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import pinnml as pm
from pinnml.objective import Iterate
from pinnml.optim import AbstractSolver, Adam, Iterations, SampledVariableProjection, minimise
from pinnml.torch import HalfSquares, MiniBatches
from pinnml.torch.least_squares import TorchLeastSquares

pytestmark = pytest.mark.usefixtures("on_one_thread")


def regression(width: int = 12, samples: int = 200) -> TorchLeastSquares:
    """The function sin 6x + ½ cos 14x at so many points, by a network of two layers."""
    x = torch.linspace(-1, 1, samples, dtype=torch.float64, device="cpu")[:, None]
    torch.manual_seed(0)
    first = nn.Linear(1, width)
    nn.init.uniform_(first.weight, -5, 5)
    module = nn.Sequential(first, nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
    found = pm.torch.objective(module.double(), HalfSquares(), (x, torch.sin(6 * x) + 0.5 * torch.cos(14 * x)))
    assert isinstance(found, TorchLeastSquares)
    return found


def batches(f: TorchLeastSquares, size: int) -> MiniBatches:
    return MiniBatches(f, size, torch.Generator().manual_seed(1))


def test_an_epoch_of_batches_is_ridge_regression_on_all_samples() -> None:
    f, solver = regression(), SampledVariableProjection(Adam(rate=1e-30), memory=4, ridge=1e-3)
    head = f.structure.parts[-1]
    renew = batches(f, 50)
    assert isinstance(renew.first, TorchLeastSquares)
    first = renew.first.jacobian(f.start)[:, head.start :]
    end = minimise(renew.first, f.start, solver, Iterations(4), renew=renew).iterate.theta
    ridge = 4 * 1e-3 * first.square().sum(0).max()
    jacobian = f.jacobian(f.start)[:, head.start :]
    right = f.residual(f.start) - jacobian @ f.start[head.start :]
    # a batch stands for all samples, so that four of them count four times
    gram = 4 * jacobian.T @ jacobian + ridge * torch.eye(head.size, dtype=torch.float64, device="cpu")
    wanted = torch.linalg.solve(gram, -4 * jacobian.T @ right)
    torch.testing.assert_close(end[head.start :], wanted, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(end[: head.start], f.start[: head.start], rtol=0, atol=1e-20)


def test_what_is_remembered_keeps_what_other_batches_said() -> None:
    """Without a memory c follows ten samples alone, and forgets all others."""
    f = regression()

    def last(memory: int, size: int, ridge: float, steps: int) -> float:
        solver, renew = SampledVariableProjection(Adam(rate=1e-30), memory, ridge), batches(f, size)
        return float(f.value(minimise(renew.first, f.start, solver, Iterations(steps), renew=renew).iterate.theta))

    best = last(1, 200, 1e-12, 1)
    assert last(19, 10, 1e-9, 40) - best < 0.05 * (last(1, 10, 1e-9, 40) - best)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_ahead_of_the_solver_inside_after_as_many_batches(seed: int) -> None:
    f = regression()

    def end(solver: AbstractSolver) -> float:
        renew = MiniBatches(f, 50, torch.Generator().manual_seed(seed))
        return float(f.value(minimise(renew.first, f.start, solver, Iterations(100), renew=renew).iterate.theta))

    assert end(SampledVariableProjection()) < 0.3 * end(Adam())


def test_where_there_is_nothing_to_eliminate_the_solver_works_alone() -> None:
    f = regression()
    head = f.structure.parts[-1]
    below = pm.objective.restriction_of(((0, head.start),), f.size)
    alone = f.restricted(below, f.start)
    begin = below(f.start)

    def end(solver: AbstractSolver) -> Tensor:
        return minimise(alone, begin, solver, Iterations(5)).iterate.theta

    assert torch.equal(end(SampledVariableProjection(Adam())), end(Adam()))


def test_one_step_with_little_ridge_is_that_of_least_squares() -> None:
    f, solver = regression(), SampledVariableProjection(Adam(rate=1e-30), ridge=1e-12)
    iterate = Iterate(f.start, f.value(f.start))
    following = solver.step(f, iterate, solver.init(f, iterate))[0]
    head = f.structure.parts[-1]
    grad = f.at(following.theta).grad[head.start :]
    assert float(grad.norm()) < 1e-6 * float(f.at(f.start).grad[head.start :].norm())
