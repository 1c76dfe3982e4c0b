"""Multi-indices: closed sets of derivatives, and the set partitions of Faà di Bruno's formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import comb, prod

MultiIndex = tuple[int, ...]


def closure(indices: Iterable[MultiIndex], dimension: int) -> tuple[MultiIndex, ...]:
    """Return every multi-index β ≤ α of the α asked for, by order, zero first: the channels that a jet carries."""
    closed = {(0,) * dimension}
    for index in indices:
        closed.update(product(*(range(order + 1) for order in index)))
    return tuple(sorted(closed, key=lambda index: (sum(index), tuple(-order for order in index))))


def leibniz(index: MultiIndex) -> Iterator[tuple[int, MultiIndex, MultiIndex]]:
    """Yield (∏ C(α_i, β_i), α − β, β) for all β ≤ α: the terms of ∂^α(ℓN) = Σ C(α, β) ∂^(α−β)ℓ ∂^βN."""
    for lower in product(*(range(order + 1) for order in index)):
        coefficient = prod(comb(order, low) for order, low in zip(index, lower, strict=True))
        yield coefficient, tuple(order - low for order, low in zip(index, lower, strict=True)), lower


def products(indices: Sequence[MultiIndex]) -> Iterator[tuple[int, int, int, int]]:
    """Yield Leibniz's rule for jets with a closed set of indices, by channels: α, α − β, β and ∏ C(α_i, β_i)."""
    number = {index: channel for channel, index in enumerate(indices)}
    for index, channel in number.items():
        for count, upper, lower in leibniz(index):
            yield channel, number[upper], number[lower], count


def partitions(index: MultiIndex) -> Counter[tuple[MultiIndex, ...]]:
    """Count the partitions of the multiset ∂^α into non-empty blocks, each block a multi-index.

    ∂^α σ(z) = Σ over partitions of σ^(k)(z) ∏_blocks ∂^block z with k the number of blocks (Hardy 2006).
    """
    letters = [axis for axis, order in enumerate(index) for _ in range(order)]
    counts: Counter[tuple[MultiIndex, ...]] = Counter()
    for blocks in _set_partitions(list(range(len(letters)))):
        as_indices = (
            tuple(sum(letters[position] == axis for position in block) for axis in range(len(index)))
            for block in blocks
        )
        counts[tuple(sorted(as_indices))] += 1
    return counts


def _set_partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, *rest = items
    for partition in _set_partitions(rest):
        yield [[first], *partition]
        for number, block in enumerate(partition):
            yield [*partition[:number], [first, *block], *partition[number + 1 :]]
