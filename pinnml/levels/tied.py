"""The coarse network level of a residual network in Galerkin form: blocks tied in groups."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, AbstractRestriction


@dataclass(frozen=True)
class Tied(AbstractRestriction):
    """R = Pᵀ for P that gives one increment to all ranges of a group; all ranges of a group have one length.

    The coarse problem is f(θ + Py) itself, with Jacobian JP: the sum of the block Jacobians over each group.
    """

    groups: tuple[tuple[tuple[int, int], ...], ...]
    size: int

    def __call__(self, v: Tensor) -> Tensor:
        """Return Pᵀv: the sum over each group's ranges, shape (…, k)."""
        coarse = v.new_zeros(self.unknowns, *v.shape[:-1])
        begin = 0
        for group in self.groups:
            stop = begin + group[0][1] - group[0][0]
            for first, last in group:
                coarse[begin:stop] += v[..., first:last].movedim(-1, 0)
            begin = stop
        return coarse.movedim(0, -1)

    def adjoint(self, x: Tensor) -> Tensor:
        """Return Px: each group's increment repeated."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        begin = 0
        for group in self.groups:
            stop = begin + group[0][1] - group[0][0]
            for first, last in group:
                whole[..., first:last] = x[..., begin:stop]
            begin = stop
        return whole

    @property
    def unknowns(self) -> int:
        """The number k of coarse variables."""
        return sum(group[0][1] - group[0][0] for group in self.groups)


def tied_blocks(objective: AbstractObjective, size: int, group: int) -> Tied:
    """Tie neighbouring layers of equal shape in groups of at most `group`; other layers stay by themselves."""
    if not objective.layers:
        raise DeclarationError("The objective has no layers; where: tied_blocks; use it with a residual network.")
    groups = []
    for _, run in groupby(objective.layers, key=lambda layer: layer[1] - layer[0]):
        alike = list(run)
        groups += [tuple(alike[begin : begin + group]) for begin in range(0, len(alike), group)]
    return Tied(tuple(groups), size)
