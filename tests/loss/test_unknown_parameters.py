"""Unknown parameters at the end of θ: residuals are those of their values, and J has their columns, in every part."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import Range, ShareOfPoints
from pinnml.points import Hammersley, sample
from pinnml.schwarz import ByLayer

UNKNOWNS: Mapping[str, pm.Unknown] = {"nu": pm.Unknown(0.3, lower=0), "a": pm.Unknown(-2.0, -3.0, 1.0)}
Y = torch.tensor([0.7, -0.4], dtype=torch.float64)


def flow(parameters: Mapping[str, float | pm.Unknown]) -> pm.Problem:
    """Two coupled equations, a value and a flux with two parameters, of which each condition names another choice."""

    def motion(u: Tensor, v: Tensor, u_t: Tensor, u_xx: Tensor, v_x: Tensor, nu: Tensor) -> tuple[Tensor, Tensor]:
        return u_t + u * v_x - nu * u_xx, v_x - u.sin() * nu**2

    return pm.Problem(
        domain=pm.Box(t=(0, 1), x=(-1, 1)),
        fields=["u", "v"],
        parameters=parameters,
        conditions={
            "pde": pm.Interior(motion),
            "start": pm.Value(u=lambda x, a: a * x, v=0.5, on="t=0", weight=2.0),
            "flux": pm.Boundary(lambda u, u_n, a, nu: nu * u_n + a * u, on=["x=-1", "x=1"]),
            "ends": pm.Periodic(v=1, along="x"),
            "data": pm.Data({"t": [0.5], "x": [0.3]}, u=[0.2], sigma=0.1),
        },
    )


def objective_of(problem: pm.Problem, chunk: int | None = None) -> tuple[PinnObjective, Tensor]:
    domain, generator = problem.domain, torch.Generator().manual_seed(0)
    network = pm.ResNet(width=4, blocks=2).bind(domain.names, domain.lower, domain.upper, 2)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    points = sample(problem, Hammersley(13, boundary=6), generator)
    return PinnObjective(problem, Discretisation(network, points), chunk=chunk), theta


def known(y: Tensor) -> PinnObjective:
    """The loss of the problem whose parameters have these values."""
    values = [unknown.value(part) for unknown, part in zip(UNKNOWNS.values(), y, strict=True)]
    return objective_of(flow(dict(zip(UNKNOWNS, map(float, values), strict=True))))[0]


@pytest.fixture(scope="module")
def dense() -> tuple[PinnObjective, Tensor, Tensor]:
    """The loss, a θ, and J there: the columns of the unknown parameters by differences of losses that know them."""
    objective, own = objective_of(flow(UNKNOWNS))
    own = own + 0.1
    moved = 1e-5 * torch.eye(2, dtype=torch.float64)
    ends = [(known(Y + step).residual(own) - known(Y - step).residual(own)) / 2e-5 for step in moved]
    return objective, torch.cat([own, Y]), torch.cat([known(Y).jacobian(own), torch.stack(ends, 1)], 1)


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-9) -> bool:
    return found.shape == expected.shape and bool((found - expected).abs().max() <= tolerance * expected.abs().max())


def test_residuals_are_those_of_the_values(dense: tuple[PinnObjective, Tensor, Tensor]) -> None:
    objective, theta, _ = dense
    assert torch.equal(objective.residual(theta), known(Y).residual(theta[:-2]))
    start = torch.cat([theta[:-2], 0 * Y])
    assert close(objective.residual(start), known(0 * Y).residual(theta[:-2]), 1e-14)


@pytest.mark.parametrize("chunk", [None, 4])
def test_every_evaluation_has_their_columns(dense: tuple[PinnObjective, Tensor, Tensor], chunk: int | None) -> None:
    whole, theta, _ = dense
    objective = whole if chunk is None else whole.on(whole.discretisation, chunk)
    residual, jacobian = objective.residual(theta), objective.jacobian(theta)
    assert close(jacobian, dense[2]) or chunk is not None
    assert close(jacobian.T @ jacobian, dense[2].T @ dense[2])
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(len(theta), generator=generator, dtype=torch.float64)
    assert close(objective.jvp(theta, direction), jacobian @ direction)
    assert close(objective.vjp(theta, residual), residual @ jacobian)
    assert close(objective.at(theta).grad, residual @ jacobian)
    model, root = objective.gauss_newton(theta), objective.square_root(theta)
    assert close(model.gram, jacobian.T @ jacobian) and close(model.grad, residual @ jacobian)
    assert close(root.triangle.T @ root.triangle, jacobian.T @ jacobian)


def test_they_are_a_part_of_theta_like_a_layer(dense: tuple[PinnObjective, Tensor, Tensor]) -> None:
    objective, theta, jacobian = dense
    last = objective.structure.parts[-1]
    assert (last.kind, last.shape, last.start, last.stop) == ("parameter", (2,), len(theta) - 2, len(theta))
    blocks = ByLayer(1).restrictions(objective.structure, len(theta)) + ByLayer(2, 1).restrictions(
        objective.structure, len(theta)
    )
    assert any(isinstance(block, Range) and block.shape[0] == 2 for block in blocks)
    for block in blocks:
        local, unknowns = objective.restricted(block, theta), block(theta)
        assert close(local.jacobian(unknowns), block(jacobian))
        assert close(local.at(unknowns).grad, block(objective.at(theta).grad))
        assert close(local.gauss_newton(unknowns).gram, block(jacobian).T @ block(jacobian))


def test_fewer_points_have_the_same_unknowns(dense: tuple[PinnObjective, Tensor, Tensor]) -> None:
    objective, theta, _ = dense
    coarse = objective.coarse(ShareOfPoints(0.5))
    assert coarse is not None and coarse.restriction.shape == (len(theta), len(theta))
    assert coarse.objective.at(theta).grad.shape == theta.shape
