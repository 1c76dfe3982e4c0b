"""How a run was refined, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from pinnml.adapt import Refinement

COLUMNS = ("iteration", "work", "refinement", "neurons", "layers", "parameters", "points", "loss", "estimate")


def _change(pair: tuple[int, int]) -> str:
    """Return a number, or what it has become from what."""
    before, after = pair
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"


def _cells(one: Refinement) -> list[str]:
    known = "-" if one.estimate is None else f"{one.estimate:.1e}" + ("" if one.trustworthy else " (not trusted)")
    return [
        f"{one.iteration:,}",
        f"{one.work:,.0f}",
        one.what,
        *(_change(pair) for pair in (one.neurons, one.layers, one.parameters, one.points)),
        "-" if one.loss is None else f"{one.loss:.1e}",
        known,
    ]


def refinement_table(refinements: Sequence[Refinement]) -> Table:
    """Return a table with a row for each change: when, what, from what to what, and loss and estimate before it."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "refinement" else "right", no_wrap=name != "refinement")
    for one in refinements:
        table.add_row(*_cells(one))
    return table
