"""What all figures share: their making without global state, their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

# Okabe and Ito (2008), "Color Universal Design": distinguishable for colour-blind readers and on paper.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#000000")
GRID: dict[str, Any] = {"color": "#dddddd", "linewidth": 0.6}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the given inches that belongs to no window and no list of open figures."""
    return Figure(figsize=(width, height), layout="constrained")


TIME = "t"
"""The coordinate of this name is time, which has no length."""

LONGEST = 10.0
"""Domains whose sides differ by a larger factor are stretched to fill a figure."""


def keep_shape(axes: Axes, bounds: Mapping[str, tuple[float, float]]) -> None:
    """Give two coordinates of space one scale, so that circles are round; time and long domains fill the figure."""
    sides = [high - low for low, high in bounds.values()]
    if TIME not in bounds and 0 < max(sides) <= LONGEST * min(sides):
        axes.set_aspect("equal")


def math_label(name: str) -> str:
    """Return the name of a coordinate or field for a label: one letter in italics, others unchanged."""
    return f"${name}$" if len(name) == 1 and name.isalpha() else name
