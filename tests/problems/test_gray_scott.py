"""The spot of Gray and Scott: its accuracy by refinement, its symmetries, and its mass balance."""

from __future__ import annotations

import numpy as np
import pytest
from pinnml.problems.gray_scott import DECAY, FEED, spot, spreading

from pinnml import problems

T, X = np.linspace(0, 20, 5), np.linspace(-1, 1, 21)


def test_more_modes_and_shorter_steps_change_less_than_the_accuracy() -> None:
    problem = problems.get("gray-scott")
    assert problem.reference is not None and problem.check() == []
    found, fine, coarse = spreading(T, X, X), spreading(T, X, X, 96, 0.125), spreading(T, X, X, 16)
    for one, other, rough in zip(found, fine, coarse, strict=True):
        assert np.linalg.norm(one - other) < problem.reference.accuracy * np.linalg.norm(other)
        assert np.linalg.norm(rough - other) > problem.reference.accuracy * np.linalg.norm(other)


def test_it_starts_with_the_spot_and_stays_symmetric() -> None:
    u, v = spreading(T, X, X)
    assert v[0] == pytest.approx(spot(np, X[:, None], X) / 2, abs=1e-12)
    assert v == pytest.approx(v[:, ::-1], abs=1e-12) and u == pytest.approx(np.swapaxes(u, 1, 2), abs=1e-12)


def test_the_mass_of_both_follows_feed_and_decay() -> None:
    """d/dt ∫(u + v) = ∫ F(1 − u) − (F + k)v: reaction turns one into the other, and nothing leaves a torus."""
    t, place = np.linspace(0, 2, 81), np.linspace(-1, 1, 64, endpoint=False)
    u, v = (part.mean((1, 2)) for part in spreading(t, place, place, step=0.025))
    gained = FEED * (1 - u) - (FEED + DECAY) * v
    total = np.concatenate([[0], np.cumsum((gained[1:] + gained[:-1]) / 2 * np.diff(t))])
    assert u + v == pytest.approx(u[0] + v[0] + total, abs=1e-6)
