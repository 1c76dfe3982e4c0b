"""Every example runs, at tiny size, and what it returns is a number that can be wrong."""

from __future__ import annotations

import ast
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# what main returns at this size, and a bound that a few iterations less would break
TINY: dict[str, tuple[dict[str, Any], Callable[[float], bool]]] = {
    "bundled_problem": ({"iterations": 32, "width": 8}, lambda error: error < 0.15),  # 0.077; 0.31 after 28
    "own_pde": ({"iterations": 100, "points": 200}, lambda error: error < 2e-4),  # 1.1e-4; 4e-4 after 60
    "own_network": ({"iterations": 60, "points": 100}, lambda error: error < 1.8e-3),  # 1.4e-3; 2.1e-3 after 45
    "plate_with_hole": (  # 0.2414 where finite elements give 0.2410; 0.2360 after 10
        {"iterations": 20, "points": 300},
        lambda temperature: abs(temperature - 0.2410) < 1e-3,
    ),
    # 0.023; 0.077 after 16
    "unknown_viscosity": ({"nu": 0.1, "iterations": 24, "points": 150, "width": 8}, lambda error: error < 0.03),
    # 6e-5 off; 6e-2 after 5
    "two_materials": ({"iterations": 10, "points": 200}, lambda flow: abs(flow - 1 / 0.85) < 3e-4),
    "table_coefficient": (
        {"iterations": 25, "points": 100, "width": 8},
        lambda error: error < 2e-3,
    ),  # 9e-4; 3e-2 at 15
    "own_domain": ({"iterations": 25, "points": 200, "width": 8}, lambda error: error < 3e-4),  # 1e-4; 2e-3 after 15
    "robin_cooling": ({"iterations": 25, "points": 200, "width": 8}, lambda error: error < 4e-6),  # 7e-7; 9e-6 after 20
    "two_spirals": ({"iterations": 80}, lambda wrong: wrong < 0.006),  # 0; 0.0005 at most from four other starts
    "digits": ({"work": 60}, lambda wrong: wrong < 0.036),  # 0.0335; 0.0436 after 50
    "fitted_function": ({"iterations": 30}, lambda gain: gain > 500),  # 1570; 107 after 25
    "two_phases": ({"adam": 40, "lbfgs": 60, "points": 200, "width": 8}, lambda gain: gain > 300),  # 608
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_examples_reach_what_they_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings, reached = TINY[name]
    result = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](**settings)
    assert math.isfinite(result) and reached(result), result
    assert capsys.readouterr() == ("", "")


def test_every_example_is_run_and_short_and_explained() -> None:
    files = sorted(EXAMPLES.glob("*.py"))
    assert {file.stem for file in files} == set(TINY)
    for file in files:
        lines = file.read_text().splitlines()
        assert 30 <= len(lines) <= 90, file
        assert len((ast.get_docstring(ast.parse("\n".join(lines))) or "").splitlines()) >= 8, file
