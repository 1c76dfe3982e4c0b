"""L-BFGS preconditioned by two levels: factors of fewer points, rebuilds that pay, and few iterations."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective, Threads
from pinnml.methods import preconditioned_lbfgs, right_preconditioned_lbfgs, two_level_lbfgs
from pinnml.objective import Meter, ShareOfPoints, metered
from pinnml.optim import LBFGS, AbstractSolver, Iterations, OnFewerPoints, Progress, Stale, minimise
from pinnml.schwarz import SchwarzFactors

pytestmark = pytest.mark.usefixtures("on_one_thread")


def loss(points: int = 200) -> tuple[PinnObjective, torch.Tensor]:
    """Return the loss of the heat equation for six blocks, and a start."""
    problem, generator = heat(), torch.Generator().manual_seed(0)
    domain = problem.domain
    network = pm.ResNet(width=6, blocks=6).bind(domain.names, domain.lower, domain.upper, 1)
    drawn = Discretisation(network, pm.points.sample(problem, pm.Hammersley(points), generator))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, drawn, threads=Threads(1)), theta


def run(solver: AbstractSolver, steps: int) -> tuple[list[float], int, float]:
    """Return the losses, how many matrices were made, and the work."""
    values, made = list[float](), list[object]()

    def note(progress: Progress) -> None:
        values.append(progress.iterate.value)
        inverse = getattr(progress.state, "inverse", None)
        if inverse is not None and not any(inverse is one for one in made):
            made.append(inverse)

    objective, theta = loss()
    found = minimise(objective, theta, solver, Iterations(steps), callback=note)
    return values, len(made), found.counts.work


def test_factors_of_fewer_points_are_those_of_the_coarse_problem_at_its_price() -> None:
    objective, theta = loss()
    coarse = objective.coarse(ShareOfPoints(0.25))
    assert coarse is not None
    meter, v = Meter(), torch.linspace(-1, 1, len(theta), dtype=torch.float64)
    found = OnFewerPoints(SchwarzFactors(), 0.25).factors(metered(objective, meter), theta, 1e-2)(v)
    spent = meter.counts.work
    assert torch.equal(found, SchwarzFactors().factors(coarse.objective, theta, 1e-2)(v))
    whole = SchwarzFactors().factors(metered(objective, meter), theta, 1e-2)(v)
    assert spent < 0.3 * (meter.counts.work - spent)
    assert not torch.equal(found, whole) and torch.nn.functional.cosine_similarity(found, whole, dim=0) > 0.5


METHODS = {
    "left": preconditioned_lbfgs(share=0.5),
    "right": right_preconditioned_lbfgs(),
    "both": two_level_lbfgs(share=0.5),
}


@pytest.mark.parametrize(("name", "steps"), [("left", 40), ("right", 4), ("both", 12)])
def test_two_levels_save_iterations(name: str, steps: int) -> None:
    values, _, _ = run(METHODS[name], steps)
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(values))
    plain, _, _ = run(LBFGS(), steps)
    assert values[-1] < 0.5 * plain[-1]


def test_rebuilds_come_where_the_matrix_is_stale_and_not_in_every_step() -> None:
    """As a matrix costs some gradients."""
    _, made, _ = run(preconditioned_lbfgs(share=0.5), 60)
    assert 2 <= made <= 20


def test_the_names_say_what_they_are_made_of() -> None:
    left, right = preconditioned_lbfgs(groups=(2, 4), share=0.3), right_preconditioned_lbfgs(coarse=())
    assert isinstance(left.initial, OnFewerPoints) and left.initial.share == 0.3 and left.rebuild == Stale()
    assert right.preconditioner == pm.schwarz.MultiplicativeSchwarz()
