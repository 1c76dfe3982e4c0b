"""The loss and its derivatives in θ against residuals written out by hand, for every size of chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from dense_least_squares import Matrix
from loss_reference import AsModule, Case, burgers, system
from torch import Tensor

from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import MLP, Custom, PeriodicEmbedding, ResNet
from pinnml.objective import Range
from pinnml.points import Collocation, Hammersley, sample
from pinnml.problem import Box, DeclarationError, Interior, Periodic, Problem

WHOLE = 10**6
CASES: dict[str, Callable[[], Case]] = {
    "burgers-mlp": burgers,
    "burgers-resnet": lambda: burgers(ResNet(width=4, blocks=3, dt=0.3)),
    "burgers-periodic": lambda: burgers(MLP(width=4, depth=2, embedding=PeriodicEmbedding("x"))),
    "system-resnet": system,
    "system-mlp": lambda: system(MLP(width=4, depth=2)),
}


@dataclass(frozen=True)
class Expected:
    """A case at one θ, with its dense residual and Jacobian for each size of chunk."""

    case: Case
    collocation: Collocation
    theta: Tensor
    residual: dict[int, Tensor]
    jacobian: dict[int, Tensor]

    def objective(self, chunk: int | None = None) -> PinnObjective:
        return PinnObjective(self.case.problem, Discretisation(self.case.network, self.collocation), chunk=chunk)


@pytest.fixture(params=CASES, scope="module")
def expected(request: pytest.FixtureRequest) -> Expected:
    case = CASES[request.param]()
    collocation, theta = case.collocation(), case.theta()
    residual = {chunk: case.residual(theta, collocation, chunk) for chunk in (1, 4, 7, WHOLE)}
    jacobian = case.jacobian(theta, collocation, WHOLE)
    # chunks only change the order of the rows, which the numbers of the residuals tell
    order = {chunk: rows_of(case, collocation, chunk) for chunk in residual}
    return Expected(case, collocation, theta, residual, {chunk: jacobian[rows] for chunk, rows in order.items()})


def shapes(case: Case, collocation: Collocation) -> dict[str, torch.Size]:
    """Return the shape (q, n') of each condition's residuals."""
    zero = case.lifted(lambda x: torch.zeros(len(x), len(case.problem.fields), dtype=x.dtype))
    return {name: case.residuals[name](zero, collocation[name].x).shape for name in case.problem.soft_terms}


def rows_of(case: Case, collocation: Collocation, chunk: int) -> Tensor:
    """Return where each residual stands in the order without chunks."""
    rows, first = [], 0
    for shape in shapes(case, collocation).values():
        numbers = torch.arange(first, first + shape.numel()).view(shape)
        rows += [part.flatten() for part in numbers.split(chunk, dim=1)]
        first += shape.numel()
    return torch.cat(rows)


def close(found: Tensor, reference: Tensor, tolerance: float = 1e-12) -> bool:
    assert found.shape == reference.shape
    return bool((found - reference).abs().max() <= tolerance * reference.abs().max())


@pytest.mark.parametrize("chunk", [1, 4, 7, WHOLE])
def test_everything_equals_the_dense_reference(expected: Expected, chunk: int) -> None:
    objective, theta = expected.objective(chunk), expected.theta
    residual, jacobian = expected.residual[chunk], expected.jacobian[chunk]
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(len(theta), generator=generator, dtype=torch.float64)
    cotangent = torch.randn(len(residual), generator=generator, dtype=torch.float64)
    assert close(objective.residual(theta), residual)
    assert close(objective.jvp(theta, direction), jacobian @ direction)
    assert close(objective.vjp(theta, cotangent), cotangent @ jacobian)
    iterate = objective.at(theta)
    assert iterate.theta is theta
    assert close(iterate.f, 0.5 * residual.square().sum())
    assert close(iterate.grad, residual @ jacobian)
    blocks = objective.network.blocks
    assert close(objective.jacobian(theta), jacobian)
    for start, stop in [*((b.start, b.stop) for b in blocks), (blocks[0].start, blocks[1].stop), (0, len(theta))]:
        layers = Range(start, stop, len(theta))
        assert close(objective.restricted(layers, theta).jacobian(layers(theta)), jacobian[:, start:stop])


def test_default_chunk_is_the_whole_of_a_small_set(expected: Expected) -> None:
    objective = expected.objective()
    assert close(objective.residual(expected.theta), expected.residual[WHOLE])
    assert len(objective.chunks) == len(expected.case.problem.soft_terms)


def test_value_gradient_residual_and_losses_belong_together(expected: Expected) -> None:
    objective, theta = expected.objective(7), expected.theta
    iterate, residual = objective.at(theta), objective.residual(theta)
    assert float(iterate.f) == pytest.approx(float(0.5 * residual.dot(residual)), rel=1e-14)
    assert close(iterate.grad, objective.vjp(theta, residual), 1e-13)
    losses = objective.losses(theta)
    assert set(losses) == set(expected.case.problem.soft_terms)
    assert sum(losses.values()) == pytest.approx(float(iterate.f), rel=1e-13)


def test_losses_are_weighted_means_of_squares(expected: Expected) -> None:
    case, losses = expected.case, expected.objective(4).losses(expected.theta)
    whole, first = expected.residual[WHOLE].square(), 0
    for name, shape in shapes(case, expected.collocation).items():
        size = shape.numel()
        assert losses[name] == pytest.approx(0.5 * float(whole[first : first + size].sum()), rel=1e-12)
        first += size
    assert first == len(whole)


def test_evaluations_leave_nothing_behind(expected: Expected) -> None:
    """Memory is used again: what was asked in between, and at which θ, does not show."""
    objective, theta, other = expected.objective(4), expected.theta, expected.case.theta(seed=9)
    residual = objective.residual(theta)
    first = (objective.at(theta).f, objective.at(theta).grad, residual.clone(), objective.jvp(theta, other))
    for moved in (other, theta):
        objective.at(moved)
        objective.jacobian(moved)
        objective.vjp(moved, residual)
    again = (objective.at(theta).f, objective.at(theta).grad, objective.residual(theta), objective.jvp(theta, other))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(residual, first[2])


def test_a_foreign_module_gives_the_same(expected: Expected) -> None:
    case, theta = expected.case, expected.theta
    box = case.problem.domain
    network = Custom(AsModule(case)).bind(box.names, box.lower, box.upper, len(case.problem.fields))
    objective = PinnObjective(case.problem, Discretisation(network, expected.collocation), chunk=7)
    iterate = objective.at(theta)
    residual, jacobian = expected.residual[7], expected.jacobian[7]
    assert close(objective.residual(theta), residual)
    assert close(iterate.grad, residual @ jacobian)
    assert close(objective.jvp(theta, theta), jacobian @ theta)
    assert close(objective.jacobian(theta), jacobian)


def test_single_precision_agrees(expected: Expected) -> None:
    case = expected.case
    collocation = sample(
        case.problem, Hammersley(23, boundary=10), torch.Generator().manual_seed(0), dtype=torch.float32
    )
    iterate = PinnObjective(case.problem, Discretisation(case.network, collocation), chunk=7).at(expected.theta.float())
    residual, jacobian = expected.residual[WHOLE], expected.jacobian[WHOLE]
    assert iterate.f.dtype == iterate.grad.dtype == torch.float32
    assert close(iterate.f.double(), 0.5 * residual.square().sum(), 1e-5)
    assert close(iterate.grad.double(), residual @ jacobian, 1e-5)


def ranges(objective: PinnObjective) -> list[tuple[int, int]]:
    """One and two neighbouring layers, all from the first or to the last one, and some that cut a layer."""
    layers, size = objective.structure.parts, objective.network.size
    last = len(layers) - 1
    chosen = [(i, j) for i in range(last + 1) for j in range(i, last + 1) if j <= i + 1 or i == 0 or j == last]
    whole = [(layers[i].start, layers[j].stop) for i, j in chosen]
    return [*whole, (1, size), (0, layers[0].stop - 1), (layers[1].start, layers[1].stop + 1)]


@pytest.mark.slow
def test_restricted_to_layers_equals_the_default(expected: Expected) -> None:
    """Frozen layers kept aside or not: the same function of a range of θ, whatever is asked of it."""
    objective, theta, residual = expected.objective(7), expected.theta, expected.residual[7]
    moved = expected.case.theta(seed=4)
    for start, stop in ranges(objective):
        restriction = Range(start, stop, len(theta))
        dense = torch.eye(len(theta), dtype=torch.float64)[start:stop]
        fast, slow = objective.restricted(restriction, theta), objective.restricted(Matrix(dense), theta)
        x, d = restriction(moved), restriction(moved.cos())
        models = fast.gauss_newton(x), slow.gauss_newton(x)
        pairs = [
            (fast.at(x).f, slow.at(x).f),
            (fast.at(x).grad, slow.at(x).grad),
            (fast.value(x), slow.value(x)),
            (fast.residual(x), slow.residual(x)),
            (fast.jvp(x, d), slow.jvp(x, d)),
            (fast.vjp(x, residual), slow.vjp(x, residual)),
            (models[0].f, models[1].f),
            (models[0].grad, models[1].grad),
            (models[0].gram, models[1].gram),
            (fast.jacobian(x), slow.jacobian(x)),
        ]
        for number, (one, other) in enumerate(pairs):
            assert close(one, other), (start, stop, number)


def test_restriction_starts_where_the_whole_is(expected: Expected) -> None:
    objective, theta = expected.objective(), expected.theta
    whole = objective.at(theta)
    layers = objective.structure.parts
    assert [layer.start for layer in layers] == [0, *(layer.stop for layer in layers[:-1])]
    assert layers[-1].stop == len(theta)
    for layer in layers:
        restriction = Range(layer.start, layer.stop, len(theta))
        part = objective.restricted(restriction, theta).at(restriction(theta))
        assert close(part.f, whole.f, 1e-14)
        assert close(part.grad, restriction(whole.grad), 1e-13)


def test_gauss_newton_model_is_made_of_the_dense_jacobian(expected: Expected) -> None:
    """Added up chunk by chunk: ½r·r, Jᵀr, JᵀJ, and with a restriction R in front and behind."""
    residual, jacobian, size = expected.residual[WHOLE], expected.jacobian[WHOLE], len(expected.theta)
    R = torch.randn(5, size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for restriction, J in [(None, jacobian), (Matrix(R), jacobian @ R.T)]:
        model = expected.objective(4).gauss_newton(expected.theta, restriction)
        assert close(model.f, 0.5 * residual.square().sum())
        assert close(model.grad, residual @ J)
        assert close(model.gram, J.T @ J)
        assert torch.equal(model.gram, model.gram.T)
        root = expected.objective(4).square_root(expected.theta, restriction)
        assert close(root.f, 0.5 * residual.square().sum())
        assert close(root.grad, residual @ J)
        assert close(root.triangle.T @ root.triangle, J.T @ J)


def test_periodic_embedding_makes_periodic_conditions_hold() -> None:
    ring = Problem(
        domain=Box(t=(0, 1), x=(-1, 3)),
        fields=["u"],
        conditions={"pde": Interior(lambda u_t, u_x: u_t + u_x), "ring": Periodic(u=3, along="x")},
    )
    box, points = ring.domain, sample(ring, Hammersley(20), torch.Generator())
    losses = []
    for architecture in (MLP(6, 2, PeriodicEmbedding("x")), MLP(6, 2)):
        network = architecture.bind(box.names, box.lower, box.upper, 1)
        theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
        losses.append(PinnObjective(ring, Discretisation(network, points)).losses(theta)["ring"])
    assert losses[0] < 1e-26
    assert losses[1] > 1e-3


def test_conditions_without_points_are_refused() -> None:
    case = system()
    collocation = dict(case.collocation())
    del collocation["ring"]
    with pytest.raises(DeclarationError, match=r"No points; where: condition 'ring'"):
        PinnObjective(case.problem, Discretisation(case.network, collocation))


@pytest.mark.parametrize("chunk", [0, -1])
def test_chunks_without_points_are_refused(chunk: int) -> None:
    case = burgers()
    with pytest.raises(ValueError, match=rf"chunk is {chunk}; where: PinnObjective"):
        PinnObjective(case.problem, Discretisation(case.network, case.collocation()), chunk=chunk)
