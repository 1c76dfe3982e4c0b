"""The Gauss–Newton model in square-root form: J reduced to its triangle, block of rows by block of rows."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.threads import all_threads

LARGE = 1_000_000
"""From so many entries on a reduction is worth all threads."""

ROWS = 4
"""Rows that are collected before they are reduced, as a multiple of J's columns: few of the operations are wasted."""


FLOOR = 1e-14
"""Share of a column's length below which it counts as dependent on the others."""


@dataclass(frozen=True)
class RootModel:
    """f(θ + d) ≈ ½‖z + Rd‖² + ⟨slope, d⟩ + constant, with R (p, p) upper triangular and z = Qᵀr (p,) for J = QR.

    JᵀJ = RᵀR and Jᵀr = Rᵀz hold without squaring J's condition number, but for rows F below J, a share `FLOOR` of each
    column, that keep R from being singular; there is no slope for plain least squares. `least` is ½‖r − Qz‖², what no
    step d changes.
    """

    f: Tensor
    triangle: Tensor
    turned: Tensor
    least: Tensor
    slope: Tensor | None = None

    @property
    def grad(self) -> Tensor:
        """∇f = Rᵀz + slope, shape (p,)."""
        gradient = self.triangle.T @ self.turned
        return gradient if self.slope is None else gradient + self.slope


def reduced(rows: Tensor) -> Tensor:
    """Return the triangle (k, k) of rows (n, k), with zeros below it where n is less than k."""
    with all_threads() if rows.numel() >= LARGE else nullcontext():
        triangle = torch.linalg.qr(rows, mode="r")[1]
    missing = rows.shape[1] - len(triangle)
    return torch.cat([triangle, triangle.new_zeros(missing, rows.shape[1])]) if missing else triangle


class RowStack:
    """[J, r] (n, p + 1) handed over in blocks of rows, of which no more is kept than their triangle and one block.

    Source: the sequential tall-skinny QR of Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, 2012, §3.
    """

    def __init__(self) -> None:
        self._blocks: list[Tensor] = []

    def push(self, rows: Tensor) -> None:
        """Add rows (n, p + 1), which are kept."""
        self._blocks.append(rows)
        if sum(map(len, self._blocks)) >= (ROWS + 1) * rows.shape[1]:
            self._blocks = [reduced(torch.cat(self._blocks))]

    def model(self, astray: Tensor | None = None) -> RootModel:
        """Return the model of all rows, with Fθ below r for a θ (p,) that has gone astray, else zeros.

        Of all steps d that rounding cannot tell apart the one with the least d is taken, or with the least θ + d.
        """
        rows = torch.cat(self._blocks)
        floor = FLOOR * rows.norm(dim=0)[:-1]
        beside = torch.zeros_like(floor) if astray is None else floor * astray
        below = torch.cat([floor.diag(), beside[:, None]], 1)
        triangle = reduced(torch.cat([rows, below]))
        right, f = triangle[:, -1], 0.5 * rows[:, -1].square().sum()
        return RootModel(f, triangle[:-1, :-1], right[:-1], 0.5 * right[-1].square())
