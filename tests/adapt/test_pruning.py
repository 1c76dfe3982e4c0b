"""Residual blocks that do nothing are removed, one at a time, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_problems import heat
from test_insertion import layers, loss
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Fixed, Insertion, PinnObjective, Pruning, Renewal, insert, residual_blocks, without
from pinnml.network import ChainNetwork
from pinnml.objective import Counts
from pinnml.optim import Iterations, Progress, Renewed, minimise

pytestmark = pytest.mark.usefixtures("on_one_thread")

close = torch.testing.assert_close


def with_idle(scale: float) -> tuple[PinnObjective, Tensor, Tensor]:
    """A trained network with a block of weights of about this size at place 2, and θ without that."""
    objective, theta = loss()
    found = insert(objective, theta, [2])
    assert isinstance(found.objective, PinnObjective) and found.sources is not None
    noise = torch.randn(len(found.theta), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return found.objective, found.theta + scale * noise * (found.sources < 0), theta


def test_what_was_inserted_can_be_taken_out_again() -> None:
    objective, longer, theta = with_idle(1e-3)
    assert residual_blocks(objective) == [1, 2, 3]
    found = without(objective, longer, 2)
    assert torch.equal(found.theta, theta) and found.sources is not None and bool((found.sources >= 0).all())
    close(found.objective.value(theta), loss()[0].value(theta), rtol=1e-14, atol=0)


@pytest.mark.parametrize(("scale", "tolerance", "removed"), [(0.0, 0.0, True), (1e-12, 1e-8, True), (0.1, 1e-8, False)])
def test_a_block_goes_where_f_stays(scale: float, tolerance: float, removed: bool) -> None:
    objective, longer, theta = with_idle(scale)
    renewal = Renewal(Pruning(Fixed(60), every=3, tolerance=tolerance), objective, torch.Generator())
    iterate = objective.at(longer) if removed else minimise(objective, longer, pm.LBFGS(), Iterations(9)).iterate
    iterate = replace(iterate, f=objective.value(iterate.theta))  # beside a gradient it is rounded otherwise somewhere
    assert renewal(Progress(2, iterate, 0.0, Counts())) is None
    found = renewal(Progress(3, iterate, 0.0, Counts()))
    assert isinstance(found, Renewed) is removed
    if isinstance(found, Renewed):
        assert torch.equal(found.theta, theta)
        assert renewal(Progress(6, loss()[0].at(theta), 0.0, Counts())) is None  # the others are needed


def test_runs_with_insertion_and_pruning_are_resumed_to_the_bit(tmp_path: Path) -> None:
    """With a tolerance of ten there is always a block that goes, and one that comes."""
    rule = Pruning(Insertion(Fixed(60), patience=2, decrease=50.0, most=3), every=3, tolerance=10.0)

    def solved(until: int, **more: Path) -> pm.Solution:
        network, stop = pm.ResNet(width=4, blocks=2), Iterations(until)
        return pm.solve(heat(), network, pm.LBFGS(), refine=rule, stop=stop, seed=2, device="cpu", **more)  # type: ignore[arg-type]

    last = solved(1, out=tmp_path)
    found = [layers(last)]
    for until in range(2, 8):
        last = pm.resume(tmp_path, heat(), stop=Iterations(until))
        found.append(layers(last))
    whole = solved(7)
    assert found[:4] == [4, 5, 4, 5] and torch.equal(last.theta, whole.theta)
    assert [row.loss for row in last.history] == [row.loss for row in whole.history]
    assert isinstance(whole.network, ChainNetwork) and len(last.result.state.memory) > 3


def test_only_residual_blocks_can_go() -> None:
    objective, theta = loss(heat(), pm.MLP(width=4, depth=2))
    assert residual_blocks(objective) == []
    with pytest.raises(pm.DeclarationError, match="Layer 1 is no residual block"):
        without(objective, theta, 1)
    rule = Pruning(Fixed(60), every=1)
    assert Renewal(rule, objective, torch.Generator())(Progress(1, objective.at(theta), 0.0, Counts())) is None
    module, theta = loss(heat(), pm.networks.Custom(torch.nn.Linear(2, 1, dtype=torch.float64)))
    with pytest.raises(pm.DeclarationError, match="no layers that could be removed"):
        residual_blocks(module)
    assert Renewal(rule, module, torch.Generator())(Progress(1, module.at(theta), 0.0, Counts())) is None
