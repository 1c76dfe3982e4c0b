"""Which of two estimates is believed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from disc import Disc
from perturbed import CASES, Formula, bound, column

import pinnml as pm
from pinnml.approximation import confirmed, linearised_error
from pinnml.optim import Estimate

MAKE, EXACT, ERROR = CASES["heat"]


def surplus(error: float, trustworthy: bool = True) -> Estimate:
    return Estimate({"u": error}, trustworthy, "Levels.", "hierarchical surplus", {"u": (1.0, 0.5)}, torch.ones(3))


@pytest.mark.parametrize("known", [surplus(1e-9), surplus(1e-9, False), surplus(9.0)])
def test_the_error_itself_is_believed_rather_than_what_levels_have_changed(known: Estimate) -> None:
    network, theta = bound(MAKE(), Formula(EXACT, ERROR, 1e-3))
    found, truth = confirmed(MAKE(), network, theta, known), linearised_error(MAKE(), network, theta)
    assert found is not None and truth is not None and truth.trustworthy
    assert (found.relative_l2, found.trustworthy, found.method) == (truth.relative_l2, True, "linearised equation")
    assert found.error is not None and found.differences == known.differences and found.nearby is known.nearby


def test_what_grids_do_not_resolve_changes_nothing() -> None:
    formula = Formula(EXACT, lambda x: column(torch.sin(700 * x[:, 1]) * torch.sin(500 * x[:, 0])), 1e-4)
    known = surplus(1e-9)
    assert confirmed(MAKE(), *bound(MAKE(), formula), known) is known
    unknown = confirmed(MAKE(), *bound(MAKE(), formula), None)
    assert unknown is not None and not unknown.trustworthy


def test_other_domains_have_what_is_known() -> None:
    conditions = {"pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy), "rim": pm.Value(u=0.0, on="rim")}
    problem = pm.Problem(domain=Disc((0.0, 0.0), 1.0), fields=["u"], conditions=conditions)
    network, theta = bound(problem, Formula(lambda x: x[:, :1], lambda x: x[:, :1], 1.0))
    known = surplus(1e-3)
    assert confirmed(problem, network, theta, known) is known and confirmed(problem, network, theta, None) is None


def test_it_is_not_asked_twice_and_not_at_any_price(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*of: Any) -> None:
        raise torch.OutOfMemoryError

    network, theta = bound(MAKE(), Formula(EXACT, ERROR, 1e-3))
    once = confirmed(MAKE(), network, theta, None)
    monkeypatch.setattr("pinnml.approximation.confirmation.linearised_error", no_memory)
    assert once is not None and confirmed(MAKE(), network, theta, once) is once
    known = surplus(1e-3)
    assert confirmed(MAKE(), network, theta, known) is known and confirmed(MAKE(), network, theta, None) is None
