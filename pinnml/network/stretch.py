"""Coordinates stretched where a layer lies, so that it is as wide in them as all else."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pinnml.network.activation import Asinh
from pinnml.network.chain_rule import ChainRule
from pinnml.network.indices import MultiIndex
from pinnml.network.workspace import Workspace
from pinnml.settings import record


@record
class Stretch:
    """t = Σ_e asinh((s − c_e)/w_e), e = 1, 2, of the rows s with some numbers of a network's states.

    Between one width from c_e and all of the domain t is like ±log |s − c_e|, so that exp(−(s − c_e)/ε) has a width of
    about one for every ε ≥ w. Such layers have exponentially graded meshes in the same way (Bakhvalov, Zh. Vychisl.
    Mat. Mat. Fiz. 9, 1969).

    Parameters
    ----------
    rows : Tensor
        The numbers (j,) of the rows, which are functions of the coordinates alone.
    centres, widths : Tensor
        c and w, shape (j, 2), in the units of the rows; a width that is infinite stands for none.
    """

    rows: Tensor
    centres: Tensor
    widths: Tensor

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.rows)

    def jets(self, states: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the jets (C, j, n) of t for those (C, w, n) of the states."""
        number = next(channel for channel, index in enumerate(indices) if sum(index) == 0)
        rule, found = ChainRule(indices, Asinh()), None
        for centre, width in zip(self.centres.T, self.widths.T, strict=True):
            z = states[:, self.rows].clone()
            z[number] -= centre[:, None]
            stretched = rule.forward(z.div_(width[:, None]), Workspace())[0]
            found = stretched if found is None else found + stretched
        assert found is not None
        return found
