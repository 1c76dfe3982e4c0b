"""What all figures share: their making without global state, their labels, their saving."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnml.errors import DeclarationError
from pinnml.io.files import atomic_path

Array = np.ndarray[Any, np.dtype[Any]]

# Okabe and Ito (2008), "Color Universal Design": told apart by colour-blind readers and on paper.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#000000")
GRID: dict[str, Any] = {"color": "#dddddd", "linewidth": 0.6}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the given inches that belongs to no window and no list of open figures."""
    return Figure(figsize=(width, height), layout="constrained")


def math_label(name: str) -> str:
    """Return the name of a coordinate or field for a label: one letter in italics, others as they are."""
    return f"${name}$" if len(name) == 1 and name.isalpha() else name


def save_figure(figure: Figure | Axes, path: str | os.PathLike[str], dpi: int = 150) -> Path:
    """Write a figure, or the whole figure of the given axes, atomically and return its path.

    The suffix names the format (.png where there is none, .pdf, .svg). Raises ValueError for an unknown
    suffix, OSError.
    """
    target = Path(path)
    if not target.suffix:
        target = target.with_suffix(".png")
    if figure.figure is None:
        raise DeclarationError("The axes belong to no figure: they were removed from it and cannot be saved.")
    whole = figure.figure.figure  # axes, their figure or sub-figure, the whole figure, which is its own
    with atomic_path(target) as temporary:
        whole.savefig(temporary, dpi=dpi)
    return target
