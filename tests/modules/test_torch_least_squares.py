"""Regression by a module as least squares: r, J and the models made of them, against torch.func on the module."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from small_modules import inputs, module, regression
from torch import Tensor, nn

import pinnml as pm
from pinnml.objective import AbstractLeastSquares, Evaluation, Range

LOSSES: dict[str, Any] = {"mean": nn.MSELoss(), "sum": nn.MSELoss(reduction="sum"), "half": pm.torch.HalfSquares()}


NET = module()


def plain(theta: Tensor, name: str, decay: float) -> Tensor:
    """Return r by the formulas."""
    net, x = NET, inputs()
    sizes = [p.numel() for p in net.parameters()]
    named = zip(net.named_parameters(), theta.split(sizes), strict=True)
    outputs = torch.func.functional_call(net, {key: part.view_as(p) for (key, p), part in named}, (x,))
    scale = {"mean": (2 / outputs.numel()) ** 0.5, "sum": 2**0.5, "half": 1.0}[name]
    rows = scale * (outputs - x.square()).flatten()
    return torch.cat([rows, decay**0.5 * theta]) if decay else rows


def made(name: str, decay: float, chunk: int = 4) -> pm.torch.TorchLeastSquares:
    data = inputs(), inputs().square()
    found = pm.torch.objective(module(), LOSSES[name], data, weight_decay=decay, chunk=chunk)
    assert isinstance(found, pm.torch.TorchLeastSquares)
    return found


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", LOSSES)
def test_residual_jacobian_and_models_are_those_of_the_formulas(name: str, decay: float) -> None:
    f = made(name, decay)
    theta, close = f.start, partial(torch.testing.assert_close, rtol=1e-10, atol=1e-12)
    r = plain(theta, name, decay)
    J = torch.func.jacrev(lambda t: plain(t, name, decay))(theta)
    v, w = (torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64) for size in J.shape)
    close(f.residual(theta), r.detach())
    close(f.jacobian(theta), J)
    close(f.jvp(theta, w), J @ w)
    close(f.vjp(theta, v), J.T @ v)
    block = Range(12, 52, f.size)
    for restriction, columns in ((None, J), (block, J[:, 12:52])):
        model, root = f.gauss_newton(theta, restriction), f.square_root(theta, restriction)
        close(model.gram, columns.T @ columns)
        close(model.grad, columns.T @ r.detach())
        close(model.f, 0.5 * r.dot(r).detach())
        close(root.triangle.T @ root.triangle, columns.T @ columns)
        close(root.grad, columns.T @ r.detach())
    close(f.linear_model(theta).jacobian, J)
    close(f.half_square(f.residual(theta)), f.at(theta).f)
    assert not any(t.requires_grad for t in (f.residual(theta), f.jacobian(theta), f.jvp(theta, w), f.vjp(theta, v)))


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_has_the_squares_that_its_loss_is(name: str) -> None:
    f = made(name, 0.0).batch(torch.tensor([1, 4, 7]))
    torch.testing.assert_close(f.half_square(f.residual(f.start)), f.at(f.start).f, rtol=1e-12, atol=0)
    torch.testing.assert_close(f.vjp(f.start, f.residual(f.start)), f.at(f.start).grad, rtol=1e-11, atol=1e-14)


def test_costs_count_passes_and_products() -> None:
    f = regression()
    costs = {kind: f.cost(kind) for kind in Evaluation}
    assert costs[Evaluation.GRADIENT] == 1 and costs[Evaluation.RESIDUAL] == 1 / 3
    assert costs[Evaluation.JACOBIAN] == pytest.approx(5 / 3)
    assert costs[Evaluation.MODEL] == pytest.approx(5 / 3 + 2 * f.size / 12)
    part = f.batch(torch.arange(5))
    assert part.cost(Evaluation.MODEL) == pytest.approx(costs[Evaluation.MODEL] / 3)


def test_a_block_of_layers_is_the_whole_with_the_others_still() -> None:
    f = regression()
    block = Range(12, 32, f.size)
    part = f.restricted(block, f.start)
    assert isinstance(part, AbstractLeastSquares)
    x = block(f.start)
    torch.testing.assert_close(part.jacobian(x), f.jacobian(f.start)[:, 12:32])
