"""Weights of priors: what the evidence says, where it is greatest, and what a run makes of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import tiny
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Discrepancy, Fixed
from pinnml.adapt.discrepancy import weighed
from pinnml.adapt.evidence import begun_with, determined, evident, open_priors, reweighed
from pinnml.approximation import can_be_linearised
from pinnml.errors import DeclarationError
from pinnml.loss import Discretisation, EqualTraces, PinnObjective
from pinnml.network import MLP, ResNet
from pinnml.points import Hammersley, sample
from pinnml.setup import arrange, bind, initial, parameters

NOISE = 0.1
X = np.linspace(0, 1, 60)


def sought(weight: float | None = None, sigma: float | None = NOISE, **more: Any) -> pm.Problem:
    """Return (a u_x)_x = f on (0, 1) with an unknown a = 1 + x (1 − x), from u = sin 2x and noise of 0.1."""

    def residual(a: Tensor, a_x: Tensor, u_x: Tensor, u_xx: Tensor, x: Tensor) -> Tensor:
        exact = (1 - 2 * x) * 2 * torch.cos(2 * x) - (1 + x * (1 - x)) * 4 * torch.sin(2 * x)
        return a_x * u_x + a * u_xx - exact

    noise = (sigma or NOISE) * np.random.default_rng(0).standard_normal(len(X))
    conditions = {
        "pde": pm.Interior(residual),
        "smooth": pm.Tikhonov(lambda a_xx: a_xx, weight),
        "data": pm.Data({"x": X}, u=np.sin(2 * X) + noise, sigma=sigma),
        "walls": pm.Value(a=1.0, on=["x=0", "x=1"]),
        "ends": pm.Value(u=lambda x: torch.sin(2 * x), on=["x=0", "x=1"]),
    }
    return pm.Problem(
        pm.Box(x=(0, 1)),
        ["u", "a"],
        conditions=conditions | more,
        hard={"walls"},
        reference=pm.Reference(
            {"u": lambda x: np.sin(2 * x), "a": lambda x: 1 + x * (1 - x)}, {"x": 21}, "formula", 1e-15
        ),
    )


def objective_of(problem: pm.Problem, points: int = 30) -> tuple[PinnObjective, Tensor]:
    setup, generator = arrange(problem, MLP(4, 1)), torch.Generator().manual_seed(0)
    network = bind(problem, setup)
    theta = initial(problem, setup, network, generator)
    return PinnObjective(problem, Discretisation(network, sample(problem, Hammersley(points), generator))), theta


def test_a_prior_is_no_equation_and_is_never_balanced() -> None:
    problem = sought()
    assert set(problem.equations) == {"pde"} and problem.check() == []
    objective, theta = objective_of(problem)
    assert "smooth" not in EqualTraces().weights(objective, theta)
    assert open_priors(objective) == ["smooth"] and open_priors(objective_of(sought(0.1))[0]) == []
    assert objective_of(sought(0.1))[0].weight("smooth") == 0.1


def test_an_open_weight_needs_noise_that_is_known() -> None:
    for sigma in (None, 0.0):
        with pytest.raises(DeclarationError, match="none has a sigma; where: condition 'smooth'"):
            sought(sigma=sigma)
    assert sought(weight=0.1, sigma=None).terms["smooth"].prior


def test_a_small_network_and_few_points_are_the_default_beside_a_prior() -> None:
    problem = sought()
    setup = arrange(problem)
    assert setup.network == ResNet(width=8, blocks=3) and parameters(problem, setup.network) < 300
    assert isinstance(setup.refine, Discrepancy) and setup.refine.stages[0].points == 1000
    given = arrange(problem, points=Hammersley(50))
    assert isinstance(given.refine, Discrepancy) and isinstance(given.refine.rule, Fixed)


def test_what_is_determined_is_the_slope_of_the_evidence() -> None:
    """d/dτ of ½ ln det(P + τD) − ½ ln det(P + τD + H) for random matrices."""
    generator = torch.Generator().manual_seed(0)
    pde, data, prior = (torch.randn(9, 6, generator=generator, dtype=torch.float64) for _ in range(3))
    prior = prior[:4]

    def evidence(tau: float) -> Tensor:
        without = pde.T @ pde + tau * prior.T @ prior
        return torch.logdet(without) - torch.logdet(without + data.T @ data)

    slope = float(evidence(0.7 + 1e-5) - evidence(0.7 - 1e-5)) / 2e-5
    others = torch.cat([pde, math.sqrt(0.7) * prior])
    assert determined(others, data, prior) == pytest.approx(slope, rel=1e-7)


def test_a_prior_far_lighter_than_equations_is_not_lost_in_rounding() -> None:
    """In JᵀJ it would be: 1e-24 of the equations, which leave a parameter to it that measurements determine."""
    prior, data = 1e-12 * torch.tensor([[0.0, 1.0]]).double(), torch.tensor([[1.0, 1.0]]).double()
    others = torch.cat([torch.tensor([[1.0, 0.0]]).double(), prior])
    assert determined(others, data, prior) == pytest.approx(1, rel=1e-6)


def test_the_weight_is_that_of_the_greatest_evidence_of_a_linear_problem() -> None:
    """u = Σ c_k sin kπx with c ~ N(0, 1/τk⁴): the weight found again and again is where the evidence is greatest."""
    count, sigma, draw = 6, 0.2, np.random.default_rng(3)
    true = draw.standard_normal(count) / (np.pi * np.arange(1, count + 1)) ** 2 * 40
    basis = np.sin(np.pi * np.arange(1, count + 1) * X[:, None])
    second = -basis * (np.pi * np.arange(1, count + 1)) ** 2
    values = basis @ true + sigma * draw.standard_normal(len(X))
    tau, rows = 1e-4, torch.from_numpy(second / math.sqrt(len(X)))
    for _ in range(60):
        whole = basis.T @ basis / sigma**2 + tau * second.T @ second / len(X)
        c = np.linalg.solve(whole, basis.T @ values / sigma**2)
        prior = math.sqrt(tau) * rows
        tau = determined(prior, torch.from_numpy(basis / sigma), prior) / float(np.mean((second @ c) ** 2))

    def evidence(log: float) -> float:
        prior = math.exp(log) * second.T @ second / len(X)
        whole = basis.T @ basis / sigma**2 + prior
        c = np.linalg.solve(whole, basis.T @ values / sigma**2)
        misfit = np.sum((basis @ c - values) ** 2) / sigma**2 + c @ prior @ c
        return float(np.linalg.slogdet(prior)[1] - np.linalg.slogdet(whole)[1] - misfit)

    best = max(np.arange(-20, 5, 0.01), key=evidence)
    assert math.log(tau) == pytest.approx(best, abs=0.02)


def test_weights_change_by_a_factor_at_most_and_keep_their_ratio_to_the_measurements() -> None:
    objective, theta = objective_of(sought())
    objective = reweighed(objective, {"smooth": 1e-12})
    assert evident(objective, theta)["smooth"] == pytest.approx(1e-11)
    lower = weighed(objective, 0.1)
    assert lower is not None and lower.weight("smooth") == pytest.approx(1e-13)
    assert lower.weight("data") == pytest.approx(0.1 * objective.weight("data"))


def test_measurements_weigh_more_than_equations_at_first() -> None:
    objective, theta = objective_of(sought())
    begun = begun_with(objective, theta)
    losses = begun.losses(theta)
    assert losses["data"] == pytest.approx(max(10 * losses["pde"], objective.losses(theta)["data"]))
    found = begun.traces(theta)
    assert found["smooth"] == pytest.approx(1e-3 * found["data"])


@pytest.mark.slow
def test_a_run_finds_the_function_without_a_weight_by_hand() -> None:
    errors = []
    for weight in (None, 1e-9):
        solution = pm.solve(
            sought(weight, 0.02), ResNet(width=5, blocks=1), pm.LevenbergMarquardt(), device="cpu",
            refine=Discrepancy(Fixed(60), every=4), stop=pm.Iterations(30),
        )  # fmt: skip
        error = solution.error()
        assert error is not None
        errors.append(error.fields["a"].relative_l2)
    assert errors[0] < 0.1 and errors[0] < 0.6 * errors[1], errors  # 0.07 and 0.18 after 40


def test_a_run_keeps_its_weights_and_is_not_estimated() -> None:
    solution = tiny(sought(), 4, refine=Discrepancy(Fixed(40), every=2))
    assert {"smooth", "data"} <= set(solution.run.discretisation.weights)
    assert not can_be_linearised(solution.problem)
