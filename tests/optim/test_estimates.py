"""Estimates in the loop: they come before a renewal, a stop may be satisfied by one, and a rule may end the run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from shrinking import START, Shrinking, norm

import pinnml as pm
from pinnml.optim import (
    Accuracy,
    Estimate,
    Evaluations,
    Finished,
    Iterations,
    Progress,
    Renewed,
    Result,
    Status,
    Stop,
    minimise,
)


def estimate(error: float, trustworthy: bool = True) -> Estimate:
    return Estimate({"u": error / 2, "v": error}, trustworthy, "Because.")


def test_the_largest_error_of_all_fields_counts_and_only_where_it_is_trusted() -> None:
    assert estimate(1e-3).largest == 1e-3
    assert Accuracy(1e-3).satisfied(estimate(1e-3)) and not Accuracy(9e-4).satisfied(estimate(1e-3))
    assert not Accuracy(1.0).satisfied(estimate(1e-3, trustworthy=False))
    either = Iterations(5) | Accuracy(1e-2)
    assert either.satisfied(estimate(1e-3)) and not either.satisfied(estimate(1e-1))
    with pytest.raises(pm.DeclarationError, match="above 0"):
        Accuracy(0)


def test_a_run_ends_at_the_accuracy_and_nothing_is_renewed_then() -> None:
    renewed: list[tuple[int, Estimate | None]] = []
    seen: list[Progress] = []

    def renew(progress: Progress) -> None:
        renewed.append((progress.iteration, progress.estimate))

    result = minimise(
        norm(), START, Shrinking(0.5), Accuracy(0.1), renew=renew, callback=seen.append,
        assess=lambda progress: estimate(0.8**progress.iteration) if progress.iteration % 2 == 0 else None,
    )  # fmt: skip
    assert result.nit == 12 and result.status is Status.STOPPED
    assert result.message == "The estimated error, 6.9e-02, is below 0.1."
    assert result.estimate is not None and result.estimate.largest == pytest.approx(0.8**12)
    assert [number for number, _ in renewed] == list(range(1, 12))
    assert [found is not None for _, found in renewed] == [number % 2 == 0 for number in range(1, 12)]
    assert seen[-1].estimate == result.estimate and seen[-2].estimate is None


@pytest.mark.parametrize("limit", [Evaluations(8), Accuracy(0.8**6)])
def test_what_a_spent_budget_left_out_is_done_first_when_the_run_goes_on(limit: Stop) -> None:
    """The start, six steps and a renewal after three: the one after six is pending, and comes before a step."""

    def run(start: Any, stop: Stop) -> tuple[Result, list[int]]:
        told: list[int] = []

        def renew(progress: Progress) -> Renewed | None:
            told.append(progress.iteration)
            return Renewed(norm(), START) if progress.iteration % 3 == 0 else None

        assess = lambda progress: estimate(0.8**progress.iteration)  # noqa: E731
        return minimise(norm(), start, Shrinking(0.5), stop, renew=renew, assess=assess), told

    whole, _ = run(START, Iterations(8))
    first, told = run(START, limit | Iterations(8))
    assert first.nit == 6 and first.pending and told == [1, 2, 3, 4, 5]
    rest, told = run(first.progress, Iterations(8))
    assert told == [6, 7, 8] and not rest.pending
    assert torch.equal(rest.iterate.theta, whole.iterate.theta) and rest.counts == whole.counts


def test_an_estimate_belongs_to_the_iterate_that_was_estimated() -> None:
    def renew(progress: Progress) -> Renewed | None:
        return Renewed(norm(), START) if progress.iteration == 2 else None

    seen: list[Progress] = []
    minimise(
        norm(), START, Shrinking(0.5), Iterations(3), renew=renew, callback=seen.append,
        assess=lambda progress: estimate(0.5) if progress.iteration < 3 else None,
    )  # fmt: skip
    assert [progress.estimate is not None for progress in seen] == [False, True, False, False]


def test_a_rule_ends_the_run_with_its_reason() -> None:
    result = minimise(
        norm(), START, Shrinking(0.5), Iterations(9),
        renew=lambda progress: Finished("Enough.") if progress.iteration == 4 else None,
    )  # fmt: skip
    assert (result.status, result.message, result.nit) == (Status.FINISHED, "Enough.", 4)


def test_a_solver_that_has_come_to_an_end_goes_on_with_another_objective() -> None:
    told: list[tuple[int, bool]] = []

    def renew(progress: Progress) -> Renewed | None:
        told.append((progress.iteration, progress.exhausted))
        return Renewed(norm(), START) if progress.iteration == 3 else None

    result = minimise(norm(), START, Shrinking(0.5, last=3), Iterations(9), renew=renew)
    assert told == [(1, False), (2, False), (3, True), (4, True)]
    assert result.nit == 4 and result.status is Status.AT_ROUNDING
