"""Reference solutions against which errors are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from pinnml.settings import AtLeast, check_types

Array = np.ndarray


@dataclass(frozen=True)
class Reference:
    """A solution known exactly or computed by other means.

    Parameters
    ----------
    fields : mapping of str to callable
        For every field a function of the coordinates by name, arrays of shape (n,), that returns the field's values,
        shape (n,), in its units.
    grid : mapping of str to int
        For every coordinate the number of uniform points, at least 2, both ends among them, at which errors are scored.
    source : str
        Where the solution comes from: a formula, a paper or a method.
    accuracy : float
        The relative error of the reference itself (dimensionless), below which no score means anything.

    Raises
    ------
    DeclarationError
        For anything of another type, and for fewer points.
    """

    fields: Mapping[str, Callable[..., Array]]
    grid: Mapping[str, Annotated[int, AtLeast(2)]]
    source: str
    accuracy: Annotated[float, AtLeast(0)]

    def __post_init__(self) -> None:
        check_types(self, Reference)

    def __call__(self, coordinates: Mapping[str, Array]) -> dict[str, Array]:
        """Evaluate every field at points given by coordinate, arrays of one shape (n,)."""
        return {name: np.asarray(field(**coordinates)) for name, field in self.fields.items()}
