"""How a run was refined, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from pinnml.adapt import Refinement

COLUMNS = ("iteration", "work", "refinement", "neurons", "layers", "parameters", "points", "loss", "estimate")

FULL = 130
"""Columns of a terminal that all of the table takes."""

UNTRUSTED = "?: not to be trusted"


def _change(pair: tuple[int, int]) -> str:
    """Return a number, or what it has become from what."""
    before, after = pair
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"


def _known(one: Refinement, mark: str) -> tuple[str, str]:
    """Return loss and estimate before a refinement, with a mark where the estimate is not to be trusted."""
    loss = "-" if one.loss is None else f"{one.loss:.1e}"
    return loss, "-" if one.estimate is None else f"{one.estimate:.1e}" + ("" if one.trustworthy else mark)


def _cells(one: Refinement) -> list[str]:
    changes = (_change(pair) for pair in (one.neurons, one.layers, one.parameters, one.points))
    return [f"{one.iteration:,}", f"{one.work:,.0f}", one.what, *changes, *_known(one, " (not trusted)")]


def _brief(one: Refinement) -> dict[str, str]:
    """Return what fits a narrow terminal: numbers as they are from then on."""
    loss, estimate = _known(one, " ?")
    counts = {"neurons": f"{one.neurons[1]:,}", "points": f"{one.points[1]:,}"}
    return {"it": f"{one.iteration:,}", "refinement": one.what} | counts | {"loss": loss, "estimate": estimate}


def refinement_table(refinements: Sequence[Refinement], width: int = FULL) -> Table:
    """Return a table with a row for each change: when, what, from what to what, and loss and estimate before it.

    A terminal of less than 130 columns' `width` gets what matters most; summary.json has all.
    """
    cells: list[Mapping[str, str]] = [_brief(one) for one in refinements]
    if width >= FULL:
        cells = [dict(zip(COLUMNS, _cells(one), strict=True)) for one in refinements]
    table = Table(box=box.SIMPLE, pad_edge=False, caption=None if width >= FULL else UNTRUSTED, caption_justify="left")
    for name in cells[0] if cells else COLUMNS:
        table.add_column(name, justify="left" if name == "refinement" else "right", no_wrap=name != "refinement")
    for row in cells:
        table.add_row(*map(Text, row.values()))  # no markup
    return table
