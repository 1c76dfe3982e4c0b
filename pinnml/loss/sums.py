"""Sums of a few residuals, drawn at random with random signs: fewer rows, which least squares hardly tell from all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sums:
    """S, whose rows add up `size` residuals of a chunk with random signs, every residual in one of them: E SᵀS = 1.

    Of n residuals, p columns and s = n/size sums, the d that is best for ‖S(r + Jd)‖² leaves a share of about
    p/(s − p) − p/(n − p) more of ‖r + Jd‖² than has to be left, and a QR of SJ costs `size` times less. S is the same
    each time for a chunk's number and how many residuals it has. The residuals of the chunks in `apart` stay single.
    Source: Clarkson, Woodruff, J. ACM 63, 2017; Martinsson, Tropp, Acta Numerica 29, 2020, §§9–10.
    """

    size: int
    apart: frozenset[int] = frozenset()
    _drawn: dict[tuple[int, int], tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, rows: Tensor, number: int) -> Tensor:
        """Return S·rows, shape (⌈n/size⌉, c), for the rows (n, c) of the chunk of that number."""
        if number in self.apart:
            return rows
        order, signs = self._draw(len(rows), number, rows)
        columns = rows.T  # points run fastest in memory
        parts = order.split(-(-len(order) // self.size))
        sums = columns.index_select(1, parts[0]).mul_(signs[: len(parts[0])])
        begin = len(parts[0])
        for part in parts[1:]:
            sums[:, : len(part)].addcmul_(columns.index_select(1, part), signs[begin : begin + len(part)])
            begin += len(part)
        return sums.T

    def count(self, sizes: Sequence[int]) -> int:
        """Return how many sums there are of chunks with so many residuals each."""
        return sum(n if number in self.apart else -(-n // self.size) for number, n in enumerate(sizes))

    def spread(self, residuals: Sequence[Tensor]) -> Tensor:
        """Return SᵀSr, shape (n,), for the residuals of all chunks in the order of their numbers."""
        return torch.cat([self._spread(residual, number) for number, residual in enumerate(residuals)])

    def _spread(self, residual: Tensor, number: int) -> Tensor:
        if number in self.apart:
            return residual
        order, signs = self._draw(len(residual), number, residual)
        sums = self.of(residual[:, None], number)[:, 0]
        found = torch.empty_like(residual)
        found[order] = signs * sums.repeat(self.size)[: len(order)]
        return found

    def _draw(self, count: int, number: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return an order (n,) of a chunk's residuals, whose i-th of each part are added up, and their signs."""
        if (count, number) not in self._drawn:
            generator = torch.Generator().manual_seed(number)
            order = torch.randperm(count, generator=generator, device="cpu")
            signs = 2.0 * torch.randint(2, (count,), generator=generator, device="cpu") - 1
            self._drawn[count, number] = order.to(like.device), signs.to(like)
        return self._drawn[count, number]
