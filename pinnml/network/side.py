"""The side of an interface on which a point lies, and how far off: what has a kink there is smooth in these."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnml.network.autograd import derivatives
from pinnml.network.indices import MultiIndex
from pinnml.settings import record

Level = Callable[[Tensor], Tensor]
"""A function of points (n, d), shape (n,), that is zero on an interface and changes its sign there, with a slope."""


@record
class Side:
    """|d| and sign d of a level function d: of a neuron that reads them both values and slopes may jump where d = 0.

    |d| as a feature: Hu, Lin, Lai, J. Comput. Phys. 469, 2022 (a cusp-capturing network); the sign: Hu, Lin, Lai, J.
    Comput. Phys. 470, 2022 (a discontinuity-capturing one).
    """

    level: Level
    features = 2

    def jet(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return their derivatives at points x (n, d) off the interface, shape (C, 2, n)."""
        found = derivatives(self.level, x, indices)
        number = list(indices).index((0,) * x.shape[1])
        sign = torch.where(found[number] < 0, -1.0, 1.0).to(x)
        jet = torch.zeros_like(found)[:, None].repeat(1, 2, 1)
        jet[:, 0] = sign * found
        jet[number, 1] = sign
        return jet
