"""Counting evaluations and work, and refusing them when the budget is spent."""

from __future__ import annotations

import pytest
import torch
from dense_least_squares import RESIDUALS, RESTRICTIONS, SIZE, Dense, Matrix, Plain, vector

from pinnml.objective import (
    AbstractLeastSquares,
    BudgetSpentError,
    Counted,
    CountedLeastSquares,
    Counts,
    Tilted,
    counted,
)


@pytest.fixture
def dense() -> Dense:
    return Dense()


def test_counting_changes_no_result_and_counts_every_call(dense: Dense) -> None:
    theta, other, plain = vector(SIZE, 1), vector(RESIDUALS, 2), Dense()
    wrapped = counted(dense)
    assert isinstance(wrapped, CountedLeastSquares)
    assert wrapped.counts == Counts()
    assert torch.equal(wrapped.at(theta).grad, plain.at(theta).grad)
    assert torch.equal(wrapped.residual(theta), plain.residual(theta))
    assert torch.equal(wrapped.jvp(theta, theta), plain.jvp(theta, theta))
    assert torch.equal(wrapped.vjp(theta, other), plain.vjp(theta, other))
    assert torch.equal(wrapped.jacobian(theta, 1, 4), plain.jacobian(theta, 1, 4))
    assert wrapped.counts == Counts(1, 1, 2, 1, pytest.approx(1 + 1 / 3 + 1 + 1 + (2 + 3 / SIZE) / 3, rel=1e-15))
    assert wrapped.counts.evaluations == 5
    assert torch.equal(wrapped.value(theta), plain.value(theta))
    assert torch.equal(wrapped.gauss_newton(theta).gram, plain.gauss_newton(theta).gram)
    assert wrapped.counts.evaluations == 7


def test_work_of_each_kind(dense: Dense) -> None:
    """A whole Jacobian costs a work unit like a gradient; that of no column two thirds of one; its products more."""
    theta = vector(SIZE, 1)
    for call, work in [
        (lambda o: o.at(theta), 1),
        (lambda o: o.residual(theta), 1 / 3),
        (lambda o: o.value(theta), 1 / 3),
        (lambda o: o.gauss_newton(theta), 1 + SIZE / 24),
        (lambda o: o.jvp(theta, theta), 1),
        (lambda o: o.vjp(theta, vector(RESIDUALS, 1)), 1),
        (lambda o: o.jacobian(theta, 0, SIZE), 1),
        (lambda o: o.jacobian(theta, 2, 5), (2 + 0.5) / 3),
        (lambda o: o.jacobian(theta, 2, 2), 2 / 3),
    ]:
        wrapped = counted(dense)
        call(wrapped)
        assert wrapped.counts.evaluations == 1
        assert wrapped.counts.work == pytest.approx(work, rel=1e-15)


def test_counting_goes_through_restrictions_and_linear_terms(dense: Dense) -> None:
    """With half of the parameters free, a gradient costs half of its last third less."""
    theta, R = vector(SIZE, 1), Matrix(RESTRICTIONS["entries"])
    for objective, work in [(counted(dense), 3 * 2.5 / 3), (counted(Plain()), 3.0)]:
        local = Tilted(objective.restricted(R, theta), vector(3, 1), vector(3, 2))
        for _ in range(3):
            local.at(vector(3, 3))
        assert objective.counts == Counts(gradients=3, work=work)


def test_an_objective_keeps_its_kind() -> None:
    wrapped = counted(Plain())
    assert isinstance(wrapped, Counted)
    assert not isinstance(wrapped, AbstractLeastSquares)
    assert float(wrapped.at(torch.zeros(2)).f) == 2


@pytest.mark.parametrize("kind", ["at", "residual", "jvp", "vjp", "jacobian"])
def test_guard_refuses_exactly(dense: Dense, kind: str) -> None:
    """Three evaluations are granted, and the fourth is neither made nor counted, however often it is asked for."""
    theta = vector(SIZE, 1)
    wrapped = counted(dense, lambda counts: counts.evaluations >= 3)
    assert isinstance(wrapped, CountedLeastSquares)
    calls = {
        "at": lambda: wrapped.at(theta),
        "residual": lambda: wrapped.residual(theta),
        "jvp": lambda: wrapped.jvp(theta, theta),
        "vjp": lambda: wrapped.vjp(theta, vector(RESIDUALS, 1)),
        "jacobian": lambda: wrapped.jacobian(theta, 0, 2),
    }
    for _ in range(3):
        calls[kind]()
    counts, made = wrapped.counts, list(dense.calls)
    for other in calls.values():
        with pytest.raises(BudgetSpentError):
            other()
    assert wrapped.counts == counts
    assert counts.evaluations == 3
    assert dense.calls == made


def test_guard_sees_the_work_so_far(dense: Dense) -> None:
    """A budget in work units is overrun by less than one evaluation."""
    wrapped = counted(dense, lambda counts: counts.work >= 1.9)  # six thirds are rounded to less than two
    theta, made = vector(SIZE, 1), 0
    assert isinstance(wrapped, CountedLeastSquares)
    with pytest.raises(BudgetSpentError):
        for _ in range(100):
            wrapped.residual(theta)
            made += 1
    assert made == 6
    assert wrapped.counts.work == pytest.approx(2, rel=1e-14)
