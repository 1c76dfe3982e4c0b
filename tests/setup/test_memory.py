"""Memory: predicted before a run, kept within what is allowed, and too little of it survived."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml import cli
from pinnml.adapt import MemoryWarning
from pinnml.loss import chunk_size
from pinnml.loss.pinn import PinnObjective
from pinnml.run import train
from pinnml.setup import arrange, predict_memory, size_of, size_text, within

RUN = """
import re, sys, pinnml as pm
from pinnml.setup import predict_memory
from pinnml.setup import arrange
problem = pm.problems.get("burgers")
setup = arrange(problem, pm.ResNet(16, 9), eval(sys.argv[1]), points=pm.Hammersley(int(sys.argv[2])),
                 stop=pm.Iterations(3), device="cpu", chunk=eval(sys.argv[3]))
said = predict_memory(problem, setup)
pm.solve(problem, setup.network, setup.solver, points=setup.points, stop=setup.stop, device="cpu", chunk=setup.chunk)
peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
print(said.total, 1024 * peak, said.process)
"""

CASES = {
    "gradients": ("pm.LBFGS()", 12_000, "None"),
    "small chunks": ("pm.LevenbergMarquardt()", 12_000, "500"),
    "Jacobians": ("pm.LevenbergMarquardt()", 6_000, "None"),
    "sweeps": ("pm.levels.TwoLevel()", 12_000, "None"),
    "dense": ("pm.optim.BFGS()", 2_000, "None"),
}
LONG = {"small chunks", "Jacobians"}
"""They take half a minute each."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak without its parent's")
@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.soak if case in LONG else ()) for case in CASES])
def test_a_run_takes_what_was_predicted(case: str) -> None:
    solver, points, chunk = CASES[case]
    words = [sys.executable, "-c", "import pinnml.problems;" + RUN, solver, str(points), chunk]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    said, taken, process = map(int, out.split())
    # the process alone is most of a small run: what counts is what the run adds to it
    assert 0.6 * (taken - process) <= said - process <= 1.7 * (taken - process) + 60e6


READOUT = """
import re, sys, pinnml as pm, pinnml.problems
from dataclasses import replace
from pinnml.adapt import RAD, Readouts, Stage, Widening
from pinnml.optim import QR, Geodesic, GaussNewton, Ladder, WhereLinear
from pinnml.run import train
from pinnml.setup import arrange, predict_memory
count, rows, jets = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
problem, levels = pm.problems.get("burgers"), (Widening(count), Widening(count))
rule = Readouts(untrained=(), train=1, good=10.0, levels=levels, rows=rows, points=RAD(stages=(Stage(2000, 5),)))
damped = GaussNewton(QR(), Ladder(rungs=(1e-20, 1e-10, 1.0)), Geodesic(8, bend=None))
solver = WhereLinear(pm.LBFGS(), damped)
setup = arrange(problem, pm.ResNet(16, 3), solver, refine=rule, stop=pm.Iterations(4), device="cpu")
setup = replace(setup, jets=jets)
said = predict_memory(problem, setup)
solution = train(problem, setup)
assert max(row.neurons for row in solution.history) == 2 * count
peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
print(said.total, 1024 * peak, said.process)
"""


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak without its parent's")
@pytest.mark.parametrize(("count", "rows", "jets"), [(500, 6.0, 1 << 33), (500, 6.0, 0), (1000, 3.0, 0)])
def test_a_readout_takes_what_was_predicted(count: int, rows: float, jets: int) -> None:
    """Two levels: neurons whose jets are kept or made anew, and a triangle that takes most of it.

    What is predicted is the peak, which steps with damping reach: here all have it, not those that chance refuses.
    """
    words = [sys.executable, "-c", READOUT, str(count), str(rows), str(jets)]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    said, taken, process = map(int, out.split())
    assert (taken - process) / 1.5 <= said - process <= 1.5 * (taken - process)


def setup(**settings: Any) -> pm.Setup:
    return arrange(heat(), pm.ResNet(8, 3), pm.LevenbergMarquardt(), device="cpu", **settings)


def test_more_points_and_wider_networks_take_more() -> None:
    few, many = (predict_memory(heat(), setup(points=pm.Sobol(n))) for n in (500, 50_000))
    assert many.points > 50 * few.points and many.chunk >= few.chunk and many.solver == few.solver
    wide = predict_memory(heat(), arrange(heat(), pm.ResNet(16, 3), pm.LevenbergMarquardt(), device="cpu"))
    assert wide.solver > 8 * few.solver


def test_the_last_stage_of_renewed_points_counts() -> None:
    rule = pm.RAD(stages=(pm.adapt.Stage(100, 1, until=3), pm.adapt.Stage(30_000, 1)))
    assert (
        predict_memory(heat(), setup(refine=rule)).points
        == predict_memory(heat(), setup(points=pm.Sobol(30_000))).points
    )


def test_chunks_are_made_small_enough_for_a_limit() -> None:
    generous = setup(points=pm.Sobol(20_000))
    memory = predict_memory(heat(), generous)
    limit = memory.total - memory.evaluation // 2
    tight = within(heat(), generous, limit)
    assert tight.chunk is not None and 0.3 * memory.chunk < tight.chunk < 0.6 * memory.chunk
    assert predict_memory(heat(), tight).total <= 1.01 * limit
    assert within(heat(), generous, 2 * memory.total).chunk == memory.chunk
    with pytest.raises(pm.DeclarationError, match=r"The run needs .*where: a limit of memory of 1\.0 MiB"):
        within(heat(), generous, 2**20)


CHANGE = 5e6
"""Bytes by which the process itself may grow while a test looks at it."""

READ = pm.adapt.Readouts(
    untrained=(), train=1, levels=(pm.adapt.Widening(40), pm.adapt.Widening(30)),
    points=pm.RAD(stages=(pm.adapt.Stage(100, every=2),), pool=3, probes=64), rows=6.0,
)  # fmt: skip


def reading(**settings: Any) -> pm.Setup:
    solver = pm.optim.WhereLinear(pm.schwarz.MultiplicativeSchwarz(pm.schwarz.ByLayer(2)))
    return arrange(heat(), pm.ResNet(5, 3), solver, refine=READ, device="cpu", **settings)


def test_jets_get_what_chunks_leave() -> None:
    memory = predict_memory(heat(), reading())
    assert memory.jets > 0
    without = memory.process + memory.points + memory.evaluation + memory.solver
    # the estimate at the end is larger than such a small run
    least = memory.total - max(memory.solver + memory.jets, memory.assessment) + memory.assessment
    assert within(heat(), reading(), 2 * memory.total).jets == pytest.approx(2 * memory.total - without, abs=CHANGE)
    assert predict_memory(heat(), replace(reading(), jets=1000)).jets == 1000
    assert within(heat(), reading(), least).jets == pytest.approx(memory.assessment - memory.solver, abs=CHANGE)
    assert within(heat(), replace(reading(), jets=77), least).jets == 77


@pytest.mark.usefixtures("on_one_thread")
@pytest.mark.parametrize("jets", [0, 500_000, 1 << 30])
def test_a_run_goes_on_with_as_many_jets(jets: int, tmp_path: Path) -> None:
    """None are kept, those of the first level alone, or all."""
    settings = replace(reading(seed=2), jets=jets)
    whole = train(heat(), replace(settings, stop=pm.Iterations(5)))
    first = train(heat(), replace(settings, stop=pm.Iterations(1)), out=tmp_path)
    assert first.run.discretisation.network.keeps_jets == (jets > 0)  # type: ignore[attr-defined]
    rest = pm.resume(tmp_path, heat(), stop=pm.Iterations(5))
    assert rest.setup.jets == jets and [row.loss for row in rest.history] == [row.loss for row in whole.history]
    assert torch.equal(rest.result.iterate.theta, whole.result.iterate.theta)


@pytest.mark.parametrize(("text", "size"), [("2GiB", 2**31), ("500 MB", 5 * 10**8), ("1e9", 10**9), ("1.5k", 1500)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "2XB", "1.2.3M", "0"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(pm.DeclarationError, match="is no size; where: --memory"):
        size_of(text)


def test_sizes_are_shown() -> None:
    assert [size_text(n) for n in (12, 2048, 3 * 2**20, 5 * 2**30)] == ["12 B", "2.0 KiB", "3.0 MiB", "5.0 GiB"]


def test_chunks_are_equal_shares_of_the_threads() -> None:
    assert [chunk_size(n, 2) for n in (100, 2000, 4000, 10_000, 12_000)] == [1000, 1000, 2000, 5000, 3000]


SMALL = "solve poisson --width 4 --depth 1 --points 60"


def pinnml(line: str) -> int:
    return cli.main(line.split())


def test_a_dry_run_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pinnml(f"{SMALL} --dry-run") == 0
    out = capsys.readouterr().out
    assert "memory in all" in out and "MiB" in out and list(tmp_path.iterdir()) == []
    assert (
        cli.main(
            ["solve", "poisson", "--width", "4", "--depth", "1", "--points", "60", "--memory", "1MB", "--out", "run"]
        )
        == 2
    )
    assert "The run needs" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_limit_of_memory_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        cli.main(
            [
                "solve",
                "poisson",
                "--width",
                "4",
                "--depth",
                "1",
                "--points",
                "60",
                "--loss",
                "1e9",
                "--memory",
                "8GiB",
                "--out",
                "run",
            ]
        )
        == 0
    )
    assert json.loads((tmp_path / "run/config.json").read_text())["chunk"] >= 30


def too_large(limit: int) -> Callable[..., Any]:
    """The loss's own evaluation, on a device that has no memory for more points than that."""
    evaluate = PinnObjective.at

    def at(self: PinnObjective, theta: torch.Tensor) -> Any:
        if max(len(chunk.x) for chunk in self.chunks) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return evaluate(self, theta)

    return at


def test_out_of_memory_halves_the_chunk_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"points": pm.Sobol(64), "stop": pm.Iterations(5), "device": "cpu"}
    whole = pm.solve(heat(), pm.MLP(4, 1), pm.LBFGS(), chunk=16, **settings)
    monkeypatch.setattr(PinnObjective, "at", too_large(20))
    with (
        pytest.warns(MemoryWarning, match="goes on in chunks of 32 points"),
        pytest.warns(MemoryWarning, match="goes on in chunks of 16 points"),
    ):
        found = pm.solve(heat(), pm.MLP(4, 1), pm.LBFGS(), **settings)
    assert found.setup.chunk == 16 and torch.equal(found.theta, whole.theta)
    assert [row.loss for row in found.history] == [row.loss for row in whole.history]


def test_no_memory_for_a_single_point_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PinnObjective, "at", too_large(0))
    with pytest.raises(torch.OutOfMemoryError), pytest.warns(MemoryWarning):
        pm.solve(heat(), pm.MLP(4, 1), pm.LBFGS(), points=pm.Sobol(8), stop=pm.Iterations(5), device="cpu")
