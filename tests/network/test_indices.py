"""Sets of multi-indices and the sums over them, against identities of combinatorics."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnml.network.indices import closure, leibniz, partitions

BELL = (1, 1, 2, 5, 15, 52)
STIRLING = {1: (1,), 2: (1, 1), 3: (1, 3, 1), 4: (1, 7, 6, 1), 5: (1, 15, 25, 10, 1)}

indices = st.tuples(*[st.integers(0, 3)] * 3).filter(lambda index: sum(index) <= 5)
bases = st.tuples(*[st.integers(-4, 4)] * 3)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_partitions_count_bell_and_stirling_numbers(dimension: int) -> None:
    for index in product(range(6), repeat=dimension):
        order = sum(index)
        if order > 5:
            continue
        counts = partitions(index)
        assert sum(counts.values()) == BELL[order]
        for blocks in range(1, order + 1):
            found = sum(count for key, count in counts.items() if len(key) == blocks)
            assert found == STIRLING[order][blocks - 1]
        for key in counts:
            assert tuple(map(sum, zip(*key, strict=True))) == (index if order else ())


def test_partitions_of_known_derivatives() -> None:
    assert partitions((4,)) == {((4,),): 1, ((1,), (3,)): 4, ((2,), (2,)): 3, ((1,), (1,), (2,)): 6, ((1,),) * 4: 1}
    assert partitions((1, 2)) == {
        ((1, 2),): 1,
        ((0, 2), (1, 0)): 1,
        ((0, 1), (1, 1)): 2,
        ((0, 1), (0, 1), (1, 0)): 1,
    }


def power(base: tuple[int, ...], index: tuple[int, ...]) -> int:
    return prod(b**order for b, order in zip(base, index, strict=True))


@given(indices, bases, bases)
@settings(max_examples=50, deadline=None)
def test_leibniz_is_the_binomial_theorem(index: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """∂^α(e^{a·x} e^{b·x}) = (a + b)^α e^{(a+b)·x}, in whole numbers."""
    total = sum(coefficient * power(a, upper) * power(b, lower) for coefficient, upper, lower in leibniz(index))
    assert total == power(tuple(p + q for p, q in zip(a, b, strict=True)), index)


@given(st.lists(indices, max_size=4))
@settings(max_examples=50, deadline=None)
def test_closure_is_the_least_closed_set(wanted: list[tuple[int, ...]]) -> None:
    closed = closure(wanted, 3)
    below = {lower for index in [*wanted, (0, 0, 0)] for lower in product(*(range(order + 1) for order in index))}
    assert set(closed) == below
    assert len(closed) == len(below)
    assert closed[0] == (0, 0, 0)
    assert [sum(index) for index in closed] == sorted(sum(index) for index in closed)


def test_closure_carries_no_more_than_burgers_needs() -> None:
    assert closure([(1, 0), (0, 2), (0, 1)], 2) == ((0, 0), (1, 0), (0, 1), (0, 2))
