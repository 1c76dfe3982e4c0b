"""The Gauss–Newton model in square-root form: J reduced to its triangle, block of rows by block of rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.objective.watch import Watch
from pinnml.threads import all_threads

ENTRIES = 1_000_000
"""From so many entries on a reduction is worth all threads, and panels of columns between which it can end."""

ROWS = 3
"""Rows that are collected before they are reduced, as a multiple of J's columns; so many entries at least.

One reduction of 3p rows takes two thirds of the time of three of p rows (docs/experiments.md).
"""

PANEL = 160
"""Columns that are reduced at once: many enough for products of matrices, few enough to end after them."""

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


def reduced(triangle: Tensor, rows: Tensor, watch: Watch) -> Tensor:
    """Return the triangle (k, k) of [R; rows] for a triangle R (k, k) and rows (n, k), which may be written over.

    Large ones go panel by panel of columns, as in LAPACK, but R stays out of what is zero in it, a fifth to a half of
    the operations, and between two panels the watch may end it. A panel's reflections are I − VTVᵀ, with T⁻¹ the upper
    triangle of VᵀV and the reflections' 1/τ on its diagonal. Source: Schreiber, Van Loan, SIAM J. Sci. Stat. Comput.
    10, 1989; T⁻¹: Puglisi, SIAM J. Sci. Stat. Comput. 13, 1992.
    """
    if rows.numel() < ENTRIES:
        return torch.linalg.qr(torch.cat([triangle, rows]), mode="r")[1]
    with all_threads():
        for start in range(0, rows.shape[1], PANEL):
            watch.proceed()
            _reduce_panel(triangle, rows, start)
    return triangle


def _reduce_panel(triangle: Tensor, rows: Tensor, start: int) -> None:
    """Reflect a panel of columns of [R; rows] onto R's own rows, and the columns beyond it along with it."""
    stop = min(start + PANEL, rows.shape[1])
    width = stop - start
    panel, tau = torch.geqrf(torch.cat([triangle[start:stop, start:stop], rows[:, start:stop]]))
    triangle[start:stop, start:stop] = panel[:width].triu()
    upper, lower = panel[:width].tril(-1), panel[width:]
    upper.diagonal().fill_(1)
    inverse = (upper.T @ upper + lower.T @ lower).triu(1)
    inverse.diagonal().copy_(1 / tau)  # infinite where there is nothing to reflect, so that nothing is
    above, below = triangle[start:stop, stop:], rows[:, stop:]
    along = torch.addmm(upper.T @ above, lower.T, below)
    along = torch.linalg.solve_triangular(inverse.T, along, upper=False)
    above.addmm_(upper, along, alpha=-1)
    below.addmm_(lower, along, alpha=-1)


def least_squares_solution(rows: Tensor, right: Tensor) -> Tensor:
    """Return the x (k,) for which `rows` x is nearest to `right`, from the triangle of [rows, right] alone.

    The columns of the rows (n, k) have to be independent in this precision, as they are with a ridge below.
    """
    size = rows.shape[1]
    triangle = torch.linalg.qr(torch.cat([rows, right[:, None]], 1), mode="r")[1]
    return torch.linalg.solve_triangular(triangle[:size, :size], triangle[:size, size:], upper=True)[:, 0]


class RowStack:
    """[J, r] (n, p + 1) handed over in blocks of rows, of which no more is kept than their triangle and one block.

    Source: the sequential tall-skinny QR of Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, 2012, §3.

    Parameters
    ----------
    watch : Watch, default none
        What may end a reduction.
    """

    def __init__(self, watch: Watch = Watch()) -> None:  # noqa: B008  (frozen)
        self._watch = watch
        self._blocks: list[Tensor] = []
        self._triangle: Tensor | None = None

    def push(self, rows: Tensor) -> None:
        """Add rows (n, p + 1), which are kept."""
        self._blocks.append(rows)
        count, size = sum(map(len, self._blocks)), rows.shape[1]
        if count >= max(ROWS * size, ENTRIES / size):
            self._triangle = reduced(self._above(rows), self._below(), self._watch)

    def _above(self, like: Tensor) -> Tensor:
        """Return the triangle of what has been reduced, zeros at first."""
        size = like.shape[1]
        return like.new_zeros(size, size) if self._triangle is None else self._triangle

    def _below(self, *more: Tensor) -> Tensor:
        """Return the rows that wait, by columns, and forget them."""
        rows = torch.cat([block.T for block in (*self._blocks, *more)], 1).T
        self._blocks = []
        return rows

    def model(self, astray: Tensor | None = None) -> RootModel:
        """Return the model of all rows, with Fθ below r for a θ (p,) that has gone astray, else zeros.

        Of all steps d that rounding cannot tell apart the one with the least d is taken, or with the least θ + d.
        """
        parts = [*self._blocks, *([] if self._triangle is None else [self._triangle])]
        squares = torch.stack([part.square().sum(0) for part in parts]).sum(0)
        floor = FLOOR * squares[:-1].sqrt()
        beside = torch.zeros_like(floor) if astray is None else floor * astray
        below = torch.cat([floor.diag(), beside[:, None]], 1)
        triangle = reduced(self._above(below), self._below(below), self._watch)
        right = triangle[:, -1]
        return RootModel(0.5 * squares[-1], triangle[:-1, :-1], right[:-1], 0.5 * right[-1].square())
