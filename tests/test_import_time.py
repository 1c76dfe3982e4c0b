"""What `import pinnml` costs beyond torch, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LEFT_ALONE = ("matplotlib", "meshio", "rich", "scipy")


def answer(code: str) -> str:
    """Run code in a fresh interpreter, which keeps what it compiles as a user's does, and return what it prints."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


SHARE = """
from time import process_time
start = process_time()
import torch
between = process_time()
import pinnml
print((process_time() - between) / (between - start))
"""


@pytest.mark.slow
def test_the_package_adds_little_to_torch() -> None:
    """A share of torch's own import, 0.15: seconds depend on the machine, and the share on what else it does."""
    assert min(float(answer(SHARE)) for _ in range(8)) < 0.25


@pytest.mark.slow
def test_figures_files_and_terminals_are_loaded_when_asked_for() -> None:
    code = "import sys, {}; print(*sorted(set(name.partition('.')[0] for name in sys.modules)))"
    loaded = answer(code.format("pinnml, pinnml.problems")).split()
    assert "pinnml" in loaded and set(LEFT_ALONE).isdisjoint(loaded)
    assert set(LEFT_ALONE) - {"scipy", "meshio"} <= set(answer(code.format("pinnml.cli, pinnml.report")).split())


@pytest.mark.parametrize("state", ["enable", "disable"])
def test_garbage_is_collected_after_the_import_as_before(state: str) -> None:
    assert answer(f"import gc; gc.{state}(); import pinnml; print(gc.isenabled())") == str(state == "enable")
