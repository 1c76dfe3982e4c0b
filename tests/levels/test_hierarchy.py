"""The table of levels: unknowns, blocks and work are those of a cycle."""

from __future__ import annotations

import pytest
from deep_chain import SIZE, WIDTH, DeepChain
from dense_least_squares import vector

from pinnml.levels import FewerPoints, FirstLayers, TiedBlocks, TwoLevel
from pinnml.objective import Meter, metered
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
