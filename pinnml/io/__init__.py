"""Files: atomic writing, histories as CSV, figures; `pinnml.io.vtu` (fields on grids) is loaded only when asked for."""

from __future__ import annotations

from pinnml.io.files import atomic_path, path_of, prepare_folder, read_json, write_bytes, write_json
from pinnml.io.history_csv import read_history, write_history
from pinnml.io.images import save_figure, save_figures

__all__ = [
    "atomic_path",
    "path_of",
    "prepare_folder",
    "read_history",
    "read_json",
    "save_figure",
    "save_figures",
    "write_bytes",
    "write_history",
    "write_json",
]
