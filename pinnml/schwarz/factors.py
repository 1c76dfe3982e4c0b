"""Additive Schwarz as a linear preconditioner: Gauss–Newton factors of blocks of parameters."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from torch import Tensor

from pinnml.objective import AbstractObjective, AbstractRestriction, Structure
from pinnml.optim import AbstractInverse, AbstractPreconditioner, damped_factor, modelled, solved
from pinnml.schwarz.decomposition import ByLayer, Decomposition, multiplicity
from pinnml.settings import Shape, record, setting


@record
class SchwarzInverse(AbstractInverse):
    """M⁻¹v = Σ_s W E_s F_s⁻¹ R_s W v with the Cholesky factors of F_s, shapes (k_s, k_s), and the weights W (p,)."""

    restrictions: tuple[AbstractRestriction, ...]
    cholesky: tuple[Tensor, ...]
    weights: Annotated[Tensor, Shape(("p",))]
    diagonal: Annotated[Tensor, Shape(("p",))]

    def __call__(self, v: Tensor) -> Tensor:
        """Return the weighted sum of all blocks' solves."""
        weighted = self.weights * v
        total = v.new_zeros(v.shape)
        for restriction, factor in zip(self.restrictions, self.cholesky, strict=True):
            total += restriction.adjoint(solved(factor, restriction(weighted)))
        return self.weights * total


@setting
class SchwarzFactors(AbstractPreconditioner):
    """M⁻¹ = Σ_s W E_s F_s⁻¹ R_s W with F_s = J_sᵀJ_s + λ·diag(J_sᵀJ_s) and J_s = JE_s (additive Schwarz, one level).

    W is 1/√(number of blocks that hold a parameter), so that M⁻¹ stays symmetric where blocks overlap.

    Parameters
    ----------
    decomposition : Decomposition, default ByLayer()
        Which parameters are a block.
    """

    decomposition: Decomposition = field(default_factory=ByLayer)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return the factors of all blocks, and the largest's matrix while it is factorised."""
        sizes = [block.shape[0] for block in self.decomposition.restrictions(structure, size)]
        return sum(k**2 for k in sizes) + 2 * max(sizes) ** 2

    def factors(self, objective: AbstractObjective, theta: Tensor, damping: float) -> SchwarzInverse:
        """Make and factorise the Gauss–Newton matrices of all blocks."""
        problem = modelled(objective, "SchwarzFactors")
        blocks = self.decomposition.restrictions(objective.structure, len(theta))
        counts = multiplicity(blocks, theta)
        cholesky, diagonal = [], theta.new_zeros(theta.shape)
        for block in blocks:
            gram = block_gram(problem, block, theta)
            diagonal += block.adjoint(gram.diagonal())
            cholesky.append(damped_factor(gram, damping))
        return SchwarzInverse(blocks, tuple(cholesky), counts.rsqrt(), diagonal / counts)


def block_gram(problem: AbstractObjective, restriction: AbstractRestriction, theta: Tensor) -> Tensor:
    """Return RJᵀJRᵀ at θ, shape (k, k), from the restricted problem, which need not make the whole Jacobian."""
    part = modelled(problem.restricted(restriction, theta), "block_gram")
    return part.gauss_newton(restriction(theta)).gram
