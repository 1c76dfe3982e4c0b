"""What all tests share: chance from one seed, and what is left out where there is no CUDA device."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import torch

import pinnml as pm


@pytest.fixture
def generator() -> torch.Generator:
    """A generator on the CPU with seed 0."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def on_one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, on which runs repeat to the bit, and no figures, which take most of the time of a run folder."""
    monkeypatch.setattr(pm.Solution, "figures", lambda self: {})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_configure() -> None:
    """Let processes that tests begin hear Ctrl-C, however the tests were started: in the background it is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Give each worker one thread before it starts: there is one worker a core, and more threads would wait in turn."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `gpu` where torch finds no CUDA device."""
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="torch finds no CUDA device here")
    for item in items:
        if item.get_closest_marker("gpu") is not None:
            item.add_marker(skip)
