"""What a run leaves in its folder: numbers first, then figures, of which none is worth the rest."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pinnml.errors import sentence
from pinnml.io import save_figures
from pinnml.run.folder import conclude, save

if TYPE_CHECKING:
    from pinnml.run.solution import Solution


class FigureWarning(UserWarning):
    """A figure that could not be made."""


def written(solution: Solution, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the run's folder, and return the paths of its figures; of those that fail a warning tells."""
    path = save(solution.run, folder)
    made = _drawn(solution, path)
    conclude(solution.run, solution.error(), solution.parameters, path)
    return made


def _drawn(solution: Solution, path: Path) -> list[Path]:
    made = list[Path]()
    try:
        figures = solution.figures()
    except Exception as error:  # whatever matplotlib, LaTeX or memory raises
        _miss("figures", path, error)
        return made
    for name, figure in figures.items():
        try:
            made += save_figures({name: figure}, path)
        except Exception as error:
            _miss(f"figure {name!r}", path, error)
    return made


def _miss(what: str, folder: Path, error: Exception) -> None:
    text = f"The {what} could not be made: {type(error).__name__}: {error}"
    warnings.warn(
        sentence(text, str(folder), "mend that, and let `pinnml plot` make them"), FigureWarning, stacklevel=4
    )
