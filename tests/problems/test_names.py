"""The list of bundled problems."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pinnml import problems
from pinnml.problem import DeclarationError

FRESH = """
import sys
before = set(sys.modules)
import pinnml.problems
print(*sorted(set(sys.modules) - before))
"""


def test_the_promised_problems_are_there() -> None:
    assert set(problems.names()) >= {
        "poisson",
        "poisson-multiscale",
        "poisson-3d",
        "burgers",
        "allen-cahn",
        "allen-cahn-periodic",
        "allen-cahn-kinked",
    }


def test_every_call_declares_anew() -> None:
    assert problems.get("poisson") is not problems.get("poisson")


def test_unknown_name_is_refused_with_the_nearest_and_all() -> None:
    with pytest.raises(DeclarationError) as caught:
        problems.get("burger")
    message = str(caught.value)
    assert "did you mean 'burgers'?" in message
    assert all(name in message for name in problems.names())


def test_import_loads_neither_scipy_nor_any_problem() -> None:
    loaded = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True).stdout.split()
    assert "pinnml.problems" in loaded
    assert [name for name in loaded if name.startswith(("scipy", "pinnml.problems."))] == []
