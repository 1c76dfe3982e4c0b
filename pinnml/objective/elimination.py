"""Which entries of θ enter linearly, and how the Jacobian of r is projected where they are eliminated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pinnml.objective.least_squares import AbstractLeastSquares
from pinnml.objective.objective import AbstractObjective
from pinnml.objective.restriction import AbstractRestriction, Range, Ranges
from pinnml.objective.structure import Span, Structure
from pinnml.settings import setting

if TYPE_CHECKING:
    from pinnml.objective.projected import ProjectedLeastSquares

OUTGOING = ("head", "readout")
"""The kinds of parts that enter the fields linearly, and are eliminated."""


class ProjectedJacobian(ABC):
    """How the Jacobian of the projected residual is taken."""

    is_short: ClassVar[bool] = False
    """Whether it is P⊥J_w alone, so that a triangle of J tells all of it."""

    @abstractmethod
    def coupling(self, objective: ProjectedLeastSquares, point: Eliminated) -> Tensor | None:
        """Return M = ∂(J_cᵀr̂)/∂w for fixed r̂, shape (k, p − k), None where it is left out."""


@setting
class Kaufman(ProjectedJacobian):
    """P⊥J_w, without the derivative of the projection times r̂, which is small where r̂ is.

    It has the exact gradient, and costs no more than J. It takes no parameters. Source: Kaufman, BIT 15, 1975; for
    r that is not affine in c: Ruhe, Wedin, SIAM Review 22, 1980, algorithm 2.
    """

    is_short: ClassVar[bool] = True

    def coupling(self, objective: ProjectedLeastSquares, point: Eliminated) -> Tensor | None:
        """Leave it out."""
        return None


@setting
class Full(ProjectedJacobian):
    """P⊥J_w − (J_c⁺)ᵀM: the whole derivative, where r is affine in c. It costs k products more, and J at once.

    It takes no parameters. Source: Golub, Pereyra, SIAM J. Numer. Anal. 10, 1973.
    """

    def coupling(self, objective: ProjectedLeastSquares, point: Eliminated) -> Tensor | None:
        """Return differences of J_wᵀr̂ for each entry of c, exact since J_w is affine in c."""
        return objective.mixed(point)


@dataclass(frozen=True)
class Eliminated:
    """x = w (p − k,), the θ = (w, c) (p,) with the c that is best, f there, φ, and r̂ (q + k,) with ½‖r̂‖² = φ."""

    x: Tensor
    theta: Tensor
    f: Tensor
    phi: Tensor
    residual: Tensor


@dataclass(frozen=True)
class Projection:
    """The span of J_c = QR (q + k, k) at a point, and M where it is part of the Jacobian."""

    point: Eliminated
    basis: Tensor
    triangle: Tensor
    coupling: Tensor | None

    def off(self, rows: Tensor) -> Tensor:
        """Return P⊥ times a vector or a matrix (q + k, …)."""
        return rows - self.basis @ (self.basis.T @ rows)

    def bent(self, moved: Tensor) -> Tensor:
        """Return (J_c⁺)ᵀ times a vector or a matrix (k, …)."""
        columns = moved if moved.dim() == 2 else moved[:, None]
        found = self.basis @ torch.linalg.solve_triangular(self.triangle.T, columns, upper=False)
        return found if moved.dim() == 2 else found[:, 0]

    def inverse(self, cotangent: Tensor) -> Tensor:
        """Return J_c⁺ times a vector (q + k,)."""
        turned = (self.basis.T @ cotangent)[:, None]
        return torch.linalg.solve_triangular(self.triangle, turned, upper=True)[:, 0]


def spans_by_kind(structure: Structure) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return where the outgoing weights lie in θ, and all other entries, neighbouring spans joined."""
    found: tuple[list[Span], list[Span]] = ([], [])
    for part in structure.parts:
        spans = found[part.kind not in OUTGOING]
        if spans and spans[-1][1] == part.start:
            spans[-1] = (spans[-1][0], part.stop)
        else:
            spans.append((part.start, part.stop))
    return tuple(found[0]), tuple(found[1])


def restriction_of(spans: tuple[Span, ...], size: int) -> AbstractRestriction:
    """Return the restriction to some spans, a range where there is one."""
    return Range(*spans[0], size) if len(spans) == 1 else Ranges(spans, size)


def projectable(objective: AbstractObjective) -> bool:
    """Return whether an objective has residuals, outgoing weights and other entries."""
    return isinstance(objective, AbstractLeastSquares) and all(spans_by_kind(objective.structure))
