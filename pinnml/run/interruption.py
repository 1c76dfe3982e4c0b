"""Ctrl-C, SIGTERM and SIGHUP as a stop, so that a run ends and is saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from pinnml.objective import Counts
from pinnml.optim import Progress, Status, Stop

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that end a run: Ctrl-C, what batch systems send, and what a terminal sends that is closed."""


class Interruption(Stop):
    """Within its `with` block, a signal to end the process ends the run instead.

    After the first Ctrl-C the present step is finished; after the second, or another signal, whose sender waits for
    seconds only, it is dropped; at the third the process ends at once, as it would without this. A signal that was
    ignored, as in the background or under nohup, stays so. Only the main thread receives signals; in other threads
    nothing changes.
    """

    def __init__(self) -> None:
        self.signals = 0
        self.is_pressing = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._heard) for number in heeded}
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
        self.is_pressing = self.signals > 1 or number != signal.SIGINT
        if self.signals > 2:
            self._restore()
            signal.raise_signal(number)

    def reason(self, progress: Progress) -> str | None:
        """Stop after the present step."""
        return Status.INTERRUPTED.value if self.signals else None

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Stop before the next evaluation."""
        return self.is_pressing
