"""Two-level additive Schwarz as a linear preconditioner: blocks, and groups of tied blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from pinnml.levels.tied import Tied, tied_blocks
from pinnml.objective import AbstractObjective
from pinnml.optim import AbstractInverse, AbstractPreconditioner, damped_factor, least_squares, solved
from pinnml.schwarz import SchwarzFactors, SchwarzInverse, block_gram
from pinnml.settings import setting


@dataclass(frozen=True)
class TwoLevelInverse(AbstractInverse):
    """M⁻¹v = M_fine⁻¹v + Σ_g P_g F_g⁻¹ P_gᵀ v with the Cholesky factors of F_g, one for each coarse level."""

    fine: SchwarzInverse
    levels: tuple[Tied, ...]
    cholesky: tuple[Tensor, ...]
    diagonal: Tensor

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
    """

    fine: SchwarzFactors = field(default_factory=SchwarzFactors)
    groups: tuple[int, ...] = (3,)

    def storage(self, objective: AbstractObjective, size: int, rows: int) -> int:
        """Return that of the blocks, and the factors of all coarse levels."""
        unknowns = [tied_blocks(objective, size, group).unknowns for group in self.groups]
        return self.fine.storage(objective, size, rows) + 2 * sum(k**2 for k in unknowns)

    def factors(self, objective: AbstractObjective, theta: Tensor, damping: float) -> TwoLevelInverse:
        """Make and factorise the Gauss–Newton matrices of all blocks and all coarse levels."""
        problem = least_squares(objective, "TwoLevelFactors")
        fine = self.fine.factors(objective, theta, damping)
        levels = tuple(tied_blocks(objective, len(theta), group) for group in self.groups)
        cholesky = tuple(damped_factor(block_gram(problem, level, theta), damping) for level in levels)
        return TwoLevelInverse(fine, levels, cholesky, fine.diagonal)
