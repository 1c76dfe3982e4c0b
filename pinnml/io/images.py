"""Figures as pictures; nothing here loads matplotlib, which whoever has a figure has done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pinnml.errors import DeclarationError
from pinnml.io.files import atomic_path, path_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def save_figure(figure: Figure | Axes, path: str | os.PathLike[str], dpi: int = 150) -> Path:
    """Write a figure, or the whole figure of the given axes, atomically and return its path.

    The suffix names the format (.png where there is none, .pdf, .svg). Raises ValueError for an unknown
    suffix, OSError.
    """
    target = path_of(path)
    if not target.suffix:
        target = target.with_suffix(".png")
    if figure.figure is None:
        what = "The axes belong to no figure: they were removed from it"
        raise DeclarationError(what, "save_figure", "plot into a figure again")
    whole = figure.figure.figure  # axes, their figure or sub-figure, the whole figure, which is its own
    with atomic_path(target) as temporary:
        whole.savefig(temporary, dpi=dpi)
    return target


def save_figures(figures: Mapping[str, Figure], folder: str | os.PathLike[str]) -> list[Path]:
    """Write every figure as PNG into a folder and return the paths."""
    return [save_figure(figure, path_of(folder) / f"{name}.png") for name, figure in figures.items()]
