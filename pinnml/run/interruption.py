"""Ctrl-C and SIGTERM as a stop, so that a run ends between two steps and is saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from pinnml.objective import Counts
from pinnml.optim import Progress, Status, Stop

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""The signals that end a run: Ctrl-C, and what batch systems send."""


class Interruption(Stop):
    """Within its `with` block, a signal to end the process ends the run instead.

    After the first signal the present step is finished, after the second it is dropped; at the third the process ends
    at once, as it would without this. Only the main thread receives signals; in other threads nothing changes.
    """

    def __init__(self) -> None:
        self.signals = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._heard) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1
        if self.signals > 2:
            self._restore()
            signal.raise_signal(number)

    def reason(self, progress: Progress) -> str | None:
        """Stop after the present step."""
        return Status.INTERRUPTED.value if self.signals else None

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Stop before the next evaluation."""
        return self.signals > 1
