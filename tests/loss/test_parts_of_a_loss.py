"""Parts of a loss: layers of layers, coarse problems of blocks, what they evaluate and what that costs; weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from dense_least_squares import Matrix
from loss_reference import system
from small_problems import heat, ring
from torch import Tensor

import pinnml as pm
from pinnml.levels import tie
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network.chain import ChainNetwork
from pinnml.objective import (
    AbstractLeastSquares,
    AbstractObjective,
    AbstractRestriction,
    Directions,
    Entries,
    Evaluation,
    Meter,
    Range,
    Ranges,
    ShareOfPoints,
    metered,
    tilted,
)
from pinnml.points import sample
from pinnml.schwarz import ByNeurons


def loss(problem: pm.Problem | None = None, **settings: Any) -> tuple[PinnObjective, Tensor]:
    """A network with layers of 15, 30, 30, 30 and 6 parameters, and biases that are not zero."""
    problem, generator = problem or heat(), torch.Generator().manual_seed(0)
    domain = problem.domain
    network = pm.ResNet(width=5, blocks=3).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    theta = theta + 0.2 * torch.randn(len(theta), generator=generator, dtype=torch.float64)
    points = sample(problem, pm.Sobol(40), generator)
    return PinnObjective(problem, Discretisation(network, points, **settings), chunk=16), theta


def layers(objective: PinnObjective, first: int, last: int) -> Range:
    """The layers with the numbers first … last − 1."""
    parts = objective.structure.parts
    return Range(parts[first].start, parts[last - 1].stop, objective.network.size)


def moved(x: Tensor, seed: int = 5) -> Tensor:
    return x + 0.1 * torch.randn(len(x), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matrix(restriction: AbstractRestriction) -> Matrix:
    """The same map, of which a loss knows nothing."""
    units = torch.eye(restriction.shape[0], dtype=torch.float64)
    return Matrix(torch.stack([restriction.adjoint(unit) for unit in units]))


@contextmanager
def sizes_of_networks() -> Iterator[set[int]]:
    """Collect the sizes of all networks that are evaluated."""
    found: set[int] = set()
    plain = ChainNetwork.linearise

    def noted(self: ChainNetwork, *arguments: Any) -> Any:
        found.add(self.size)
        return plain(self, *arguments)

    with patch.object(ChainNetwork, "linearise", noted):
        yield found


def check_equal(one: AbstractObjective, other: AbstractObjective, x: Tensor, tolerance: float = 1e-11) -> None:
    """Hold two least-squares objectives to the same of everything at x."""
    assert isinstance(one, AbstractLeastSquares) and isinstance(other, AbstractLeastSquares)
    d, r = x.cos(), other.residual(x)
    models = one.gauss_newton(x), other.gauss_newton(x)
    for found, expected in [
        (one.at(x).f, other.at(x).f),
        (one.at(x).grad, other.at(x).grad),
        (one.value(x), other.value(x)),
        (one.residual(x), r),
        (one.jvp(x, d), other.jvp(x, d)),
        (one.vjp(x, r), other.vjp(x, r)),
        (one.jacobian(x), other.jacobian(x)),
        (models[0].f, models[1].f),
        (models[0].grad, models[1].grad),
        (models[0].gram, models[1].gram),
    ]:
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def ask_everything(objective: AbstractObjective, x: Tensor) -> None:
    check_equal(objective, objective, x, 0.0)


@pytest.mark.parametrize(("first", "second"), [((1, 4), (1, 3)), ((1, 5), (2, 4)), ((0, 4), (0, 1)), ((2, 5), (0, 3))])
def test_layers_of_layers_are_these_layers(first: tuple[int, int], second: tuple[int, int]) -> None:
    """Restricted twice, the loss is that of the direct restriction, and nothing below its lowest layer is evaluated."""
    objective, theta = loss()
    outer, inner = layers(objective, *first), layers(objective, first[0] + second[0], first[0] + second[1])
    part = Range(inner.start - outer.start, inner.stop - outer.start, outer.shape[0])
    y = moved(outer(theta))
    here = theta + outer.adjoint(y - outer(theta))
    block = objective.restricted(outer, theta)
    nested, direct = block.restricted(part, y), objective.restricted(inner, here)
    x = moved(part(y), 6)
    check_equal(nested, direct, x, 0.0)
    check_equal(nested, objective.restricted(matrix(inner), here), x)
    assert nested.structure == direct.structure == inner.structure(objective.structure)
    with sizes_of_networks() as sizes:
        ask_everything(nested, x)
    assert sizes == {len(theta) - inner.start}


@pytest.mark.parametrize("way", ["of a layer", "of a block", "within a block"])
def test_neurons_evaluate_no_layer_below_theirs(way: str) -> None:
    """Nor below the block where they are restricted within one."""
    objective, theta = loss()
    outer = layers(objective, 3, 4) if way == "of a layer" else layers(objective, 2, 4)
    block = objective.restricted(outer, theta)
    for neurons in ByNeurons(2).restrictions(block.structure, outer.shape[0]):
        whole = neurons @ outer
        within = way == "within a block"
        part = block.restricted(neurons, outer(theta)) if within else objective.restricted(whole, theta)
        x = moved(whole(theta))
        check_equal(part, objective.restricted(matrix(whole), theta), x)
        with sizes_of_networks() as sizes:
            ask_everything(part, x)
        assert sizes == {len(theta) - outer.start}


@pytest.mark.parametrize("name", ["layers", "layers of layers", "neurons", "entries"])
def test_a_block_begins_where_it_is_told_to(name: str) -> None:
    """x ↦ f(θ + Rᵀ(x − x₀)) for an x₀ that is not Rθ."""
    objective, theta = loss()
    outer = layers(objective, 1, 4)
    R = {
        "layers": outer,
        "layers of layers": layers(objective, 2, 3),
        "neurons": ByNeurons(2).restrictions(objective.structure, len(theta))[3],
        "entries": Entries(torch.arange(3, 40, 5), len(theta)),
    }[name]
    start, x = moved(R(theta), 8), moved(R(theta), 9)
    plain = objective.restricted(matrix(R), theta, start)
    check_equal(objective.restricted(R, theta, start), plain, x)
    assert not torch.equal(plain.value(x), objective.restricted(R, theta).value(x))
    if name == "layers of layers":
        part = Range(R.start - outer.start, R.stop - outer.start, outer.shape[0])  # type: ignore[attr-defined]
        check_equal(objective.restricted(outer, theta).restricted(part, outer(theta), start), plain, x)


BLOCKS = ["layers", "last layer", "neurons", "ranges", "entries", "tied", "directions"]


def block(name: str, objective: PinnObjective) -> AbstractRestriction:
    size = objective.network.size
    generator = torch.Generator().manual_seed(3)
    return {
        "layers": lambda: layers(objective, 1, 3),
        "last layer": lambda: layers(objective, 4, 5),
        "neurons": lambda: ByNeurons(2).restrictions(objective.structure, size)[4],
        "ranges": lambda: Ranges(((2, 9), (40, 60)), size),
        "entries": lambda: Entries(torch.tensor([7, 1, 50, 22]), size),
        "tied": lambda: tie(objective.structure, size, 2),
        "directions": lambda: Directions(torch.randn(3, size, generator=generator, dtype=torch.float64)),
    }[name]()


@pytest.mark.parametrize("name", BLOCKS)
def test_the_coarse_problem_of_a_block_is_the_block_of_the_coarse_problem(name: str) -> None:
    """Also of a block of it, where anything has moved meanwhile, of one with a linear term, and through a meter."""
    objective, theta = loss(ring())
    rule, R = ShareOfPoints(0.5), block(name, objective)
    whole = objective.coarse(rule)
    assert whole is not None and whole.has_same_unknowns
    x, meter = moved(R(theta)), Meter()
    expected = whole.objective.restricted(matrix(R), theta)
    fewer = len(expected.residual(x))  # type: ignore[attr-defined]
    assert fewer < 0.6 * len(objective.residual(theta))
    for objective_or_metered in (objective, metered(objective, meter)):
        part = objective_or_metered.restricted(R, theta)
        coarse = part.coarse(rule)
        assert coarse is not None and coarse.has_same_unknowns
        assert coarse.restriction.shape == (len(x), len(x))
        check_equal(coarse.objective, expected, x)
    slope, origin = theta.sin(), theta.cos()
    term = tilted(objective, slope, origin, 0.5)
    for found in (term.restricted(R, theta).coarse(rule), metered(term, meter).restricted(R, theta).coarse(rule)):
        assert found is not None
        plain, at = expected.at(x), R(slope)
        constant = slope.dot(theta - origin) + 0.5 + at.dot(x - R(theta))
        torch.testing.assert_close(found.objective.at(x).f, plain.f + constant, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(found.objective.at(x).grad, plain.grad + at, rtol=1e-11, atol=1e-11)


def test_a_coarse_block_of_layers_evaluates_no_layer_below() -> None:
    objective, theta = loss()
    R = layers(objective, 2, 4)
    coarse = objective.restricted(R, theta).coarse(ShareOfPoints(0.5))
    assert coarse is not None
    with sizes_of_networks() as sizes:
        ask_everything(coarse.objective, moved(R(theta)))
    assert sizes == {len(theta) - R.start}


def share(objective: PinnObjective, restriction: AbstractRestriction, start: int) -> tuple[float, float, int]:
    """σ, the share of the network from θ[start] on, k/p, and p."""
    size = objective.network.size
    return 1 - start / size, restriction.shape[0] / size, size


def check_costs(part: AbstractObjective, sigma: float, free: float, size: int, unit: float = 1.0) -> None:
    """A residual σ/3, a gradient, a product and J (2σ + k/p)/3, a model (k/p)² p/24 more, kept jets (1 − σ)/3 once."""
    gradient = (2 * sigma + free) / 3
    for kind, cost in [
        (Evaluation.RESIDUAL, sigma / 3),
        (Evaluation.GRADIENT, gradient),
        (Evaluation.PRODUCT, gradient),
        (Evaluation.JACOBIAN, gradient),
        (Evaluation.MODEL, gradient + free**2 * size / 24),
        (Evaluation.RESTRICTION, (1 - sigma) / 3),
    ]:
        assert part.cost(kind) == pytest.approx(unit * cost, rel=1e-13, abs=1e-15), kind


def test_costs_of_the_whole_loss() -> None:
    objective, theta = loss()
    check_costs(objective, 1.0, 1.0, len(theta))
    coarse = objective.coarse(ShareOfPoints(0.25))
    assert coarse is not None
    check_costs(coarse.objective, 1.0, 1.0, len(theta), 0.25)


def test_costs_add_up_through_restrictions() -> None:
    """Whatever the way to a block, σ and k/p are those of the block in the whole network."""
    objective, theta = loss()
    outer, inner = layers(objective, 1, 4), layers(objective, 2, 4)
    part = Range(inner.start - outer.start, inner.stop - outer.start, outer.shape[0])
    within = objective.restricted(outer, theta)
    for found in (objective.restricted(inner, theta), within.restricted(part, outer(theta))):
        check_costs(found, *share(objective, inner, inner.start))
        coarse = found.coarse(ShareOfPoints(0.25))
        assert coarse is not None
        check_costs(coarse.objective, *share(objective, inner, inner.start), 0.25)
    # a part of a block of layers passes through the block's layers, even where it is but an upper part of them
    cut = Entries(torch.arange(10, 50, 3), outer.shape[0])
    for found in (within.restricted(cut, outer(theta)), objective.restricted(cut @ outer, theta)):
        check_costs(found, *share(objective, cut, outer.start))
    for free in (Entries(torch.arange(10, 50, 3), len(theta)), Range(1, 20, len(theta))):
        check_costs(objective.restricted(free, theta), *share(objective, free, 0))
    few = Directions(torch.stack([theta.sin(), theta.cos()]))
    span = objective.restricted(few, theta)
    assert span.cost(Evaluation.JACOBIAN) == span.cost(Evaluation.MODEL) == 2.0


def test_the_meter_counts_a_block_and_what_it_keeps() -> None:
    """A block of layers is evaluated to its lowest layer once when it is made, and so is its coarse problem."""
    objective, theta = loss()
    meter, inner = Meter(), layers(objective, 2, 4)
    sigma, free, size = share(objective, inner, inner.start)
    part = metered(objective, meter).restricted(inner, theta)
    assert isinstance(part, AbstractLeastSquares)
    expected = (1 - sigma) / 3
    assert meter.counts.work == pytest.approx(expected, rel=1e-13) and meter.counts.evaluations == 0
    x, gradient = inner(theta), (2 * sigma + free) / 3
    for ask, cost in [
        (lambda: part.value(x), sigma / 3),
        (lambda: part.residual(x), sigma / 3),
        (lambda: part.at(x), gradient),
        (lambda: part.jvp(x, x), gradient),
        (lambda: part.jacobian(x), gradient),
        (lambda: part.gauss_newton(x), gradient + free**2 * size / 24),
        (lambda: part.coarse(ShareOfPoints(0.5)), 0.5 * (1 - sigma) / 3),
    ]:
        ask()
        expected += cost
        assert meter.counts.work == pytest.approx(expected, rel=1e-13)
    assert meter.counts.evaluations == 6


def test_weights_of_a_discretisation_replace_those_of_the_problem() -> None:
    """Where one is named; the others stay as they are declared."""
    case = system()
    points, theta = case.collocation(), case.theta()
    declared = {name: term.weight for name, term in case.problem.soft_terms.items()}
    plain = PinnObjective(case.problem, Discretisation(case.network, points)).losses(theta)
    weights = {"pde": 5.0, "data": 0.25}
    objective = PinnObjective(case.problem, Discretisation(case.network, points, weights))
    found = objective.losses(theta)
    assert declared["pde"] != 5.0 and declared["data"] != 0.25
    for name, part in plain.items():
        assert found[name] == pytest.approx(part * weights.get(name, declared[name]) / declared[name], rel=1e-12)
    assert float(objective.value(theta)) == pytest.approx(sum(found.values()), rel=1e-12)
    assert float(objective.at(theta).f) == pytest.approx(sum(found.values()), rel=1e-12)


def test_weights_stay_with_the_points() -> None:
    """On fewer points, and where points are renewed with the rest of the discretisation as it was."""
    objective, theta = loss(ring(), weights={"start": 100.0})
    before, _ = loss(ring())
    coarse = objective.coarse(ShareOfPoints(0.5))
    plain = before.coarse(ShareOfPoints(0.5))
    assert coarse is not None and plain is not None
    assert isinstance(coarse.objective, PinnObjective) and isinstance(plain.objective, PinnObjective)
    points = sample(objective.problem, pm.Sobol(60), torch.Generator().manual_seed(7))
    renewed = objective.on(replace(objective.discretisation, collocation=points))
    pairs = [
        (coarse.objective, plain.objective),
        (renewed, before.on(replace(before.discretisation, collocation=points))),
    ]
    for weighted, unweighted in pairs:
        found, expected = weighted.losses(theta), unweighted.losses(theta)
        assert found == pytest.approx(expected | {"start": 100 * expected["start"]}, rel=1e-12)
