"""The recipes of CONTRIBUTING.md give what they say, each in the namespace of the file where it belongs."""

from __future__ import annotations

import importlib
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat
from torch import Tensor

from pinnml import settings, solve
from pinnml.io import plain
from pinnml.network import ResNet
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import LBFGS, Iterations, StrongWolfe, minimise

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()


@pytest.fixture(autouse=True)
def records(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the recipes are known to this test only."""
    monkeypatch.setattr(settings, "RECORDS", dict(settings.RECORDS))


def recipe(title: str, module: str) -> dict[str, Any]:
    """Run the code under a heading after that of a module, and return all its names; the module stays as it is."""
    section = re.search(rf"^### {title}$(.*?)^##", TEXT, re.DOTALL | re.MULTILINE)
    assert section is not None, title
    code = re.findall(r"```python\n(.*?)```", section[1], re.DOTALL)
    assert code, title
    names = dict(vars(importlib.import_module(module)))
    for block in code:
        exec(compile(block, title, "exec", dont_inherit=True), names)
    return names


def test_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "problems"))
    conformance = importlib.import_module("problem_conformance")
    heat = recipe("Add a problem", "pinnml.problems.burgers")["heat"]
    assert conformance.defects(heat()) == []
    assert heat(2.0).parameters == {"kappa": 2.0}


def test_a_network(generator: torch.Generator) -> None:
    tapered = recipe("Add a network", "pinnml.network.architectures")["Tapered"]
    network = tapered(width=8, depth=3).bind(("t", "x"), (0, 0), (1, 1), 2)
    assert [block.shape for block in network.blocks] == [(8, 2), (4, 8), (2, 4), (2, 2)]
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    assert network.evaluate(theta, torch.rand(5, 2, dtype=torch.float64), ((0, 0), (0, 1))).shape == (2, 2, 5)


def test_a_sampler(generator: torch.Generator) -> None:
    unit = recipe("Add a sampler", "pinnml.points.samplers")["Antithetic"]().unit(7, 2, generator)
    assert unit.shape == (7, 2) and unit.dtype == torch.float64
    torch.testing.assert_close(unit[:3] + unit[4:], torch.ones(3, 2, dtype=torch.float64))


def test_a_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "nesting"))
    monkeypatch.setattr(plain, "RECORDS", settings.RECORDS)
    checks = importlib.import_module("solver_conformance").CHECKS
    solver = recipe("Add a solver", "pinnml.optim.lbfgs")["NonlinearCG"]()
    for check in checks.values():
        check(solver)


def test_a_solver_finds_a_minimum_in_as_many_steps_as_unknowns() -> None:
    names = recipe("Add a solver", "pinnml.optim.lbfgs")
    scales = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)

    class Bowl(AbstractObjective):
        def at(self, theta: Tensor) -> Iterate:
            return Iterate(theta, 0.5 * (scales * theta * theta).sum(), scales * theta)

    exact = StrongWolfe(c1=1e-9, c2=1e-8, max_trials=60)
    result = minimise(Bowl(), torch.ones(3, dtype=torch.float64), names["NonlinearCG"](exact), Iterations(3))
    assert float(result.iterate.f) < 1e-12


def test_an_adaptation_rule() -> None:
    fresh = recipe("Add an adaptation rule", "pinnml.adapt.rad")["Fresh"]
    runs = [
        solve(heat(), ResNet(width=3, blocks=1), LBFGS(), refine=fresh(40, 2), stop=Iterations(n), device="cpu")
        for n in range(5)
    ]
    points = [run.collocation["pde"].x for run in runs]
    assert [len(x) for x in points] == [40] * 5
    same = [torch.equal(before, after) for before, after in pairwise(points)]
    assert same == [True, False, True, False]
    assert float(runs[3].result.iterate.f) < float(runs[2].result.iterate.f)
