"""Two-level additive Schwarz as a linear preconditioner: blocks, and groups of tied blocks."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from torch import Tensor

from pinnml.levels.coarse import tie
from pinnml.objective import AbstractObjective, Structure, Tied
from pinnml.optim import AbstractInverse, AbstractPreconditioner, damped_factor, modelled, solved
from pinnml.schwarz import SchwarzFactors, SchwarzInverse, block_gram
from pinnml.settings import Shape, record, setting


@record
class TwoLevelInverse(AbstractInverse):
    """M⁻¹v = M_fine⁻¹v + Σ_g P_g F_g⁻¹ P_gᵀ v with the Cholesky factors of F_g, one for each coarse level."""

    fine: SchwarzInverse
    levels: tuple[Tied, ...]
    cholesky: tuple[Tensor, ...]
    diagonal: Annotated[Tensor, Shape(("p",))]

    def __call__(self, v: Tensor) -> Tensor:
        """Return the sum of the fine and the coarse solves."""
        total = self.fine(v)
        for level, factor in zip(self.levels, self.cholesky, strict=True):
            total = total + level.adjoint(solved(factor, level(v)))
        return total


@setting
class TwoLevelFactors(AbstractPreconditioner):
    """M⁻¹ = M_fine⁻¹ + Σ_g P_g F_g⁻¹ P_gᵀ with F_g = P_gᵀJᵀJP_g + λ·diag of it (two-level additive Schwarz).

    P_g repeats one increment over g neighbouring blocks (see `Tied`), for every g of `groups`.

    Parameters
    ----------
    fine : SchwarzFactors, default SchwarzFactors()
        The factors of the blocks.
    groups : tuple of int, default (3,)
        The most blocks that share one increment, one number for each coarse level.
    """

    fine: SchwarzFactors = field(default_factory=SchwarzFactors)
    groups: tuple[int, ...] = (3,)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the blocks, and the factors of all coarse levels."""
        unknowns = [tie(structure, size, group).shape[0] for group in self.groups]
        return self.fine.storage(structure, size, rows) + 2 * sum(k**2 for k in unknowns)

    def factors(self, objective: AbstractObjective, theta: Tensor, damping: float) -> TwoLevelInverse:
        """Make and factorise the Gauss–Newton matrices of all blocks and all coarse levels."""
        problem = modelled(objective, "TwoLevelFactors")
        fine = self.fine.factors(objective, theta, damping)
        levels = tuple(tie(objective.structure, len(theta), group) for group in self.groups)
        cholesky = tuple(damped_factor(block_gram(problem, level, theta), damping) for level in levels)
        return TwoLevelInverse(fine, levels, cholesky, fine.diagonal)
