"""The table that ends a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

# What the run folder's summary.json calls its entries, in reading order, and how a reader calls them.
LABELS = {
    "problem": "problem",
    "network": "network",
    "parameters": "parameters",
    "solver": "solver",
    "device": "device",
    "dtype": "precision",
    "seed": "seed",
    "seconds": "time [s]",
    "iterations": "iterations",
    "evaluations": "evaluations",
    "work": "work units",
    "loss": "loss",
    "gradient_norm": "gradient norm",
    "relative_l2": "relative L2 error",
    "max_error": "maximal error",
    "lifting_l2": "error of g alone",
    "estimate": "estimated error",
    "scales": "scales of fields",
    "success": "success",
    "status": "status",
    "message": "message",
    "version": "pinnml",
}
_SCIENTIFIC = ("loss", "gradient_norm", "relative_l2", "max_error", "lifting_l2")


def _text(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key == "estimate" and isinstance(value, Mapping):
        error = value["relative_l2"]
        text = ", ".join(f"{item:.1e}" if len(error) == 1 else f"{name} {item:.1e}" for name, item in error.items())
        return text if value["trustworthy"] else f"{text}, not to be trusted: {value['reason']}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_text(name, item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(key, item) for item in value)
    if isinstance(value, int):
        return str(value) if key == "seed" else f"{value:,}"
    if isinstance(value, float):
        if key in _SCIENTIFIC:
            return f"{value:.3e}"
        return f"{value:,.1f}" if key in ("seconds", "work") else f"{value:.6g}"
    return str(value)


def summary_table(summary: Mapping[str, Any]) -> Table:
    """Return a table of a run's summary: known entries in reading order, then the others by their names.

    Takes what summary.json holds; None, such as the error without a reference, shows as a dash.
    """
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    order = [key for key in LABELS if key in summary] + [key for key in summary if key not in LABELS]
    for key in order:
        value = summary[key]
        style = ("green" if value else "red") if key == "success" and isinstance(value, bool) else ""
        # Text, not a string: names such as [nu] are no markup.
        table.add_row(Text(LABELS.get(key, key)), Text(_text(key, value), style=style))
    return table
