"""Patches of the domain outside of which neurons are next to nothing, for what is narrow and far from all walls."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pinnml.network.activation import Exp
from pinnml.network.chain_rule import ChainRule
from pinnml.network.indices import MultiIndex, products
from pinnml.network.workspace import Workspace
from pinnml.settings import record

FAR = -90.0
"""ln p of what counts as zero."""


@record
class Patches:
    """p_e = exp(−½ Σ_j ((s_j − c_ej)/w_ej)²) of the rows s with some numbers of a network's states, e = 1, …, E.

    Neurons that are multiplied by one of them are local, as the basis functions of a refined patch of a mesh are
    (Brandt, Math. Comp. 31, 1977, §7), and as those of windows in a partition of unity.

    Parameters
    ----------
    rows : Tensor
        The numbers (j,) of the rows, which are functions of the coordinates alone.
    centres, widths : Tensor
        c and w, shape (E, j), in the units of the rows; a width that is infinite stands for all of the row.
    """

    rows: Tensor
    centres: Tensor
    widths: Tensor

    @property
    def count(self) -> int:
        """How many there are, E."""
        return len(self.centres)

    def jets(self, states: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the jets (C, E, n) of all p_e for those (C, w, n) of the states."""
        number = next(channel for channel, index in enumerate(indices) if sum(index) == 0)
        exponent = states.new_zeros(len(states), self.count, states.shape[2])
        for row, centre, width in zip(self.rows, self.centres.T, self.widths.T, strict=True):
            z = states[:, row, None].repeat(1, self.count, 1)
            z[number] -= centre[:, None]
            z.div_(width[:, None])
            for channel, upper, lower, count in products(indices):
                exponent[channel].addcmul_(z[upper], z[lower], value=-count / 2)
        found = ChainRule(indices, Exp()).forward(exponent, Workspace())[0]
        return found.masked_fill_(exponent[number] < FAR, 0.0)  # products of such small numbers take very long
