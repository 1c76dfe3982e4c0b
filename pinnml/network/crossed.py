"""Where two singular functions meet, as layers at two walls do: their products."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.network.indices import MultiIndex, products
from pinnml.network.singularity import Singularity
from pinnml.settings import record


@record
class Crossed(Singularity):
    """The products of every function of one singularity with every one of another, by Leibniz's rule."""

    first: Singularity
    second: Singularity

    @property
    def pairs(self) -> int:  # type: ignore[override]
        """Half as many as there are products."""
        return self.first.features * self.second.features // 2

    @property
    def is_certain(self) -> bool:  # type: ignore[override]
        """Whether both are."""
        return self.first.is_certain and self.second.is_certain

    def jet(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return their derivatives at points x (n, d), shape (C, features, n), those of the first by turns."""
        first, second = self.first.jet(x, indices), self.second.jet(x, indices)
        product = x.new_zeros(len(indices), second.shape[1], first.shape[1], len(x))
        for channel, upper, lower, count in products(indices):
            product[channel] += count * second[upper, :, None] * first[lower, None]
        return torch.flatten(product, 1, 2)
