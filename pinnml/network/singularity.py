"""What solutions are made of where they are not smooth, as features of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from pinnml.network.indices import MultiIndex


class Singularity(ABC):
    """Some pairs of functions of the coordinates, by which neurons are multiplied in turns.

    Their derivatives have no bound, so that they do not enter the first layer of a network.
    """

    pairs: int
    """How many pairs there are."""

    is_certain = False
    """Whether the data say that solutions are made of it, so that nothing has to be tried."""

    @property
    def features(self) -> int:
        """The number of functions."""
        return 2 * self.pairs

    @abstractmethod
    def jet(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return their derivatives at points x (n, d), shape (C, features, n), for a closed set of multi-indices."""

    def judged(self, x: Tensor, near: float) -> Tensor | None:
        """Return points x (n, d) moved so near that the equation would hold there for N = 0 if all were smooth.

        None where it is known, or must be tried, whether it is.
        """
        return None
