"""Variable projection as a wrapper: iterates of the full problem that never get worse, whatever the equation."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from small_problems import heat
from torch import Tensor

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective, Threads
from pinnml.network import ResNet
from pinnml.objective import Full, Iterate, Kaufman, ProjectedJacobian
from pinnml.optim import (
    LBFGS,
    AbstractSolver,
    Iterations,
    LevenbergMarquardt,
    NewtonKrylov,
    VariableProjection,
    minimise,
)
from pinnml.points import Hammersley, sample
from pinnml.schwarz import ByLayer, Local, MultiplicativeSchwarz

pytestmark = pytest.mark.usefixtures("on_one_thread")


def pinn(problem: pm.Problem, seed: int = 0) -> tuple[PinnObjective, Tensor]:
    """Return the loss of a small network, and its θ to start from."""
    domain, generator = problem.domain, torch.Generator().manual_seed(seed)
    network = ResNet(width=5, blocks=2).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    points = sample(problem, Hammersley(80), generator)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, Discretisation(network, points), threads=Threads(1)), theta


SOLVERS: dict[str, AbstractSolver] = {
    "levenberg-marquardt": LevenbergMarquardt(),
    "gauss-newton": LevenbergMarquardt(geodesic=False),
    "newton-krylov": NewtonKrylov(max_iterations=20),
    "lbfgs": LBFGS(),
    "sweeps": MultiplicativeSchwarz(ByLayer(), Local(LevenbergMarquardt(geodesic=False))),
}


@pytest.mark.parametrize("jacobian", [Kaufman(), Full()], ids=str)
@pytest.mark.parametrize("kind", ["heat", "burgers", pytest.param("kovasznay", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SOLVERS)
def test_f_of_the_whole_problem_never_rises(name: str, kind: str, jacobian: ProjectedJacobian) -> None:
    objective, theta = pinn(heat() if kind == "heat" else pm.problems.get(kind))
    seen: list[Iterate] = []
    minimise(
        objective, theta, VariableProjection(SOLVERS[name], jacobian), Iterations(6),
        callback=lambda progress: seen.append(progress.iterate),
    )  # fmt: skip
    for before, after in pairwise(seen):
        assert after.value <= before.value * (1 + 1e-12)
    for iterate in seen:
        assert iterate.theta.shape == theta.shape
        torch.testing.assert_close(iterate.f, objective.value(iterate.theta), rtol=1e-10, atol=0)
    assert seen[-1].value < 0.5 * seen[0].value


def test_outgoing_weights_are_optimal_after_a_step_where_nothing_holds_them() -> None:
    objective, theta = pinn(heat())
    solver = VariableProjection(LevenbergMarquardt(), floor=0.0)
    end = minimise(objective, theta, solver, Iterations(2)).iterate
    head = objective.structure.parts[-1]
    before, after = (point.grad[head.start :].norm() for point in (objective.at(theta), end))
    assert float(after) < 1e-8 * float(before)
    assert float(end.grad.norm()) > 1e-4 * float(objective.at(theta).grad.norm())


def test_where_there_is_nothing_to_project_the_solver_works_alone() -> None:
    objective, theta = pinn(heat())
    head = objective.structure.parts[-1]
    for block in (
        pm.objective.Range(head.start, head.stop, objective.size),
        pm.objective.Range(0, head.start, objective.size),
    ):
        part, x = objective.restricted(block, theta), block(theta)
        plain, projected = (
            minimise(part, x, solver, Iterations(2)).iterate.theta
            for solver in (LevenbergMarquardt(), VariableProjection(LevenbergMarquardt()))
        )
        assert torch.equal(plain, projected)
    f = pm.torch.objective(torch.nn.Linear(2, 3), torch.nn.CrossEntropyLoss(), (torch.ones(4, 2), torch.arange(4) % 3))
    ends = [minimise(f, f.start, s, Iterations(3)).iterate.theta for s in (LBFGS(), VariableProjection(LBFGS()))]
    assert torch.equal(*ends)


def test_a_projection_inside_finds_nothing_left_to_project() -> None:
    """What is left of θ is whole for it, and not to be put together a second time."""
    objective, theta = pinn(heat())
    once = VariableProjection(LevenbergMarquardt())
    ends = [minimise(objective, theta, one, Iterations(3)).iterate for one in (once, VariableProjection(once))]
    assert torch.equal(ends[0].theta, ends[1].theta) and ends[0].value < objective.at(theta).value


def test_with_the_whole_derivative_it_takes_fewer_steps_than_all_unknowns_at_once() -> None:
    objective, theta = pinn(pm.problems.get("poisson"))
    stop = pm.Loss(1e-4 * float(objective.value(theta))) | Iterations(60)
    solver = LevenbergMarquardt(geodesic=False)
    plain, projected = (minimise(objective, theta, s, stop) for s in (solver, VariableProjection(solver, Full())))
    assert projected.nit < 0.7 * plain.nit, (projected.nit, plain.nit)  # 20 and 36
