"""Every solver, the default recipe, readouts and run folders give on a CUDA device what they give on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import KINDS, heat

import pinnml as pm
from pinnml.adapt import RAD, Readouts, Stage, Widening
from pinnml.bench import ABLATIONS
from pinnml.cli.catalogue import SOLVERS

pytestmark = pytest.mark.gpu

POINTS = RAD(stages=(Stage(100, every=2),), pool=3, probes=64, gap=0.0)
RULE = Readouts(
    untrained=(Widening(30, 1.5, coordinates=True), Widening(50, 1.5, coordinates=True)),
    train=3, longest=3, levels=(Widening(40), Widening(30)), points=POINTS, rows=6.0, most=700,
)  # fmt: skip
"""Tries a readout of the coordinates, trains three iterations, widens twice, and trains again."""


def check_on_the_device(solution: pm.Solution) -> None:
    assert solution.theta.device.type == "cuda" and solution.result.iterate.grad.device.type == "cuda"
    assert all(points.x.device.type == "cuda" for points in solution.collocation.values())


def check_alike(name: str, settings: dict[str, Any], tolerance: float) -> None:
    recipe = (SOLVERS | ABLATIONS)[name](1)
    cpu, gpu = (
        pm.solve(heat(), pm.ResNet(width=4, blocks=2), recipe.solver, seed=3, device=device, **settings)
        for device in ("cpu", "cuda")
    )
    check_on_the_device(gpu)
    assert [row.loss for row in gpu.history] == pytest.approx([row.loss for row in cpu.history], rel=tolerance)


@pytest.mark.parametrize("name", sorted(SOLVERS | ABLATIONS))
def test_a_solver_does_on_a_gpu_what_it_does_on_a_cpu(name: str) -> None:
    """Points are renewed on the way; few iterations, since differences of rounding grow with each."""
    rule = RAD(stages=(Stage(40, every=2, until=4), Stage(70, every=3)), pool=3, gap=0.0, probes=32)
    settings = {"points": pm.points.Uniform(40), "refine": rule, "stop": pm.Iterations(3)}
    # rounding grows in the products of a Krylov space
    check_alike(name, settings, 1e-4 if "krylov" in name else 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_readouts_estimate_the_error_on_a_gpu(kind: str) -> None:
    solution = pm.solve(
        KINDS[kind](), pm.ResNet(width=5, blocks=3), refine=RULE, stop=pm.Iterations(9), seed=2, device="cuda"
    )
    check_on_the_device(solution)
    error, estimate = solution.error(), solution.estimate
    assert estimate is not None and estimate.largest > 0
    if error is not None and estimate.trustworthy:
        assert 1 / 30 < estimate.largest / error.relative_l2 < 30


def test_single_precision_runs_on_a_gpu() -> None:
    solution = pm.solve(
        heat(), pm.ResNet(width=5, blocks=3), dtype=torch.float32, stop=pm.Iterations(20), device="cuda"
    )
    check_on_the_device(solution)
    error = solution.error()
    assert error is not None and error.relative_l2 < 0.1


@pytest.mark.parametrize("until", [2, 4, 9])
def test_a_run_goes_on_on_a_gpu(until: int, tmp_path: Path, on_one_thread: None) -> None:
    """Sums on a GPU may differ in their last digits, so that a resumed run is near the uninterrupted one."""
    settings: dict[str, Any] = {"refine": RULE, "seed": 2, "device": "cuda"}
    whole = pm.solve(heat(), pm.ResNet(width=5, blocks=3), stop=pm.Iterations(9), **settings)
    pm.solve(heat(), pm.ResNet(width=5, blocks=3), stop=pm.Iterations(until), out=tmp_path, **settings)
    resumed = pm.resume(tmp_path, heat(), stop=pm.Iterations(9))
    check_on_the_device(resumed)
    assert [row.loss for row in resumed.history] == pytest.approx([row.loss for row in whole.history], rel=1e-4)
