"""Whether jets of more neurons can be kept, and that large readouts get no level whose jets cannot."""

from __future__ import annotations

import pytest
import torch
from small_problems import heat
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Readouts, Widening, freeze, readouts, widen
from pinnml.adapt.keeping import has_room
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import FrozenNetwork
from pinnml.points import sample

POINTS, NEURONS, CHANNELS, SIZE = 100, 20, 4, 8


def readout(jets: int) -> tuple[PinnObjective, Tensor]:
    """The loss of 20 neurons on the coordinates at 100 points, which may keep so many bytes of jets."""
    problem, generator = heat(), torch.Generator().manual_seed(0)
    network = pm.ResNet(width=4, blocks=2).bind(problem.domain.names, problem.domain.lower, problem.domain.upper, 1)
    points = sample(problem, pm.Hammersley(POINTS), generator)
    loss = PinnObjective(problem, Discretisation(network, points), jets=jets)
    frozen = freeze(loss, network.initial(generator, torch.float64, torch.device("cpu")))
    assert isinstance(frozen.objective, PinnObjective)
    wide = widen(frozen.objective, frozen.theta, Widening(NEURONS, None, coordinates=True), generator)
    assert isinstance(wide.objective, PinnObjective)
    return wide.objective, wide.theta


def needed(neurons: int, points: int) -> int:
    """Bytes of the jets of both readouts: u, u_t, u_x and u_xx of every neuron at every point."""
    return CHANNELS * SIZE * (NEURONS * POINTS + neurons * points)


@pytest.mark.parametrize(("neurons", "points"), [(30, 100), (30, 250), (500, 300)])
def test_there_is_room_for_the_jets_of_both_readouts_or_not(neurons: int, points: int) -> None:
    enough, (short, _) = readout(needed(neurons, points))[0], readout(needed(neurons, points) - 1)
    assert isinstance(enough.network, FrozenNetwork) and enough.network.keeps_jets
    assert has_room(enough, neurons, points) and not has_room(short, neurons, points)


def test_fewer_points_than_there_are_leave_those() -> None:
    objective, _ = readout(needed(30, POINTS))
    assert has_room(objective, 30, POINTS // 2) and not has_room(objective, 31, POINTS // 2)


def test_where_none_are_kept_there_is_nothing_to_lose() -> None:
    objective, _ = readout(10)
    assert isinstance(objective.network, FrozenNetwork) and not objective.network.keeps_jets
    assert has_room(objective, 10_000, 10_000)


def test_only_large_readouts_need_room(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, theta = readout(needed(30, POINTS))
    rule, level = Readouts(), Widening(1000)
    assert rule._has_room(objective, theta, level)
    monkeypatch.setattr(readouts, "ENOUGH", objective.size)
    assert not rule._has_room(objective, theta, level)
    assert Readouts(rows=2.0)._has_room(objective, theta, Widening(10))
