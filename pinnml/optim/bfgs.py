"""Quasi-Newton methods with a dense inverse Hessian: BFGS, and the self-scaled Broyden method used for PINNs."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import field
from typing import Annotated

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate, Structure, read
from pinnml.optim.line_search import Search, StrongWolfe
from pinnml.optim.quasi_newton import Plateau, descend, secant_pair
from pinnml.optim.solver import AbstractSolver, moved
from pinnml.optim.status import Status
from pinnml.settings import Shape, record, setting

PENDING = 32
"""Vectors of updates kept beside the matrix; a new matrix costs more in fresh memory than in arithmetic."""


@record
class InverseHessian:
    """H = σH₀ + ZᵀCZ with H₀ of shape (p, p), or (0, 0) for the identity; Z (k, p) and C (k, k) hold late updates.

    Updates are added to H₀ by one matrix product for every `PENDING` vectors, so that the matrix is seldom written and
    a state that was handed out is never changed.
    """

    base: Annotated[Tensor, Shape(("p?", "p?"))]
    scale: Annotated[Tensor, Shape()]
    vectors: Annotated[Tensor, Shape(("k", "p"))]
    weights: Annotated[Tensor, Shape(("k", "k"))]

    @staticmethod
    def identity(theta: Tensor) -> InverseHessian:
        """Return the identity for vectors like θ (p,)."""
        none = theta.new_empty(0, 0)
        return InverseHessian(none, theta.new_ones(()), theta.new_empty(0, len(theta)), none)

    @property
    def is_identity(self) -> bool:
        """Whether no update was made yet."""
        return not len(self.base) and not len(self.vectors)

    def __call__(self, v: Tensor) -> Tensor:
        """Return Hv, shape (p,)."""
        if self.is_identity:
            return v
        whole = self.base @ v if len(self.base) else v
        return self.scale * whole + (self.weights @ (self.vectors @ v)) @ self.vectors

    def updated(self, scale: float, pair: Tensor, weights: Tensor) -> InverseHessian:
        """Return scale·H + pairᵀ·weights·pair for two vectors, shape (2, p), and symmetric weights (2, 2)."""
        vectors, all_weights = torch.cat([self.vectors, pair]), torch.block_diag(scale * self.weights, weights)
        following = InverseHessian(self.base, scale * self.scale, vectors, all_weights)
        return following if len(vectors) < PENDING else following._gathered()

    def dense(self) -> Tensor:
        """Return H, shape (p, p)."""
        base = self.base if len(self.base) else _eye(self.vectors)
        added = self.weights @ self.vectors
        return torch.addmm(self.scale * base, self.vectors.T, added)

    def rearranged(self, sources: Tensor) -> InverseHessian:
        """Return H for a θ whose entries come from `sources` (see `moved`); a multiple of the identity for new ones.

        The multiple is σ, or the least diagonal entry of H: that of the stiffest parameter.
        """
        if not len(self.base):
            return InverseHessian(self.base, self.scale, moved(self.vectors, sources), self.weights)
        matrix = self.dense()
        following = moved(moved(matrix, sources).T, sources)
        following.diagonal()[sources < 0] = matrix.diagonal().min()
        return InverseHessian(
            following, torch.ones_like(self.scale), moved(self.vectors[:0], sources), self.weights[:0, :0]
        )

    def _gathered(self) -> InverseHessian:
        matrix = self.dense()
        return InverseHessian(matrix, torch.ones_like(self.scale), self.vectors[:0], self.weights[:0, :0])


@record
class DenseState:
    """The inverse Hessian, and how long nothing but rounding has changed."""

    inverse: InverseHessian
    plateau: Plateau = field(default_factory=Plateau)


@setting
class AbstractDense(AbstractSolver):
    """θ⁺ = θ − αH∇f with a dense H from the secant pairs of all steps; p parameters take 8p² bytes.

    A pair enters only if s·y > `curvature`·‖s‖‖y‖. A failed search drops H and tries steepest descent; if that fails
    too, the run ends at the best iterate with the reason, as it does at rounding (see `LBFGS`).

    Parameters
    ----------
    search : Search, default StrongWolfe()
        How far to go along −H∇f.
    curvature : float, default 1e-10
        The least s·y/‖s‖‖y‖ of a pair that enters (dimensionless).
    """

    search: Search = field(default_factory=StrongWolfe)
    curvature: float = 1e-10

    @abstractmethod
    def scalings(self, b: float, h: float, size: int, first: bool) -> tuple[float, float]:
        """Return τ and φ of the update for b = s·H⁻¹s/s·y, h = y·Hy/s·y and `size` parameters."""

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return H before and after a step, and the matrix added."""
        return 3 * size**2

    def init(self, objective: AbstractObjective, iterate: Iterate) -> DenseState:
        """Return the identity."""
        return DenseState(InverseHessian.identity(iterate.theta), Plateau().after(iterate))

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: DenseState, sources: Tensor
    ) -> DenseState:
        """Keep H for what was there before."""
        return DenseState(state.inverse.rearranged(sources), Plateau().after(iterate))

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: DenseState
    ) -> tuple[Iterate, DenseState, Status]:
        """Take one step."""
        inverse = state.inverse
        direction = -inverse(iterate.grad)
        descent = descend(objective, iterate, direction, not inverse.is_identity, state.plateau, self.search)
        if not descent.trusted:
            inverse = InverseHessian.identity(iterate.theta)
        pair = secant_pair(iterate, descent, self.curvature)
        if pair is not None:
            # H⁻¹s = −α∇f, where H made the direction
            bent = pair[0] if inverse.is_identity else -descent.step * iterate.grad
            inverse = self._updated(inverse, *pair, bent)
        return descent.iterate, DenseState(inverse, descent.plateau), descent.status

    def _updated(self, inverse: InverseHessian, s: Tensor, y: Tensor, bent: Tensor) -> InverseHessian:
        """Return (H − wwᵀ/η + φη vvᵀ)/τ + ssᵀ/s·y with w = Hy, η = y·w and v = s/s·y − w/η."""
        w = inverse(y)
        product, eta, curved = read(s.dot(y), y.dot(w), s.dot(bent))
        if not (eta > 0 and curved > 0 and math.isfinite(eta / product) and math.isfinite(curved / product)):
            return inverse  # rounding has taken H's definiteness along this pair
        tau, phi = self.scalings(curved / product, eta / product, len(s), inverse.is_identity)
        mixed = -phi / (tau * product)
        rows = [[1 / product + phi * eta / (tau * product) / product, mixed], [mixed, (phi - 1) / (tau * eta)]]
        return inverse.updated(1 / tau, torch.stack([s, w]), _filled(s, rows))


def _eye(vectors: Tensor) -> Tensor:
    """Return the identity for vectors (k, p), shape (p, p)."""
    return torch.eye(vectors.shape[1], dtype=vectors.dtype, device=vectors.device)


def _filled(like: Tensor, rows: list[list[float]]) -> Tensor:
    """Return numbers as a matrix beside another tensor, written there: a copy from the host would wait for a GPU."""
    return torch.stack([torch.stack([like.new_full((), number) for number in row]) for row in rows])


@setting
class BFGS(AbstractDense):
    """θ⁺ = θ − αH∇f with H by the BFGS update, H₀ = (s·y/y·y)I of the first pair (Nocedal, Wright 2006, § 6.1).

    Parameters
    ----------
    search : Search, default StrongWolfe()
        How far to go along −H∇f.
    curvature : float, default 1e-10
        The least s·y/‖s‖‖y‖ of a pair that enters (dimensionless).
    """

    def scalings(self, b: float, h: float, size: int, first: bool) -> tuple[float, float]:
        """Return τ = 1 and φ = 1; for the first pair τ = y·y/s·y."""
        return (h if first else 1.0), 1.0


@setting
class SelfScaledBroyden(AbstractDense):
    """θ⁺ = θ − αH∇f with H by the self-scaled Broyden update of Urbán, Stefanou, Pons (J. Comput. Phys. 2025).

    H⁺ = (H − wwᵀ/η + φη vvᵀ)/τ + ssᵀ/s·y with w = Hy, η = y·w, v = s/s·y − w/η. With b = s·H⁻¹s/s·y, h = η/s·y,
    a = bh − 1 and c = √(a/(1 + a)): ρ⁻ = min(1, h(1 − c)), θ = max((ρ⁻ − 1)/a, min(1/ρ⁻, (1 − b)/b)), σ = 1 + aθ,
    φ = (1 − θ)/σ; and with ρ = min(1, 1/b), for p parameters, τ = min(ρσ^(1/(1−p)), σ) where θ ≤ 0, else
    τ = ρ min(σ^(1/(1−p)), 1/θ). For the first pair τ = h/σ. Source: arXiv 2405.04230, which takes the two factors from
    Al-Baali and Khalfan's self-scaling methods; the formulas were compared with the authors' own code, where this
    variant is called SSBroyden2.

    Parameters
    ----------
    search : Search, default StrongWolfe()
        How far to go along −H∇f.
    curvature : float, default 1e-10
        The least s·y/‖s‖‖y‖ of a pair that enters (dimensionless).
    """

    def scalings(self, b: float, h: float, size: int, first: bool) -> tuple[float, float]:
        """Return τ and φ."""
        # a ≥ 0 by Cauchy and Schwarz; at a = 0 the update does not depend on θ
        a = max(b * h - 1, 1e-15)
        low = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
        low = max(low, 1e-15)
        theta = max((low - 1) / a, min(1 / low, (1 - b) / b))
        sigma = max(1 + a * theta, 1e-15)
        phi = (1 - theta) / sigma
        if first:
            return h / sigma, phi
        shared = min(1.0, 1 / b)
        root = sigma ** (1 / (1 - size)) if size > 1 else 1.0
        return (min(shared * root, sigma) if theta <= 0 else shared * min(root, 1 / theta)), phi
