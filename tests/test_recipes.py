"""The recipes of CONTRIBUTING.md give what they say, each in the namespace of the file where it belongs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from pinnml import settings

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
