"""Counting evaluations and work, refusing them when the budget is spent, and asking again for what is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from dense_least_squares import RESIDUALS, RESTRICTIONS, SIZE, Dense, Matrix, Plain, vector
from torch import Tensor

from pinnml.objective import (
    AbstractGaussNewton,
    AbstractLeastSquares,
    BudgetSpentError,
    Counts,
    Directions,
    Entries,
    Evaluation,
    Iterate,
    Meter,
    Tilted,
    metered,
    tilted,
)


@pytest.fixture
def dense() -> Dense:
    return Dense()


def counting(objective: AbstractLeastSquares, meter: Meter) -> AbstractLeastSquares:
    wrapped = metered(objective, meter)
    assert isinstance(wrapped, AbstractLeastSquares)
    return wrapped


def test_counting_changes_no_result_and_counts_every_call(dense: Dense) -> None:
    theta, other, plain, meter = vector(SIZE, 1), vector(RESIDUALS, 2), Dense(), Meter()
    wrapped = counting(dense, meter)
    assert meter.counts == Counts()
    assert torch.equal(wrapped.at(theta).grad, plain.at(theta).grad)
    assert torch.equal(wrapped.residual(theta), plain.residual(theta))
    assert torch.equal(wrapped.jvp(theta, theta), plain.jvp(theta, theta))
    assert torch.equal(wrapped.vjp(theta, other), plain.vjp(theta, other))
    assert torch.equal(wrapped.jacobian(theta), plain.jacobian(theta))
    work: Any = pytest.approx(1 + 1 / 3 + 2 + 1, rel=1e-15)
    assert meter.counts == Counts(1, 1, 2, 1, work)
    assert meter.counts.evaluations == 5
    assert torch.equal(wrapped.value(theta), plain.value(theta))
    assert torch.equal(wrapped.gauss_newton(theta).gram, plain.gauss_newton(theta).gram)
    assert meter.counts.evaluations == 7
    assert meter.faults == 0


CALLS: list[tuple[Callable[[Any], Any], Counts]] = [
    (lambda o: o.at(vector(SIZE, 1)), Counts(gradients=1, work=1)),
    (lambda o: o.residual(vector(SIZE, 1)), Counts(residuals=1, work=1 / 3)),
    (lambda o: o.value(vector(SIZE, 1)), Counts(residuals=1, work=1 / 3)),
    (lambda o: o.observe(vector(SIZE, 1)), Counts(residuals=1, work=1 / 3)),
    (lambda o: o.gauss_newton(vector(SIZE, 1)), Counts(jacobians=1, work=1)),
    (lambda o: o.jvp(vector(SIZE, 1), vector(SIZE, 1)), Counts(products=1, work=1)),
    (lambda o: o.vjp(vector(SIZE, 1), vector(RESIDUALS, 1)), Counts(products=1, work=1)),
    (lambda o: o.gram_product(vector(SIZE, 1), vector(SIZE, 2)), Counts(products=2, work=2)),
    (lambda o: o.jacobian(vector(SIZE, 1)), Counts(jacobians=1, work=1)),
    (lambda o: o.linear_model(vector(SIZE, 1)), Counts(residuals=1, jacobians=1, work=1 + 1 / 3)),
]


def same(found: Counts, expected: Counts) -> bool:
    kinds = [(c.gradients, c.residuals, c.products, c.jacobians) for c in (found, expected)]
    return kinds[0] == kinds[1] and found.work == pytest.approx(expected.work, rel=1e-14)


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_work_of_each_kind(dense: Dense, number: int) -> None:
    call, expected = CALLS[number]
    meter = Meter()
    call(counting(dense, meter))
    assert same(meter.counts, expected)


def test_counts_add_up() -> None:
    assert Counts(1, 2, 3, 4, 0.5) + Counts(10, 20, 30, 40, 0.25) == Counts(11, 22, 33, 44, 0.75)


def test_counting_goes_through_restrictions_and_linear_terms(dense: Dense) -> None:
    """With half of the parameters free, a gradient costs half of its last third less."""
    theta, R = vector(SIZE, 1), Matrix(RESTRICTIONS["entries"])
    for objective in (dense, Plain()):
        for wrap in (
            lambda o, m: tilted(metered(o, m).restricted(R, theta), vector(3, 1), vector(3, 2)),
            lambda o, m: metered(tilted(o, vector(SIZE, 1), vector(SIZE, 2)), m).restricted(R, theta),
            lambda o, m: metered(tilted(o.restricted(R, theta), vector(3, 1), vector(3, 2)), m),
        ):
            meter = Meter()
            local = wrap(objective, meter)
            for _ in range(3):
                local.at(vector(3, 3))
            assert same(meter.counts, Counts(gradients=3, work=3 * 2.5 / 3))


def test_few_directions_are_counted_as_the_products_that_they_are(dense: Dense) -> None:
    theta, meter = vector(SIZE, 1), Meter()
    local = counting(dense, meter).restricted(Directions(vector(2 * SIZE, 3).view(2, SIZE)), theta)
    assert isinstance(local, AbstractLeastSquares)
    dense.calls.clear()
    local.jacobian(vector(2, 4))
    assert dense.calls == ["jvp", "jvp"]
    assert same(meter.counts, Counts(jacobians=1, work=2))
    local.gauss_newton(vector(2, 4))
    assert same(meter.counts, Counts(jacobians=2, work=4))


def test_restrictions_of_restrictions_cost_their_own_share(dense: Dense) -> None:
    """Two thirds for passing through everything, and of the last third what the free parameters are of all."""
    half = dense.restricted(Entries(torch.tensor([0, 2, 4]), SIZE), vector(SIZE, 1))
    one = half.restricted(Entries(torch.tensor([1]), 3), vector(3, 2))
    again = Matrix(torch.eye(2, dtype=torch.float64)[:1])
    nested = metered(dense.restricted(Entries(torch.tensor([0, 2]), SIZE), vector(SIZE, 1)), Meter())
    for objective in (one, nested.restricted(again, vector(2, 1))):
        assert objective.cost(Evaluation.RESIDUAL) == pytest.approx(1 / 3, rel=1e-14)
        for kind in (Evaluation.GRADIENT, Evaluation.PRODUCT, Evaluation.JACOBIAN, Evaluation.MODEL):
            assert objective.cost(kind) == pytest.approx((2 + 1 / 6) / 3, rel=1e-14)


def test_an_objective_keeps_its_kind(dense: Dense) -> None:
    slope, origin = vector(SIZE, 1), vector(SIZE, 2)
    plain = metered(Plain(), Meter())
    assert not isinstance(plain, AbstractGaussNewton)
    assert float(plain.at(torch.zeros(2)).f) == 2
    assert isinstance(metered(dense, Meter()), AbstractLeastSquares)
    term = metered(tilted(dense, slope, origin), Meter())
    assert isinstance(term, AbstractGaussNewton) and isinstance(term, Tilted)
    assert not isinstance(term, AbstractLeastSquares)
    assert not isinstance(metered(tilted(Plain(), slope, origin), Meter()), AbstractGaussNewton)


@pytest.mark.parametrize("kind", ["at", "residual", "jvp", "vjp", "jacobian", "gauss_newton"])
def test_guard_refuses_exactly(dense: Dense, kind: str) -> None:
    """Three evaluations are granted, and the fourth is neither made nor counted, however often it is asked for."""
    theta = vector(SIZE, 1)
    meter = Meter(lambda counts: counts.evaluations >= 3)
    wrapped = counting(dense, meter)
    calls = {
        "at": lambda: wrapped.at(theta),
        "residual": lambda: wrapped.residual(theta),
        "jvp": lambda: wrapped.jvp(theta, theta),
        "vjp": lambda: wrapped.vjp(theta, vector(RESIDUALS, 1)),
        "jacobian": lambda: wrapped.jacobian(theta),
        "gauss_newton": lambda: wrapped.gauss_newton(theta),
    }
    for _ in range(3):
        calls[kind]()
    counts, made = meter.counts, list(dense.calls)
    for other in calls.values():
        with pytest.raises(BudgetSpentError):
            other()
    assert meter.counts == counts
    assert counts.evaluations == 3
    assert dense.calls == made
    with meter.unguarded():
        wrapped.at(theta)
    assert meter.counts.evaluations == 4
    with pytest.raises(BudgetSpentError):
        wrapped.at(theta)


def test_guard_sees_the_work_so_far(dense: Dense) -> None:
    """A budget in work units is overrun by less than one evaluation, and begins with what was counted before."""
    theta = vector(SIZE, 1)
    for earlier, granted in ((0.0, 6), (1.0, 3)):  # six thirds are rounded to less than two
        meter, made = Meter(lambda counts: counts.work >= 1.9, Counts(work=earlier)), 0
        wrapped = counting(dense, meter)
        with pytest.raises(BudgetSpentError):
            for _ in range(100):
                wrapped.residual(theta)
                made += 1
        assert made == granted
        assert meter.counts.work == pytest.approx(2, rel=1e-14)


class Spoilt(Dense):
    """Its first calls of one kind are not finite."""

    def __init__(self, kind: str, times: int) -> None:
        super().__init__()
        self.kind, self.times, self.made = kind, times, 0

    def _spoilt(self, kind: str, found: Any) -> Any:
        if kind != self.kind:
            return found
        self.made += 1
        if self.made > self.times:
            return found
        return Iterate(found.theta, found.f, math.nan * found.grad) if isinstance(found, Iterate) else math.inf * found

    def at(self, theta: Tensor) -> Iterate:
        return self._spoilt("at", super().at(theta))

    def residual(self, theta: Tensor) -> Tensor:
        return self._spoilt("residual", super().residual(theta))

    def jacobian(self, theta: Tensor) -> Tensor:
        return self._spoilt("jacobian", super().jacobian(theta))

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return self._spoilt("jvp", super().jvp(theta, direction))

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return self._spoilt("vjp", super().vjp(theta, cotangent))


def finite(found: Any) -> bool:
    return found.is_finite() if isinstance(found, Iterate) else bool(torch.isfinite(found).all())


@pytest.mark.parametrize("kind", ["at", "residual", "jacobian", "value"])
@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_what_is_not_finite_is_asked_for_once_more(kind: str, times: int) -> None:
    """Both evaluations are counted, and what is not finite the second time, too, is handed on."""
    objective, meter = Spoilt("residual" if kind == "value" else kind, times), Meter()
    found = getattr(metered(objective, meter), kind)(vector(SIZE, 1))
    assert objective.made == meter.counts.evaluations == 1 + (times > 0)
    assert finite(found) == (times <= 1)
    assert meter.faults == min(times, 2)


@pytest.mark.parametrize("kind", ["jvp", "vjp", "gram_product"])
def test_products_are_not_asked_for_again(kind: str) -> None:
    """Solvers make many before they look at one; the fault is counted all the same."""
    objective, meter = Spoilt("jvp" if kind == "jvp" else "vjp", 1), Meter()
    other = vector(RESIDUALS if kind == "vjp" else SIZE, 2)
    found = getattr(counting(objective, meter), kind)(vector(SIZE, 1), other)
    assert not finite(found) and (objective.made, meter.faults) == (1, 1)
    assert meter.counts == Counts(products=1 + (kind == "gram_product"), work=1.0 + (kind == "gram_product"))


@pytest.mark.parametrize("wrap", [metered, lambda o, m: metered(tilted(o, vector(SIZE, 3), vector(SIZE, 4)), m)])
def test_a_right_hand_side_is_asked_for_again(wrap: Callable[[Dense, Meter], AbstractGaussNewton]) -> None:
    """It is a product, too, but one alone, and a whole step is made of it."""
    objective, meter, theta = Spoilt("vjp", 1), Meter(), vector(SIZE, 1)
    problem = wrap(objective, meter)
    seen = problem.observe(theta)
    assert finite(problem.pull_back(theta, seen)) and objective.made == 2
    assert same(meter.counts, Counts(residuals=1, products=2, work=2 + 1 / 3))


def test_the_second_evaluation_needs_a_budget_of_its_own() -> None:
    objective = Spoilt("at", 1)
    meter = Meter(lambda counts: counts.evaluations >= 1)
    with pytest.raises(BudgetSpentError):
        metered(objective, meter).at(vector(SIZE, 1))
    assert (objective.made, meter.counts.gradients) == (1, 1)


def test_only_one_of_several_meters_asks_again() -> None:
    """A phase's meter within that of the run: otherwise each would double what the one inside has doubled."""
    objective, outer, inner = Spoilt("at", 9), Meter(), Meter()
    found = metered(metered(objective, inner), outer).at(vector(SIZE, 1))
    assert not finite(found) and objective.made == 2
    assert inner.counts.gradients == inner.faults == 2
