"""Files: atomic writing, the run's history as CSV; `pinnml.io.vtu` (fields on grids) is loaded only when asked for."""

from __future__ import annotations

from pinnml.io.files import atomic_path, prepare_folder, read_json, write_bytes, write_json
from pinnml.io.history import HistoryRow, read_history, write_history

__all__ = [
    "HistoryRow",
    "atomic_path",
    "prepare_folder",
    "read_history",
    "read_json",
    "write_bytes",
    "write_history",
    "write_json",
]
