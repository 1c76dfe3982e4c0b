"""Sums of residuals: what they are, and that a readout's least squares are solved by them as by all residuals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small_problems import heat, oscillator
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Widening, freeze, widen
from pinnml.loss import Discretisation, PinnObjective, pinn
from pinnml.loss.sums import Sums
from pinnml.points import sample

close = torch.testing.assert_close


def drawn(count: int, columns: int, seed: int = 0) -> Tensor:
    """Rows (count, columns), which run fastest in memory."""
    return torch.randn(columns, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).T


@pytest.mark.parametrize("count", [1, 2, 3, 7, 90, 91])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_residual_is_in_one_sum_with_its_sign(count: int, size: int) -> None:
    sums = Sums(size)
    S = sums.of(torch.eye(count, dtype=torch.float64), 4)
    assert S.shape == (-(-count // size), count)
    assert bool((S.abs().sum(0) == 1).all()) and bool((S.abs().sum(1) <= size).all())
    rows, residual = drawn(count, 3), drawn(count, 1)[:, 0]
    close(sums.of(rows, 4), S @ rows)
    close(sums._spread(residual, 4), S.T @ (S @ residual))


def test_chunks_are_spread_one_after_another_and_differ() -> None:
    sums, first, second = Sums(3), drawn(20, 1)[:, 0], drawn(31, 1, 1)[:, 0]
    close(sums.spread([first, second]), torch.cat([sums._spread(first, 0), sums._spread(second, 1)]))
    rows = drawn(20, 4)
    assert not torch.equal(sums.of(rows, 0), sums.of(rows, 1))
    assert torch.equal(sums.of(rows, 0), Sums(3).of(rows, 0))  # whenever they are drawn


def test_on_the_mean_products_are_those_of_all_rows() -> None:
    rows, sums = drawn(40, 2), Sums(4)
    found = torch.stack([sums.of(rows, number).T @ sums.of(rows, number) for number in range(4000)])
    off = (found.mean(0) - rows.T @ rows).abs() / (found.std(0) / 4000**0.5).clamp_min(1e-12)
    assert float(off[0, 1]) < 4 and float(off[0, 0]) < 4 and float(found.std(0).min()) > 1


def test_the_least_by_sums_leaves_a_little_more_than_the_least() -> None:
    p, rows, residual = 60, drawn(900, 60), drawn(900, 1, 3)
    least = (residual - rows @ torch.linalg.lstsq(rows, residual).solution).square().sum()
    shares = []
    for number in range(20):
        sums = Sums(3)
        found = torch.linalg.lstsq(sums.of(rows, number), sums.of(residual, number)).solution
        shares.append(float((residual - rows @ found).square().sum() / least))
    expected = 1 + p * 900 / (900 - p) * (1 / (300 - p) - 1 / (900 - p))
    assert sum(shares) / 20 == pytest.approx(expected, rel=0.05) and max(shares) < 1.1 * expected


def readout(problem: pm.Problem, points: int) -> tuple[PinnObjective, Tensor]:
    """The loss of 60 neurons on the coordinates at so many points, and a θ."""
    generator, domain = torch.Generator().manual_seed(0), problem.domain
    network = pm.ResNet(width=4, blocks=2).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    found = sample(problem, pm.Hammersley(points), generator)
    frozen = freeze(PinnObjective(problem, Discretisation(network, found), chunk=77), theta)
    assert isinstance(frozen.objective, PinnObjective)
    wide = widen(frozen.objective, frozen.theta, Widening(60, 1.0, coordinates=True), generator)
    assert isinstance(wide.objective, PinnObjective)
    return wide.objective, wide.theta


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few unknowns count as many."""
    monkeypatch.setattr(pinn, "MANY", 10)


def measured() -> pm.Problem:
    """The heat equation with thirty measurements."""
    x = torch.rand(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    data = {"seen": pm.Data({"t": x[:, 0].numpy(), "x": x[:, 1].numpy()}, u=torch.zeros(30).numpy(), sigma=0.1)}
    return heat(conditions=dict(heat().conditions) | data)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("declare", [heat, oscillator, measured])
def test_model_and_gradients_are_those_of_the_sums(declare: Callable[[], pm.Problem]) -> None:
    objective, theta = readout(declare(), 800)
    sums = objective.sums
    assert sums is not None
    single = 30 if declare is measured else 0
    assert sums.size == int((sum(objective._sizes) - single) / (3 * objective.size)) > 1
    assert sum(objective._sizes) == len(objective.residual(theta))
    S = torch.block_diag(
        *(sums.of(torch.eye(n, dtype=theta.dtype), number) for number, n in enumerate(objective._sizes))
    )
    r, J = objective.residual(theta), objective.jacobian(theta)
    model = objective.square_root(theta)
    close(model.f, objective.value(theta))
    close(model.triangle.T @ model.triangle, J.T @ S.T @ S @ J, rtol=1e-8, atol=1e-10)
    close(model.grad, J.T @ S.T @ S @ r)
    close(objective.pull_back(theta, objective.observe(theta)), J.T @ S.T @ S @ r)
    d = torch.linalg.lstsq(S @ J, -S @ r, rcond=1e-17, driver="gelsd").solution  # whatever the rank looks like
    share = (1 - len(d) / len(r)) / (1 - len(d) / len(S))
    close(model.least, 0.5 * (S @ (r + J @ d)).square().sum() * share, rtol=1e-5, atol=1e-7 * float(model.f))


@pytest.mark.usefixtures("soon")
def test_a_step_by_sums_ends_near_the_least() -> None:
    objective, theta = readout(heat(), 800)
    assert objective.sums is not None
    solver = pm.optim.WhereLinear(pm.optim.LBFGS())
    found = pm.optim.minimise(objective, theta, solver, pm.optim.Iterations(2)).iterate
    r, J = objective.residual(theta), objective.jacobian(theta)
    least = 0.5 * (r + J @ torch.linalg.lstsq(J, -r).solution).square().sum()
    assert float(least) < float(found.f) < 2 * float(least)
    assert float(found.f) == pytest.approx(float(objective.value(found.theta)))


def test_few_unknowns_and_few_rows_are_not_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert readout(heat(), 800)[0].sums is None  # too few unknowns
    monkeypatch.setattr(pinn, "MANY", 10)
    assert readout(heat(), 100)[0].sums is None  # too few rows
    assert readout(measured(), 100)[0].sums is None


@pytest.mark.usefixtures("soon")
def test_measurements_stay_single() -> None:
    objective, _ = readout(measured(), 800)
    sums = objective.sums
    assert sums is not None and len(sums.apart) == 1
    rows = [drawn(n, 3, number) for number, n in enumerate(objective._sizes)]
    kept = [torch.equal(sums.of(part, number), part) for number, part in enumerate(rows)]
    (seen,) = [number for number, chunk in enumerate(objective.chunks) if chunk.term.name == "seen"]
    assert [number for number, same in enumerate(kept) if same] == [seen]
    assert sums.count(objective._sizes) == sum(len(sums.of(part, number)) for number, part in enumerate(rows))
    spread = sums.spread([part[:, 0] for part in rows]).split(objective._sizes)
    assert torch.equal(spread[seen], rows[seen][:, 0])


@pytest.mark.usefixtures("soon")
def test_both_ends_of_an_interval_stay_single() -> None:
    ends = pm.Value(u=0.0, on=["x=0", "x=1"])
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions={"pde": pm.Interior(lambda u_xx: u_xx + 1), "ends": ends})
    objective, _ = readout(problem, 800)
    sums = objective.sums
    assert sums is not None
    assert {objective.chunks[number].term.name for number in sums.apart} == {"ends"}
