"""Reference solutions against which errors are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Reference:
    """A solution known exactly or computed by other means.

    `fields[u]` is a function of arrays by coordinate name, all of shape (n,), with values of shape (n,); `grid` gives
    the number of uniform points a coordinate (ends included) at which errors are scored; `accuracy` is the
    reference's own relative error (dimensionless), and `source` says where it comes from.
    """

    fields: Mapping[str, Callable[..., Array]]
    grid: Mapping[str, int]
    source: str
    accuracy: float

    def __call__(self, coordinates: Mapping[str, Array]) -> dict[str, Array]:
        """Evaluate every field at points given by coordinate, arrays of one shape (n,)."""
        return {name: np.asarray(field(**coordinates)) for name, field in self.fields.items()}
