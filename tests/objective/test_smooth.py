"""The penalty on changes from block to block: its residuals, its models, and what it does to a network."""

from __future__ import annotations

import pytest
import torch
from small_problems import heat
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.loss import Discretisation, PinnObjective, Threads
from pinnml.network import MLP, Antisymmetric, Architecture, ODENet, ResNet
from pinnml.objective import CosineModes, Range, ShareOfPoints, SmoothInDepth
from pinnml.optim import Iterations, LevenbergMarquardt, minimise
from pinnml.points import Hammersley, sample

NETWORKS: dict[str, Architecture] = {
    "resnet": ResNet(width=3, blocks=3),
    "antisymmetric": ODENet(4, 3, weights=Antisymmetric(0.1)),
}


def pinn(network: Architecture) -> tuple[PinnObjective, Tensor]:
    problem, generator = heat(), torch.Generator().manual_seed(1)
    bound = network.bind(problem.domain.names, problem.domain.lower, problem.domain.upper, 1)
    points = sample(problem, Hammersley(30), generator)
    objective = PinnObjective(problem, Discretisation(bound, points), threads=Threads(1))
    return objective, bound.initial(generator, torch.float64, torch.device("cpu"))


def changes(objective: PinnObjective, theta: Tensor) -> Tensor:
    """Return the sum of ‖θ_{k+1} − θ_k‖² over the three blocks."""
    blocks = [theta[part.start : part.stop] for part in objective.structure.parts if part.kind == "block"]
    assert len(blocks) == 3
    return (blocks[1] - blocks[0]).square().sum() + (blocks[2] - blocks[1]).square().sum()


@pytest.mark.parametrize("name", NETWORKS)
def test_f_is_the_loss_with_the_changes_and_models_are_its_derivatives(name: str) -> None:
    inner, theta = pinn(NETWORKS[name])
    f = SmoothInDepth(inner, 0.3, 0.5)
    torch.testing.assert_close(f.value(theta), inner.value(theta) + 0.5 * 0.3 / 0.5 * changes(inner, theta))
    free = theta.clone().requires_grad_()
    penalty = torch.autograd.grad(0.5 * 0.3 / 0.5 * changes(inner, free), free)[0]
    torch.testing.assert_close(f.at(theta).grad, inner.at(theta).grad + penalty)
    J, r = f.jacobian(theta), f.residual(theta)
    v, w = (torch.cos(torch.arange(size).double()) for size in J.shape)
    torch.testing.assert_close(f.jvp(theta, w), J @ w)
    torch.testing.assert_close(f.vjp(theta, v), J.T @ v)
    for restriction, columns in ((None, J), (Range(3, 20, inner.size), J[:, 3:20])):
        model, root = f.gauss_newton(theta, restriction), f.square_root(theta, restriction)
        torch.testing.assert_close(model.gram, columns.T @ columns)
        torch.testing.assert_close(model.grad, columns.T @ r)
        torch.testing.assert_close(root.triangle.T @ root.triangle, columns.T @ columns)
        torch.testing.assert_close(root.grad, columns.T @ r)
        torch.testing.assert_close(root.f, f.value(theta))


def test_weights_become_smooth_in_depth() -> None:
    inner, theta = pinn(NETWORKS["resnet"])
    ends = [
        minimise(objective, theta, LevenbergMarquardt(), Iterations(15)).iterate.theta
        for objective in (inner, SmoothInDepth(inner, 1e-4))
    ]
    rough, smooth = (float(changes(inner, end)) for end in ends)
    assert smooth < 0.1 * rough
    assert float(inner.value(ends[1])) < 1e-2 * float(inner.value(theta))


def test_coarse_problems_have_the_same_penalty() -> None:
    inner, theta = pinn(NETWORKS["resnet"])
    f = SmoothInDepth(inner, 0.3)
    coarse, plain = f.coarse(ShareOfPoints(0.5)), inner.coarse(ShareOfPoints(0.5))
    assert coarse is not None and plain is not None
    expected = plain.objective.value(theta) + 0.15 * changes(inner, theta)
    torch.testing.assert_close(coarse.objective.value(theta), expected)
    assert f.coarse(CosineModes(3)) is None


def test_wrong_penalties_are_refused() -> None:
    inner, _ = pinn(NETWORKS["resnet"])
    for weight, step, message in ((-1.0, 1.0, "weight is"), (1.0, 0.0, "step is")):
        with pytest.raises(DeclarationError, match=message):
            SmoothInDepth(inner, weight, step)
    with pytest.raises(DeclarationError, match="alike"):
        SmoothInDepth(pinn(MLP(width=3, depth=3))[0], 1.0)
