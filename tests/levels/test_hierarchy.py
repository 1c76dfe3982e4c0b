"""The table of levels: unknowns, blocks and work are those of a cycle."""

from __future__ import annotations

import math

import pytest
import torch
from deep_chain import SIZE, WIDTH, DeepChain
from dense_least_squares import vector
from small_problems import heat

import pinnml as pm
from pinnml.levels import CoarseLevel, FewerPoints, FirstLayers, Multilevel, TiedBlocks, TwoLevel
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import HalfDepth, HalfWidth, Meter, ShareOfPoints, metered
from pinnml.points import sample
from pinnml.schwarz import AdditiveSchwarz, ByLayer, MultiplicativeSchwarz

RULES = (TiedBlocks(3), FirstLayers(2), FewerPoints())


def test_levels_have_the_unknowns_and_the_work_of_their_steps() -> None:
    problem = DeepChain()
    iterate = problem.at(vector(SIZE, 1))
    fine = MultiplicativeSchwarz(ByLayer(2))
    found = TwoLevel(fine, RULES).hierarchy(problem, iterate)
    assert [level.unknowns for level in found.levels] == [SIZE, SIZE // 3, SIZE // 2, SIZE]
    assert (found.levels[0].blocks, found.levels[0].largest) == (9, 2 * WIDTH)
    assert found.complexity == pytest.approx(1 + 1 / 3 + 1 / 2 + 1)
    meter = Meter()
    budget = metered(problem, meter)
    fine.sweep(budget, iterate, fine.init(budget, iterate))
    assert found.levels[0].work == meter.counts.work > 0
    assert found.work == pytest.approx(sum(level.work for level in found.levels))
    assert all(level.work > 0 for level in found.levels)


def test_it_prints_one_line_a_level_with_shares_of_the_work() -> None:
    problem = DeepChain()
    table = str(TwoLevel(AdditiveSchwarz(), RULES).hierarchy(problem, problem.at(problem.start())))
    head, columns, *rows = table.splitlines()
    assert head.startswith("4 levels, grid complexity 2.83, work ")
    assert columns.split() == ["level", "problem", "unknowns", "blocks", "largest", "work", "share"]
    assert [row.split()[1] for row in rows] == [
        "AdditiveSchwarz,",
        "TiedBlocks(3)",
        "FirstLayers(2)",
        "FewerPoints(0.25)",
    ]
    assert len({len(row) for row in rows}) == 1
    assert sum(float(row.split()[-2]) for row in rows) == pytest.approx(100, abs=2)


def test_a_hierarchy_of_smaller_networks_shows_costs_and_jumps() -> None:
    problem, generator = heat(), torch.Generator().manual_seed(0)
    network = pm.ResNet(width=4, blocks=4).bind(("t", "x"), (0.0, 0.0), (1.0, math.pi), 1)
    objective = PinnObjective(problem, Discretisation(network, sample(problem, pm.Hammersley(40), generator)))
    begin = objective.at(network.initial(generator, torch.float64, torch.device("cpu")))
    rules = (HalfDepth(), ShareOfPoints(0.5), HalfWidth(), HalfDepth(), HalfDepth())
    solver = Multilevel(tuple(map(CoarseLevel, rules)))
    found = solver.hierarchy(objective, begin)
    # 4 blocks, 2 blocks, half of the points, half of the width, 1 block; then there is no pair of blocks any more
    sizes = [3 * 4 + blocks * 5 * 4 + 5 for blocks in (4, 2, 2)] + [3 * 2 + blocks * 3 * 2 + 3 for blocks in (2, 1)]
    assert [level.unknowns for level in found.levels] == sizes
    costs = [size / sizes[0] * share for size, share in zip(sizes, (1, 1, 0.5, 0.5, 0.5), strict=True)]
    assert [level.cost for level in found.levels] == pytest.approx(costs)
    assert found.complexity == pytest.approx(sum(sizes) / sizes[0])
    coarse = objective.coarse(HalfDepth())
    assert coarse is not None
    jump = (coarse.objective.value(coarse.iterates(begin.theta)) / begin.f).sqrt() - 1
    assert found.levels[1].jump == pytest.approx(float(jump)) and abs(found.levels[1].jump) > 1e-3
    assert found.levels[2].jump == 0 and found.levels[3].jump != 0
    head, columns, *rows = str(found).splitlines()
    assert f"grid complexity {found.complexity:.2f}, operator complexity {sum(costs):.2f}, work " in head
    assert columns.split()[-3:] == ["share", "cost", "jump"] and len(rows) == 5
    meter = Meter()
    _, state, _ = solver.step(metered(objective, meter), begin, solver.init(objective, begin))
    assert found.work == pytest.approx(meter.counts.work) == pytest.approx(sum(one.log.work for one in state.levels))
