"""Least squares with outgoing weights eliminated: gradient and Jacobians against differences, and what is left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small_problems import heat
from torch import Tensor

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective, Threads
from pinnml.network import ResNet
from pinnml.objective import (
    AbstractLeastSquares,
    Full,
    Kaufman,
    Part,
    ProjectedJacobian,
    ProjectedLeastSquares,
    Range,
    ShareOfPoints,
    Structure,
    projectable,
    spans_by_kind,
)
from pinnml.points import Hammersley, sample

TIMES = torch.linspace(0, 2, 12, dtype=torch.float64)


class Exponentials(AbstractLeastSquares):
    """r = g(Σ_j c_j exp(−w_j t)) − y, θ = (w, c): fitting by exponentials, with g the identity or a bent one."""

    def __init__(self, g: Callable[[Tensor], Tensor] = lambda u: u, count: int = 3) -> None:
        self.g, self.count = g, count
        self.y = torch.cos(3 * TIMES) + 0.3 * TIMES

    def residual(self, theta: Tensor) -> Tensor:
        w, c = theta.split(self.count)
        return self.g(torch.exp(-TIMES[:, None] * w) @ c) - self.y

    def jacobian(self, theta: Tensor) -> Tensor:
        return torch.func.jacrev(self.residual)(theta)

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return torch.func.jvp(self.residual, (theta,), (direction,))[1]

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return torch.func.vjp(self.residual, theta)[1](cotangent)[0]

    @property
    def structure(self) -> Structure:
        n = self.count
        return Structure((Part("w", 0, n, (n,), "layer"), Part("c", n, 2 * n, (n,), "head")))


THETA = torch.tensor([0.2, 1.1, 2.3, 0.5, -0.4, 0.3], dtype=torch.float64)


def reduced(
    jacobian: ProjectedJacobian, inner: AbstractLeastSquares | None = None, steps: int = 3, floor: float = 0.0
) -> ProjectedLeastSquares:
    return ProjectedLeastSquares(inner or Exponentials(), THETA, jacobian, steps, floor)


def differences(function: Callable[[Tensor], Tensor], x: Tensor, step: float = 1e-5) -> Tensor:
    """Return ∂function/∂x by central differences of order four, the last axis that of x."""
    columns = []
    for unit in torch.eye(len(x), dtype=x.dtype):
        near = function(x + step * unit) - function(x - step * unit)
        far = function(x + 2 * step * unit) - function(x - 2 * step * unit)
        columns.append((8 * near - far) / (12 * step))
    return torch.stack(columns, -1)


def pinn(nonlinear: bool = False) -> tuple[PinnObjective, Tensor]:
    """Return the loss of a small network on the heat equation or on Burgers' equation, and a θ."""
    problem = pm.problems.get("burgers") if nonlinear else heat()
    domain = problem.domain
    network = ResNet(width=3, blocks=1).bind(domain.names, domain.lower, domain.upper, 1)
    generator = torch.Generator().manual_seed(2)
    objective = PinnObjective(
        problem, Discretisation(network, sample(problem, Hammersley(40), generator)), threads=Threads(1)
    )
    return objective, network.initial(generator, torch.float64, torch.device("cpu"))


@pytest.mark.parametrize("floor", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["exponentials", "heat"])
@pytest.mark.parametrize("jacobian", [Kaufman(), Full()], ids=str)
def test_the_gradient_is_that_of_the_least_f(kind: str, jacobian: ProjectedJacobian, floor: float) -> None:
    if kind == "heat":
        inner, theta = pinn()
        phi = ProjectedLeastSquares(inner, theta, jacobian, 3, floor)
    else:
        phi = reduced(jacobian, floor=floor)
    # away from the start, where c has moved
    x = phi.start + 0.05 * torch.cos(torch.arange(len(phi.start)).double())
    expected = differences(phi.value, x)
    found = [phi.at(x).grad, phi.vjp(x, phi.residual(x)), phi.gauss_newton(x).grad, phi.square_root(x).grad]
    for gradient in found:
        torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))


def test_c_is_the_least_squares_solution_at_once() -> None:
    phi = reduced(Kaufman(), steps=1)
    w = torch.tensor([0.1, 0.9, 3.0], dtype=torch.float64)
    Phi = torch.exp(-TIMES[:, None] * w)
    c = torch.linalg.lstsq(Phi, Exponentials().y[:, None]).solution[:, 0]
    point = phi.eliminated(w)
    torch.testing.assert_close(point.theta, torch.cat([w, c]), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(point.residual[: len(TIMES)], Phi @ c - Exponentials().y)
    torch.testing.assert_close(point.f, 0.5 * point.residual.square().sum())


def test_the_full_jacobian_is_the_derivative_and_kaufman_s_leaves_one_term_out() -> None:
    full, short = reduced(Full()), reduced(Kaufman())
    x = full.start
    expected = differences(full.residual, x)
    torch.testing.assert_close(full.jacobian(x), expected, rtol=1e-6, atol=1e-6)
    count = len(TIMES)
    # (J_c⁺)ᵀ M with M = ∂(J_cᵀ r̂)/∂w, written out for exponentials
    point = short.eliminated(x)
    Phi = torch.exp(-TIMES[:, None] * x)
    M = torch.diag(-(TIMES[:, None] * Phi).T @ point.residual[:count])
    term = torch.linalg.pinv(Phi).T @ M
    torch.testing.assert_close((short.jacobian(x) - full.jacobian(x))[:count], term, rtol=1e-7, atol=1e-8)
    assert float((short.jacobian(x) - expected).abs().max()) > 1e-2


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_the_full_jacobian_of_a_network_is_the_derivative(floor: float) -> None:
    inner, theta = pinn()
    phi = ProjectedLeastSquares(inner, theta, Full(), 3, floor)
    x = phi.start + 0.05 * torch.cos(torch.arange(len(phi.start)).double())
    expected = differences(phi.residual, x)
    torch.testing.assert_close(phi.jacobian(x), expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("floor", [0.0, 0.1])
@pytest.mark.parametrize("jacobian", [Kaufman(), Full()], ids=str)
def test_products_and_models_are_those_of_the_jacobian(jacobian: ProjectedJacobian, floor: float) -> None:
    inner, theta = pinn()
    phi = ProjectedLeastSquares(inner, theta, jacobian, 3, floor)
    x, generator = phi.start, torch.Generator().manual_seed(1)
    J, r = phi.jacobian(x), phi.residual(x)
    v, w = (torch.randn(size, generator=generator, dtype=torch.float64) for size in J.shape)
    phi = ProjectedLeastSquares(inner, theta, jacobian, 3, floor)  # with nothing kept
    tolerance = {"rtol": 1e-8, "atol": 1e-8 * float(J.norm())}
    torch.testing.assert_close(phi.jvp(x, w), J @ w, **tolerance)  # type: ignore[arg-type]
    torch.testing.assert_close(phi.vjp(x, v), J.T @ v, **tolerance)  # type: ignore[arg-type]
    part = Range(2, 9, len(x))
    for restriction, columns in ((None, J), (part, J[:, 2:9])):
        model, root = phi.gauss_newton(x, restriction), phi.square_root(x, restriction)
        torch.testing.assert_close(model.gram, columns.T @ columns, rtol=1e-8, atol=1e-8 * float(J.norm() ** 2))
        torch.testing.assert_close(root.triangle.T @ root.turned, columns.T @ r, **tolerance)  # type: ignore[arg-type]
        torch.testing.assert_close(root.f, 0.5 * r.square().sum())
        assert float(root.least) <= float(root.f)


@pytest.mark.parametrize("steps", [1, 5])
def test_equations_that_are_not_linear_get_steps_that_lower_f(steps: int) -> None:
    for inner, theta in (pinn(nonlinear=True), (Exponentials(lambda u: u + 0.5 * u**3), THETA)):
        phi = ProjectedLeastSquares(inner, theta, Kaufman(), steps, 0.0)
        point = phi.eliminated(phi.start)
        assert float(point.f) < float(inner.value(theta))
        torch.testing.assert_close(point.f, inner.value(point.theta))
        left = phi._c(inner.at(point.theta).grad).norm() / phi._c(inner.at(theta).grad).norm()
        assert (float(left) < 2e-3) == (steps > 1)  # 8e-5 and 1.5e-3; 8e-2 and 9 after one


def test_with_c_settled_the_gradient_is_exact_for_equations_that_are_not_linear() -> None:
    phi = reduced(Kaufman(), Exponentials(lambda u: u + 0.5 * u**3), steps=30)
    torch.testing.assert_close(phi.at(phi.start).grad, differences(phi.value, phi.start), rtol=5e-5, atol=0)


def test_what_is_eliminated_are_outgoing_weights_not_parameters_of_the_equation() -> None:
    def part(name: str, start: int, stop: int, kind: str) -> Part:
        return Part(name, start, stop, (stop - start,), kind)

    structure = Structure((part("a", 0, 3, "input"), part("b", 3, 7, "head"), part("c", 7, 9, "readout"),
                           part("d", 9, 10, "parameter")))  # fmt: skip
    assert spans_by_kind(structure) == (((3, 9),), ((0, 3), (9, 10)))
    objective, theta = pinn()
    assert projectable(objective)
    head = objective.structure.parts[-1]
    assert not projectable(objective.restricted(Range(head.start, head.stop, objective.size), theta))
    assert not projectable(objective.restricted(Range(0, head.start, objective.size), theta))


def test_coarse_problems_are_projected_too() -> None:
    inner, theta = pinn()
    phi = ProjectedLeastSquares(inner, theta, Kaufman(), 3, 0.0)
    coarse, fine = phi.coarse(ShareOfPoints(0.5)), inner.coarse(ShareOfPoints(0.5))
    assert coarse is not None and fine is not None and coarse.has_same_unknowns
    assert isinstance(fine.objective, AbstractLeastSquares)
    expected = ProjectedLeastSquares(fine.objective, theta, Kaufman(), 3, 0.0).value(phi.start)
    torch.testing.assert_close(coarse.objective.value(phi.start), expected)
    assert phi.coarse(pm.objective.CosineModes(3)) is None


def test_a_floor_holds_c_back_and_f_is_no_larger_than_phi() -> None:
    """The start has φ ≤ f(w, c₀), elsewhere φ = f + ½τ²‖c − c₀‖², so that f falls wherever φ does."""
    loose, held = reduced(Kaufman()), reduced(Kaufman(), floor=0.3)
    tau = 0.3 * float(torch.exp(-TIMES[:, None] * THETA[:3]).norm(dim=0).max())
    for x in (loose.start, loose.start + 0.3):
        points = [phi.eliminated(x) for phi in (loose, held)]
        moved = [(point.theta[3:] - THETA[3:]).norm() for point in points]
        assert moved[1] < moved[0] and float(points[0].f) <= float(points[1].f)
        torch.testing.assert_close(points[1].phi - points[1].f, 0.5 * tau**2 * moved[1] ** 2)
        torch.testing.assert_close(held.half_square(held.residual(x)), points[1].phi)
    assert float(held.value(held.start)) <= float(Exponentials().value(THETA))


def test_structure_and_costs_are_those_of_what_is_left() -> None:
    inner, theta = pinn()
    phi = ProjectedLeastSquares(inner, theta, Kaufman(), 3, 0.0)
    assert [part.kind for part in phi.structure.parts] == ["input", "block"]
    assert phi.structure.size == len(phi.start) == inner.size - 4
    kinds = pm.objective.Evaluation
    assert phi.cost(kinds.RESIDUAL) > inner.cost(kinds.RESIDUAL) and phi.cost(kinds.GRADIENT) > phi.cost(kinds.RESIDUAL)
