"""Runs in several threads of Python give the bits of runs one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import pytest
import torch
from small_problems import heat, oscillator, string, tiny
from torch import Tensor

import pinnml as pm
from pinnml.threads import set_threads


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def readout(seed: int) -> Tensor:
    """Return θ of a readout of many neurons, whose factorisation takes all threads."""
    problem = (heat, string, oscillator)[seed % 3]()
    return pm.solve(problem, stop=pm.Iterations(3), seed=seed, progress=False).theta


def descent(seed: int) -> Tensor:
    """Return θ of a descent that evaluates chunks side by side."""
    settings: dict[str, Any] = {"points": pm.Hammersley(300), "stop": pm.Iterations(5), "chunk": 100}
    return pm.solve(heat(), pm.MLP(width=8, depth=2), pm.LBFGS(), seed=seed, progress=False, **settings).theta


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("run", [pytest.param(readout, marks=pytest.mark.soak), descent])
def test_runs_side_by_side_are_those_one_after_another(run: Callable[[int], Tensor]) -> None:
    alone = [run(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(run, range(4)))
    assert [torch.equal(one, other) for one, other in zip(found, alone, strict=True)] == [True] * 4
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_thread_that_begins_within_another_run_has_all_threads() -> None:
    """Where the run that is under way has set torch to one."""
    found: list[pm.Solution] = []

    def another(row: pm.run.HistoryRow) -> None:
        if not found:
            with ThreadPoolExecutor(1) as threads:
                found.append(threads.submit(tiny, heat(), 1).result())

    first = tiny(heat(), 2, callback=another)
    assert found[0].machine["threads"] == first.machine["threads"] == torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_thread_keeps_what_was_set_for_it_though_another_sets_more() -> None:
    """torch gives a thread at its first operation the number that any other has set last."""
    was_set, others_set = Event(), Event()
    found = []

    def worker() -> None:
        set_threads(1)
        was_set.set()
        others_set.wait(10)
        found.append(torch.get_num_threads())

    thread = Thread(target=worker)
    thread.start()
    was_set.wait(10)
    torch.set_num_threads(2)
    others_set.set()
    thread.join(10)
    assert found == [1]
