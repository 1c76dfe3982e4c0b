"""Nested trust regions: steps that coarse levels and blocks propose, and those of AdaGrad, which looks at no value."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from deep_chain import DEPTH, WIDTH, DeepChain
from dense_least_squares import SIZE, Dense, Matrix, vector
from torch import Tensor

from pinnml.levels import RMTR, CoarseProposal, MultilevelAdaGrad
from pinnml.levels.level import consistent
from pinnml.objective import (
    AbstractCoarsening,
    AbstractObjective,
    AbstractRestriction,
    CoarseProblem,
    Iterate,
    ShareOfPoints,
    Structure,
    everything,
)
from pinnml.optim import LSR1, AdaGrad, Iterations, Loss, NestedTrustRegions, TrustRegion, improve_within, minimise
from pinnml.optim.solver import AbstractSolver
from pinnml.schwarz import BlocksWithin, ByIndices

HALF = ShareOfPoints(0.5)
BLOCKS = ByIndices(((0, 1, 2), (3, 4), (5,)))


class Coarsened(Dense):
    """`Dense` with a coarse problem: another `Dense` of y with θ ≈ Py, or the very same function."""

    def __init__(self, P: Tensor | None = None) -> None:
        super().__init__()
        self.P = P

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem:
        if self.P is None:
            same = everything(SIZE)
            return CoarseProblem(Coarsened(), same, same)
        coarse = Dense()
        coarse.A = coarse.A[:, : self.P.shape[1]]
        return CoarseProblem(coarse, Matrix(self.P.T), Matrix(torch.linalg.pinv(self.P)))


def prolongation(columns: int = 3, scale: float = 3.0) -> Tensor:
    return scale * vector(SIZE * columns, 8).view(SIZE, columns)


@pytest.mark.parametrize("P", [None, prolongation()], ids=["same", "other"])
def test_the_coarse_model_agrees_to_first_order(P: Tensor | None) -> None:
    """At Πθ it has f_c's value and Pᵀ∇f as its gradient, and ⟨∇h, y⟩ = ⟨∇f, Py⟩; of the same f it is f."""
    problem, theta = Coarsened(P), 0.3 * vector(SIZE, 1)
    coarse, fine = problem.coarse(HALF), problem.at(theta)
    start, model = consistent(coarse, fine, coarse.restriction(fine.grad))
    at = model.at(coarse.iterates(theta))
    for value, expected in (
        (at.f, coarse.objective.at(start.theta).f), (at.grad, coarse.restriction(fine.grad)),
        (start.f, at.f), (start.grad, at.grad),
    ):  # fmt: skip
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    y = vector(len(start.theta), 2)
    torch.testing.assert_close(at.grad.dot(y), fine.grad.dot(coarse.restriction.adjoint(y)), rtol=1e-12, atol=1e-12)
    if P is None:
        torch.testing.assert_close(model.value(theta + y), problem.value(theta + y), rtol=1e-12, atol=1e-12)


def test_on_the_same_function_a_coarse_step_is_a_fine_one_and_is_taken() -> None:
    problem, theta = Coarsened(), vector(SIZE, 1)
    start, smoother = problem.at(theta), LSR1()
    radius = float(0.1 * theta.norm())
    expected, *_ = smoother.within(radius).step(problem, start, smoother.init(problem, start))
    proposal, _ = CoarseProposal(HALF, smoother, steps=1).proposed(problem, start, None, radius)
    assert proposal is not None
    torch.testing.assert_close(theta + proposal.step, expected.theta, rtol=0, atol=1e-12)
    assert proposal.predicted == pytest.approx(start.value - expected.value, rel=1e-12)
    solver = NestedTrustRegions(CoarseProposal(HALF, smoother, steps=1), smoother, after=0)
    reached, state, _ = solver.step(problem, start, solver.init(problem, start))
    torch.testing.assert_close(reached.theta, expected.theta, rtol=0, atol=1e-12)
    assert (state.tried, state.taken) == (1, 1) and state.gained > 0 and state.smoothed == 0
    assert state.radius == pytest.approx(2 * proposal.length)


@pytest.mark.parametrize("radius", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("rules", [(HALF,), (HALF, HALF)], ids=["two levels", "three levels"])
def test_no_proposal_and_no_step_leaves_the_radius(radius: float, rules: tuple[AbstractCoarsening, ...]) -> None:
    for P in (None, prolongation()) if len(rules) == 1 else (None,):
        problem, theta = Coarsened(P), vector(SIZE, 1)
        start, solver = problem.at(theta), RMTR(rules, steps=6, before=1)
        assert isinstance(solver, NestedTrustRegions)
        proposal, _ = solver.proposal.proposed(problem, start, None, radius)
        assert proposal is not None and 0 < proposal.length <= radius * (1 + 1e-9)
        assert proposal.length == pytest.approx(float(proposal.step.norm()), rel=1e-9)
        iterate, state, inside = start, solver.init(problem, start), solver.within(radius)
        for _ in range(4):
            following, state, _ = inside.step(problem, iterate.with_gradient(problem), state)
            length = float((following.theta - iterate.theta).norm())
            assert 0 < length <= inside.travelled(state) * (1 + 1e-9) <= radius * (1 + 2e-9)
            iterate = following


def test_inner_solves_end_at_the_radius_and_go_on_to_it() -> None:
    problem, theta = Coarsened(), vector(SIZE, 1)
    start = problem.at(theta)
    reached, _ = improve_within(LSR1(), problem, start, None, 50, 0.2)
    assert 0.99 * 0.2 < float((reached.theta - theta).norm()) <= 0.2 * (1 + 1e-9)
    free, _ = improve_within(LSR1(), problem, start, None, 200, 1e3)
    assert problem.at(free.theta).norm < 1e-6


def test_a_coarse_space_that_does_not_see_the_gradient_proposes_nothing() -> None:
    theta = vector(SIZE, 1)
    g = Coarsened().at(theta).grad
    P = prolongation()
    P = P - torch.outer(g, g @ P) / g.dot(g) * (1 - 1e-3)
    problem = Coarsened(P)
    assert CoarseProposal(HALF, share=0.1).proposed(problem, problem.at(theta), None, 1.0)[0] is None
    assert CoarseProposal(HALF, share=0.0).proposed(problem, problem.at(theta), None, 1.0)[0] is not None
    assert CoarseProposal(HALF, share=0.0, tolerance=1e9).proposed(problem, problem.at(theta), None, 1.0)[0] is None
    plain = Dense()
    assert CoarseProposal(HALF).proposed(plain, plain.at(theta), None, 1.0) == (None, None)


class Chain(DeepChain):
    """The chain of layers, whose coarse problem is the chain of half as many, each standing for two."""

    def __init__(self, depth: int = DEPTH, target: Tensor | None = None) -> None:
        super().__init__(depth)
        self.work = 0.0
        self.owner: Chain | None = None
        self.share = 1.0

    def at(self, theta: Tensor) -> Iterate:
        self.spend(1.0)
        return super().at(theta)

    def spend(self, amount: float) -> None:
        self.work += amount
        if self.owner is not None:
            self.owner.spend(self.share * amount)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        layers = self.A.shape[1] // WIDTH
        if layers % 2:
            return None
        P = torch.kron(torch.eye(layers // 2).double(), torch.ones(2, 1).double())
        P = torch.kron(P, torch.eye(WIDTH).double())
        half = Chain(layers // 2)
        half.A, half.b, half.owner, half.share = self.A @ P, self.b, self, 0.5
        return CoarseProblem(half, Matrix(P.T), Matrix(0.5 * P.T))


def work_to(solver: AbstractSolver, tolerance: float) -> float:
    problem = Chain(depth=64)
    result = minimise(problem, problem.start(), solver, Loss(tolerance) | Iterations(3000))
    assert result.iterate.value <= tolerance, result.message
    return problem.work


def test_a_coarse_level_saves_work_where_errors_are_smooth() -> None:
    """A chain of 64 layers to f = 1e-6, where a gradient of half the depth counts half: 235 against 595.

    With 100 pairs for its 192 unknowns the smoother alone needs 71, and no level helps it.
    """
    smoother = LSR1(50)
    assert work_to(RMTR((HALF,) * 5, smoother=smoother, steps=2), 1e-6) < 0.6 * work_to(smoother, 1e-6)


def test_what_blocks_propose_is_the_sum_of_their_steps_within_the_radius() -> None:
    problem, theta = Dense(), vector(SIZE, 1)
    start, radius = problem.at(theta), 0.5
    proposal, state = BlocksWithin(BLOCKS, LSR1(3), steps=4).proposed(problem, start, None, radius)
    assert proposal is not None and proposal.length <= radius * (1 + 1e-9)
    total, predicted = torch.zeros_like(theta), 0.0
    for R in BLOCKS.restrictions(problem.structure, SIZE):
        local = problem.restricted(R, theta)
        reached, _ = improve_within(LSR1(3), local, local.at(R(theta)), None, 4, radius / 3**0.5)
        total += R.adjoint(reached.theta - R(theta))
        predicted += start.value - reached.value
    torch.testing.assert_close(proposal.step, total, rtol=0, atol=1e-9)
    assert proposal.predicted == pytest.approx(predicted, rel=1e-9) and len(state.local) == 3


@pytest.mark.parametrize(
    "solver", [NestedTrustRegions(BlocksWithin(BLOCKS, LSR1(3)), LSR1()), RMTR((HALF,)), RMTR((HALF, HALF))],
    ids=["blocks", "two levels", "three levels"],
)  # fmt: skip
def test_f_falls_in_every_step_to_a_minimum(solver: Any) -> None:
    problem, values = Coarsened(), list[float]()
    result = minimise(
        problem, vector(SIZE, 1), solver, Iterations(300), callback=lambda p: values.append(p.iterate.value)
    )
    assert all(after <= before for before, after in pairwise(values))
    assert problem.at(result.iterate.theta).norm < 1e-6
    assert 0 < result.state.taken <= result.state.tried


class Liar(CoarseProposal):
    """A level that proposes the opposite of what it has found."""

    def proposed(self, objective: AbstractObjective, iterate: Iterate, state: Any, radius: float) -> Any:
        proposal, state = CoarseProposal(HALF).proposed(objective, iterate, state, radius)
        return None if proposal is None else replace(proposal, step=-proposal.step), state


def test_a_proposal_that_f_does_not_follow_is_refused_and_shrinks_the_radius() -> None:
    problem, theta = Coarsened(), vector(SIZE, 1)
    start = problem.at(theta)
    solver = NestedTrustRegions(Liar(), LSR1(), TrustRegion(start=0.1, shrink=0.3), after=0)
    reached, state, _ = solver.step(problem, start, solver.init(problem, start))
    assert reached is start and (state.tried, state.taken) == (1, 0)
    assert state.radius == pytest.approx(0.3 * 0.1 * float(theta.norm()), rel=1e-6)


class Valueless(AbstractObjective):
    """Gradients of another objective, whose values are none of anybody's business."""

    def __init__(self, inner: AbstractObjective) -> None:
        self.inner = inner

    def at(self, theta: Tensor) -> Iterate:
        found = self.inner.at(theta)
        return Iterate(theta, torch.ones_like(found.f), found.grad)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        coarse = self.inner.coarse(rule, theta)
        return None if coarse is None else replace(coarse, objective=Valueless(coarse.objective))

    @property
    def structure(self) -> Structure:
        return self.inner.structure


def test_adagrad_is_that_of_torch() -> None:
    problem, theta = Dense(), vector(SIZE, 1)
    variable = theta.clone().requires_grad_()
    plain = torch.optim.Adagrad([variable], lr=0.1, eps=0.0)
    for _ in range(7):
        variable.grad = problem.at(variable.detach()).grad
        plain.step()
    found = minimise(problem, theta, AdaGrad(0.1, floor=1e-300), Iterations(7)).iterate.theta
    torch.testing.assert_close(found, variable.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rules", [(), (HALF,), (HALF, HALF)], ids=["one", "two", "three"])
def test_multilevel_steps_need_no_values_and_stay_in_the_box(rules: tuple[AbstractCoarsening, ...]) -> None:
    problem, theta = Coarsened(prolongation() if len(rules) == 1 else None), vector(SIZE, 1)
    solver = MultilevelAdaGrad(rules, AdaGrad(0.3))
    runs = [minimise(one, theta, solver, Iterations(5)).iterate.theta for one in (problem, Valueless(problem))]
    torch.testing.assert_close(*runs, rtol=0, atol=0)
    start = problem.at(theta)
    reached, state, _ = solver.step(problem, start, solver.init(problem, start))
    assert ((reached.theta - theta).abs() <= (1 + len(rules[:1])) * 0.3).all()
    assert (state.below is None) == (not rules)
    if not rules:
        torch.testing.assert_close(runs[0], minimise(problem, theta, AdaGrad(0.3), Iterations(5)).iterate.theta)


def test_one_coarse_step_on_the_same_function_is_one_of_adagrad() -> None:
    problem, theta = Coarsened(), vector(SIZE, 1)
    start, fine = problem.at(theta), AdaGrad(0.3)
    twice = minimise(problem, theta, fine, Iterations(2)).iterate.theta
    solver = MultilevelAdaGrad((HALF,), fine, steps=1)
    reached, *_ = solver.step(problem, start, solver.init(problem, start))
    torch.testing.assert_close(reached.theta, twice, rtol=1e-12, atol=1e-12)


def test_a_coarse_step_that_promises_nothing_is_left_out() -> None:
    theta = vector(SIZE, 1)
    g = Coarsened().at(theta).grad
    P = prolongation()
    problem = Coarsened(P - torch.outer(g, g @ P) / g.dot(g))
    start, fine = problem.at(theta), AdaGrad(0.3)
    reached, *_ = MultilevelAdaGrad((HALF,), fine, share=0.9).step(
        problem, start, MultilevelAdaGrad().init(problem, start)
    )
    torch.testing.assert_close(reached.theta, minimise(problem, theta, fine, Iterations(1)).iterate.theta)


def test_restrictions_of_tests_are_restrictions() -> None:
    coarse = Chain(4).coarse(HALF)
    assert coarse is not None and isinstance(coarse.restriction, AbstractRestriction)
    y = vector(2 * WIDTH, 1)
    torch.testing.assert_close(coarse.iterates(coarse.restriction.adjoint(y)), y)
