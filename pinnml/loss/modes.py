"""Smooth functions on the points of every condition: tests of its residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, product

import torch
from torch import Tensor

from pinnml.loss.placed import PlacedTerm

SHARE = 1e-6
"""A mode that depends on those before it, but for this share of itself, is left out."""


def cosine_modes(x: Tensor, count: int) -> Tensor:
    """Return φ_m(x_i) = Π_j cos(π m_j (x_ij − a_j)/(b_j − a_j)), for the `count` multi-indices m of least |m|.

    Parameters
    ----------
    x : Tensor
        Points, shape (n, d); [a, b] is the box around them.
    count : int
        How many.

    Returns
    -------
    Tensor
        Shape (k, n) with k ≤ `count`: along an axis on which the points do not differ there is the constant alone.
    """
    low, high = x.amin(0), x.amax(0)
    extent = torch.where(high > low, high - low, torch.ones_like(low))
    scaled = math.pi * (x - low) / extent
    axes = [range(count if wide else 1) for wide in (high > low).tolist()]
    chosen = _least(axes, count)
    powers = torch.tensor(chosen, dtype=x.dtype, device=x.device)
    return (powers[:, None, :] * scaled).cos().prod(-1)


def _least(axes: list[range], count: int) -> list[tuple[int, ...]]:
    """Return the `count` multi-indices of least |m|, those of one length in lexical order."""
    most = math.ceil(count ** (1 / max(1, sum(len(axis) > 1 for axis in axes)))) + 1
    # the box of so many along an axis holds more than `count`, but not all that are short enough
    found: list[tuple[int, ...]] = []
    while True:
        box = [range(min(len(axis), most)) for axis in axes]
        within = sorted((sum(k * k for k in m), m) for m in product(*box))
        found = [m for square, m in within if square < most * most or max(map(len, axes)) <= most]
        if len(found) >= count or most >= max(map(len, axes)):
            return found[:count]
        most += 1


def orthonormal(functions: Tensor, scale: Tensor) -> Tensor:
    """Return an orthonormal basis (k, n) of the span of s_i φ_m(x_i), for φ (m, n) and s (n,), by QR.

    The first k span what the first modes do; one that is nearly a sum of those before it is left out.
    """
    rows = functions * scale
    lengths = rows.norm(dim=1, keepdim=True)
    columns = (rows / torch.where(lengths > 0, lengths, torch.ones_like(lengths))).T
    kept = torch.linalg.qr(columns, mode="r")[1].diagonal().abs() > SHARE
    # a second time without the others, in place of which the first has columns of rounding
    return torch.linalg.qr(columns[:, : len(kept)][:, kept])[0].T


def residual_tests(chunks: Sequence[PlacedTerm], sizes: Sequence[int], count: int) -> Tensor:
    """Return tests B (k, q) of all residuals r (q,), with orthonormal rows.

    For each residual of each condition, the first `count` cosine modes on the box around its points, orthonormal with
    the points' weights, so that Br are Fourier coefficients of the residual.

    Parameters
    ----------
    chunks : sequence of PlacedTerm
        The points of all conditions, in chunks.
    sizes : sequence of int
        How many residuals each chunk has.
    count : int
        Modes of each residual.

    Returns
    -------
    Tensor
        B.
    """
    # where each residual of each chunk lies in r: its rows come one after another
    begins = [0, *accumulate(sizes)]
    blocks: list[Tensor] = []
    for name in dict.fromkeys(chunk.term.name for chunk in chunks):
        numbers = [number for number, chunk in enumerate(chunks) if chunk.term.name == name]
        counts = [len(chunks[number].scale) for number in numbers]
        x = torch.cat([chunks[number].x[:n] for number, n in zip(numbers, counts, strict=True)])
        scale = torch.cat([chunks[number].scale for number in numbers])
        basis = orthonormal(cosine_modes(x, count), scale)
        for residual in range(sizes[numbers[0]] // counts[0]):
            block = basis.new_zeros(len(basis), begins[-1])
            for number, part in zip(numbers, basis.split(counts, 1), strict=True):
                begin = begins[number] + residual * part.shape[1]
                block[:, begin : begin + part.shape[1]] = part
            blocks.append(block)
    return torch.cat(blocks)
