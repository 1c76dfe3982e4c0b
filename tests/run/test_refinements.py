"""What a run has refined: told in order, kept by its folder, gone on with where it is resumed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from small_problems import heat, tiny

import pinnml as pm
from pinnml.adapt import RAD, Fixed, Insertion, Pruning, Readouts, Stage, Widening
from pinnml.run import rerun, resume

pytestmark = pytest.mark.usefixtures("on_one_thread")

LM = pm.optim.LevenbergMarquardt()
COORDINATES = tuple(Widening(neurons, radius=None, coordinates=True) for neurons in (4, 4))
RULE = Readouts(untrained=COORDINATES, train=2, levels=(Widening(5), Widening(5)), points=RAD((Stage(40, 2),)))
GIVEN: dict[str, Any] = {
    "network": pm.ResNet(4, 1), "solver": pm.optim.WhereLinear(pm.optim.LevenbergMarquardt()), "refine": RULE,
}  # fmt: skip


def test_levels_and_training_are_told_in_order() -> None:
    solution = tiny(heat(), 14, **GIVEN)
    done = solution.refinements
    assert [one.what for one in done[:3]] == ["readout of the untrained network", "level added", "training again"]
    assert "readout of the trained network" in [one.what for one in done]
    assert (done[0].iteration, done[0].work, done[0].neurons, done[0].loss) == (0, 0.0, (0, 4), None)
    assert done[0].parameters == (pm.setup.parameters(heat(), pm.ResNet(4, 1)), 4 + 1 + 4)
    for before, after in pairwise(done):
        for name in ("neurons", "layers", "parameters", "points"):
            assert getattr(before, name)[1] == getattr(after, name)[0]
    rows = {row.iteration: row for row in solution.history}
    for one in done[1:]:
        assert one.neurons[1] == rows[one.iteration].neurons
        # what the rule evaluates and the new loss come before its row is written
        assert rows[one.iteration - 1].work < one.work <= rows[one.iteration].work - 1
    leaving = next(one for one in done if one.what == "training again")
    assert leaving.estimate is not None and leaving.loss is not None


def test_they_are_in_the_summary_and_in_the_folder(tmp_path: Path) -> None:
    solution = tiny(heat(), 8, out=tmp_path, **GIVEN)
    told = json.loads((tmp_path / "summary.json").read_text())["refinements"]
    assert [one["what"] for one in told] == [one.what for one in solution.refinements]
    assert told[1]["neurons"] == [4, 8]
    assert [one["what"] for one in solution.summary()["refinements"]] == [one["what"] for one in told]
    assert pm.Solution.load(tmp_path, heat()).refinements == solution.refinements
    assert rerun(tmp_path, heat()).solution.refinements == solution.refinements
    assert "refinements" not in tiny(heat(), 1).summary()


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_a_resumed_run_goes_on_with_them(tmp_path: Path, stop: int) -> None:
    whole = tiny(heat(), 12, **GIVEN)
    tiny(heat(), stop, out=tmp_path, **GIVEN)
    assert resume(tmp_path, heat(), stop=pm.Iterations(12)).refinements == whole.refinements


def test_blocks_and_points_are_told_and_renewals_are_not() -> None:
    inserted = tiny(
        heat(), 6, network=pm.ResNet(4, 1), solver=LM, refine=Insertion(Fixed(40), patience=2, decrease=1e9, most=2)
    )
    assert [(one.what, one.layers) for one in inserted.refinements] == [
        ("block inserted", (3, 4)), ("block inserted", (4, 5)),
    ]  # fmt: skip
    removed = tiny(heat(), 8, network=pm.ResNet(4, 3), solver=LM, refine=Pruning(Fixed(40), every=2, tolerance=1e9))
    assert removed.refinements[0].what == "block removed"
    more = tiny(heat(), 9, solver=LM, refine=RAD((Stage(40, 1, 3), Stage(60, 1)), gap=0))
    assert [(one.what, one.points) for one in more.refinements] == [("points added", (40, 60))]
