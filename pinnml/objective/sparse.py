"""Sparse restrictions: every unknown is a sum of few weighted entries, and so is every entry of what comes back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.objective.restriction import AbstractRestriction
from pinnml.objective.structure import Structure
from pinnml.settings import record


@record
class Gathered(AbstractRestriction):
    """R as a sparse matrix: (Rv)_i = Σ_j weights_ij v[sources_ij], and Rᵀ in the same form from its own tables.

    Both ways gather, in a fixed order of sums, so that a result repeats to the bit on any device. Tables are padded by
    weights of zero: `sources` and `weights` have the shape (k, j), `back` and `weights_back` (p, j′). `unknowns` is the
    structure of the k unknowns.
    """

    sources: Tensor
    weights: Tensor
    back: Tensor
    weights_back: Tensor
    unknowns: Structure

    @property
    def shape(self) -> tuple[int, int]:
        """(k, p)."""
        return len(self.sources), len(self.back)

    def __call__(self, v: Tensor) -> Tensor:
        """Return Rv, shape (…, k)."""
        sources, weights = self._on(v)[:2]
        return (v[..., sources] * weights).sum(-1)

    def adjoint(self, x: Tensor) -> Tensor:
        """Return Rᵀx, shape (…, p)."""
        sources, weights = self._on(x)[2:]
        return (x[..., sources] * weights).sum(-1)

    def matrix(self, like: Tensor) -> Tensor:
        """Return R from its tables."""
        sources, weights = self._on(like)[:2]
        row, place = weights.nonzero(as_tuple=True)
        places = torch.stack([row, sources[row, place]])
        return torch.sparse_coo_tensor(places, weights[row, place], self.shape, check_invariants=False)

    def _on(self, like: Tensor) -> tuple[Tensor, ...]:
        """Return the tables on the device and in the precision of a vector, to which they move once."""
        kept = self.__dict__.get("_kept")
        if kept is None or (kept[1].device, kept[1].dtype) != (like.device, like.dtype):
            kept = (
                self.sources.to(like.device), self.weights.to(like.device, like.dtype),
                self.back.to(like.device), self.weights_back.to(like.device, like.dtype),
            )  # fmt: skip
            self.__dict__["_kept"] = kept
        return kept

    def structure(self, whole: Structure) -> Structure:
        """Return the structure of the unknowns, which does not follow from that of θ."""
        return self.unknowns


def gathered(entries: Sequence[tuple[Tensor, Tensor, Tensor]], shape: tuple[int, int], unknowns: Structure) -> Gathered:
    """Return R from its entries that are not zero, given in pieces (row numbers, column numbers, weights)."""
    rows, columns, weights = (torch.cat([piece[part].flatten() for piece in entries]) for part in range(3))
    return Gathered(*_table(rows, columns, weights, shape[0]), *_table(columns, rows, weights, shape[1]), unknowns)


def _table(rows: Tensor, columns: Tensor, weights: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return which columns each row reads, and with what weights, padded to one length."""
    order = torch.argsort(rows, stable=True)
    rows, columns, weights = rows[order], columns[order], weights[order]
    counts = torch.bincount(rows, minlength=count)
    place = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    width = max(1, int(counts.max()))
    sources = torch.zeros(count, width, dtype=torch.int64, device=rows.device)
    table = torch.zeros(count, width, dtype=weights.dtype, device=rows.device)
    sources[rows, place], table[rows, place] = columns, weights
    return sources, table
