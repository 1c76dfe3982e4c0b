"""Secant pairs and the inverse-Hessian products of L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from pinnml.optim.solver import moved
from pinnml.settings import Shape, record


@record
class SecantMemory:
    """Pairs (s, y) = (θ⁺ − θ, ∇f⁺ − ∇f), oldest first: S and Y of shape (k, p), and SYᵀ of shape (k, k)."""

    s: Annotated[Tensor, Shape(("k", "p"))]
    y: Annotated[Tensor, Shape(("k", "p"))]
    products: Annotated[Tensor, Shape(("k", "k"))]

    @staticmethod
    def empty(theta: Tensor) -> SecantMemory:
        """Return a memory without pairs for vectors like θ (p,)."""
        return SecantMemory(theta.new_empty(0, len(theta)), theta.new_empty(0, len(theta)), theta.new_empty(0, 0))

    def __len__(self) -> int:
        return len(self.s)

    def pushed(self, s: Tensor, y: Tensor, size: int) -> SecantMemory:
        """Return a memory with one pair more and the oldest dropped beyond `size`."""
        drop = max(0, len(self) + 1 - size)
        old_s, old_y, old = self.s[drop:], self.y[drop:], self.products[drop:, drop:]
        new = torch.cat([torch.cat([old, (old_s @ y)[:, None]], 1), torch.cat([old_y @ s, s.dot(y)[None]])[None]])
        return SecantMemory(torch.cat([old_s, s[None]]), torch.cat([old_y, y[None]]), new)

    def rearranged(self, sources: Tensor, tolerance: float) -> SecantMemory:
        """Return the pairs for a θ whose entries come from `sources` (see `moved`): zeros stand for new ones.

        Curvature s·y is what it was where none is lost; a pair that loses it goes (`has_curvature`).
        """
        s, y = moved(self.s, sources), moved(self.y, sources)
        kept = [number for number in range(len(s)) if has_curvature(s[number], y[number], tolerance)]
        return SecantMemory(s[kept], y[kept], s[kept] @ y[kept].T)

    def inverse_times(self, gradient: Tensor, initial: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return H∇f with H₀ = γI, γ = s·y/y·y of the newest pair (Nocedal, Wright 2006, algorithm 7.4 and eq. 7.20).

        The two loops are two triangular solves: with R = triu(SYᵀ) and D = diag(SYᵀ), the first loop's α solves
        Rα = S∇f, and the second's α − β = δ solves Rᵀδ = Dα − YH₀(∇f − Yᵀα); then H∇f = H₀(∇f − Yᵀα) + Sᵀδ.
        With `initial`, a map v ↦ M⁻¹v, H₀ = γM⁻¹ with γ = s·y/y·M⁻¹y, and M⁻¹ itself without pairs: the newest pair
        then has the right size, without which each search had to find it by two to four evaluations.
        """
        if not len(self):
            return gradient if initial is None else initial(gradient)
        upper = self.products.triu()
        alpha = torch.linalg.solve_triangular(upper, (self.s @ gradient)[:, None], upper=True)[:, 0]
        remaining = gradient - alpha @ self.y
        if initial is None:
            scaled = self.products[-1, -1] / self.y[-1].dot(self.y[-1]) * remaining
        else:
            scaled = self.products[-1, -1] / self.y[-1].dot(initial(self.y[-1])) * initial(remaining)
        right = self.products.diagonal() * alpha - self.y @ scaled
        delta = torch.linalg.solve_triangular(upper.T, right[:, None], upper=False)[:, 0]
        return scaled + delta @ self.s


def has_curvature(s: Tensor, y: Tensor, tolerance: float) -> bool:
    """Return whether s·y > tolerance·‖s‖‖y‖, so that the pair keeps H positive definite (False where not finite)."""
    return bool(s.dot(y) > tolerance * s.norm() * y.norm())
