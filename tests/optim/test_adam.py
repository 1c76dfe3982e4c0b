"""Adam is torch's Adam, to the bit."""

from __future__ import annotations

import pytest
import torch
from classical_functions import CLASSICS, Differentiated
from torch import Tensor

from pinnml.optim import Adam, Iterations, minimise


@pytest.mark.parametrize("name", ["rosenbrock-20", "wood", "brown-dennis"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("rate", "betas", "epsilon"), [(1e-3, (0.9, 0.999), 1e-8), (0.3, (0.5, 0.7), 1e-3)])
def test_steps_are_those_of_torch(
    name: str, dtype: torch.dtype, rate: float, betas: tuple[float, float], epsilon: float
) -> None:
    classic = CLASSICS[name]
    mine: list[Tensor] = []
    start = classic.theta().to(dtype)
    solver = Adam(rate, betas, epsilon)
    minimise(classic.objective(), start, solver, Iterations(40), callback=lambda p: mine.append(p.iterate.theta))
    theta = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.Adam([theta], lr=rate, betas=betas, eps=epsilon)
    for expected in mine:
        assert torch.equal(theta.detach(), expected)
        optimiser.zero_grad()
        classic.function(theta).backward()
        optimiser.step()


def test_one_step_is_one_evaluation_and_leaves_the_state_alone() -> None:
    classic = CLASSICS["wood"]
    objective: Differentiated = classic.objective()
    iterate = objective.at(classic.theta())
    solver = Adam(0.1)
    state = solver.init(objective, iterate)
    first, after, _ = solver.step(objective, iterate, state)
    again, _, _ = solver.step(objective, iterate, state)
    assert objective.evaluations == 3
    assert torch.equal(first.theta, again.theta)
    assert float(state.steps) == 0
    assert float(after.steps) == 1
    assert not state.first.any()
    assert torch.equal(iterate.theta, classic.theta())


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_wrong_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rate is .*; where: Adam; give a (learning rate greater than zero|number)"):
        Adam(rate)
