"""Named methods: what they are put together from, and that they lower the loss."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml.adapt import Readouts
from pinnml.bench import ABLATIONS
from pinnml.cli.catalogue import SOLVERS
from pinnml.methods import aspqn, mspqn, schwarz_gauss_newton, two_level_aspqn
from pinnml.optim import AbstractSolver, WhereLinear
from pinnml.setup import LARGEST, default_recipe

QUASI_NEWTON = {"aspqn": aspqn(steps=4), "mspqn": mspqn(steps=4), "two-level-aspqn": two_level_aspqn(steps=4)}


def losses(solver: AbstractSolver, iterations: int, seed: int = 0) -> list[float]:
    """Return the losses of a run on 60 fixed points."""
    network, points = pm.ResNet(width=6, blocks=3), pm.Hammersley(60)
    solution = pm.solve(heat(), network, solver, points=points, stop=pm.Iterations(iterations), seed=seed, device="cpu")
    return [row.loss for row in solution.history]


@pytest.mark.parametrize("name", QUASI_NEWTON)
def test_right_preconditioned_methods_never_raise_the_loss(name: str) -> None:
    found = losses(QUASI_NEWTON[name], 12)
    assert all(after <= before for before, after in pairwise(found))
    assert found[-1] < 0.1 * found[0]


@pytest.mark.slow
def test_a_sweep_before_each_step_saves_steps() -> None:
    plain = losses(pm.LBFGS(memory=3), 15)
    assert losses(mspqn(steps=10), 15)[-1] < 0.5 * plain[-1]


@pytest.mark.parametrize("name", sorted(SOLVERS | ABLATIONS))
def test_every_solver_of_the_catalogue_lowers_the_loss(name: str) -> None:
    recipe = (SOLVERS | ABLATIONS)[name](1)
    found = losses(recipe.solver, 4)
    assert found[-1] < found[0] and all(value == value for value in found)


def test_the_default_suits_the_size() -> None:
    small, large = default_recipe(LARGEST), default_recipe(LARGEST + 1)
    assert small.solver == WhereLinear(schwarz_gauss_newton()) and isinstance(small.refine, Readouts)
    assert large.solver == pm.LBFGS() and large.refine is None


def test_the_default_is_taken_where_nothing_is_asked_for() -> None:
    network = pm.ResNet(width=4, blocks=1)
    free = pm.solve(heat(), network, stop=pm.Iterations(1), device="cpu").setup
    fixed = pm.solve(heat(), network, points=pm.Sobol(32), stop=pm.Iterations(1), device="cpu").setup
    assert free.solver == WhereLinear(schwarz_gauss_newton()) and free.refine == Readouts()
    assert fixed.solver == schwarz_gauss_newton() and fixed.refine is None


def test_the_default_repeats_to_the_bit_on_one_thread() -> None:
    def run(seed: int) -> torch.Tensor:
        network = pm.ResNet(width=6, blocks=3)
        return pm.solve(heat(), network, stop=pm.Iterations(9), seed=seed, device="cpu").theta

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first, again, other = run(3), run(3), run(4)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(first, again) and not torch.equal(first, other)
