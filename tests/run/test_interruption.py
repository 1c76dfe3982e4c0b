"""Signals end a run: after the step under way, then before the next evaluation, then at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from small_problems import TINY, heat

import pinnml as pm
from pinnml.objective import Counts
from pinnml.optim import Status
from pinnml.run import SIGNALS, Interruption


def press(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Signals that end the process, as in the foreground of a terminal, whatever the tests were started with."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_stops_after_the_step_and_two_before_the_next_evaluation(number: int) -> None:
    """All but Ctrl-C stop before the next evaluation at once: whoever sends them waits for seconds only."""
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert interruption.signals == 0 and not interruption.spent(0.0, Counts())
        press(number)
        assert interruption.signals == 1 and interruption.spent(0.0, Counts()) == (number != signal.SIGINT)
        press(number)
        assert interruption.spent(0.0, Counts())
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_was_ignored_stays_so(number: int) -> None:
    """As in the background, or under nohup."""
    signal.signal(number, signal.SIG_IGN)
    with Interruption() as interruption:
        press(number)
        assert interruption.signals == 0
    assert signal.getsignal(number) is signal.SIG_IGN


def test_the_third_signal_does_what_it_did_before() -> None:
    with pytest.raises(KeyboardInterrupt), Interruption():
        press()
        press()
        press()


def test_a_thread_cannot_listen_and_trains_all_the_same() -> None:
    found: list[pm.Solution] = []

    def train() -> None:
        found.append(pm.solve(heat(), TINY, points=pm.Sobol(8), stop=pm.Iterations(1), device="cpu"))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert found[0].result.nit == 1


@pytest.mark.parametrize(
    ("number", "times", "iterations"), [(signal.SIGINT, 1, 4), (signal.SIGINT, 2, 3), (signal.SIGTERM, 1, 3)]
)
def test_a_run_ends_with_the_step_or_before_it(number: int, times: int, iterations: int) -> None:
    """The signals come while the fourth step is taken."""
    steps: list[int] = []

    class Pressing(pm.LBFGS):
        """L-BFGS that is interrupted at the beginning of its fourth step."""

        def step(self, objective: Any, iterate: Any, state: Any) -> Any:
            steps.append(1)
            for _ in range(times if len(steps) == 4 else 0):
                press(number)
            return super().step(objective, iterate, state)

    settings: dict[str, Any] = {"points": pm.Sobol(8), "stop": pm.Iterations(9), "device": "cpu"}
    solution = pm.solve(heat(), TINY, Pressing(), **settings)
    assert solution.result.status is Status.INTERRUPTED and solution.result.nit == iterations
