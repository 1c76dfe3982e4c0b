"""Decompositions: every parameter is covered, adjoints are exact, overlaps are where they should be."""

from __future__ import annotations

import pytest
import torch
from dense_least_squares import Dense, vector

from pinnml.levels import tied_blocks
from pinnml.objective import AbstractRestriction
from pinnml.schwarz import ByIndices, ByLayer, multiplicity

LAYERS = ((0, 3), (3, 8), (8, 13), (13, 18), (18, 20))
SIZE = 20


class Layered(Dense):
    """Something with layers of 3, 5, 5, 5 and 2 parameters."""

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        return LAYERS


DECOMPOSITIONS = {
    "layers": ByLayer(),
    "pairs": ByLayer(layers=2),
    "overlap": ByLayer(layers=2, overlap=1),
    "indices": ByIndices(range(0, 20, 2), range(1, 20, 2), [0, 1, 2]),
}


def restrictions(name: str) -> tuple[AbstractRestriction, ...]:
    return DECOMPOSITIONS[name].restrictions(Layered(), SIZE)


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_every_parameter_is_covered(name: str) -> None:
    counts = multiplicity(restrictions(name), vector(SIZE, 0))
    assert counts.min() >= 1


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_weighted_by_multiplicity_the_blocks_are_a_partition_of_unity(name: str) -> None:
    v = vector(SIZE, 1)
    blocks = restrictions(name)
    total = torch.stack([block.adjoint(block(v)) for block in blocks]).sum(0) / multiplicity(blocks, v)
    torch.testing.assert_close(total, v, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_adjoints_are_exact(name: str) -> None:
    v = vector(SIZE, 2)
    for block in restrictions(name):
        x = vector(len(block(v)), 3)
        torch.testing.assert_close(block(v).dot(x), v.dot(block.adjoint(x)), rtol=1e-14, atol=1e-14)


def test_blocks_of_layers_reach_over_both_sides() -> None:
    ranges = [(block.start, block.stop) for block in restrictions("overlap")]  # type: ignore[attr-defined]
    assert ranges == [(0, 13), (3, 20), (13, 20)]


def test_tied_blocks_add_up_and_repeat() -> None:
    tied = tied_blocks(Layered(), SIZE, group=2)
    assert tied.groups == (((0, 3),), ((3, 8), (8, 13)), ((13, 18),), ((18, 20),))
    v, x = vector(SIZE, 4), vector(tied.unknowns, 5)
    torch.testing.assert_close(tied(v)[3:8], v[3:8] + v[8:13])
    assert torch.equal(tied.adjoint(x)[8:13], x[3:8])
    torch.testing.assert_close(tied(v).dot(x), v.dot(tied.adjoint(x)), rtol=1e-14, atol=1e-14)
    rows = torch.stack([v, 2 * v])
    torch.testing.assert_close(tied(rows), torch.stack([tied(v), 2 * tied(v)]))


def test_wrong_declarations_are_refused() -> None:
    with pytest.raises(ValueError, match="ByLayer"):
        ByLayer(layers=0)
    with pytest.raises(ValueError, match="no block"):
        ByIndices([0, 1]).restrictions(Layered(), SIZE)
    with pytest.raises(ValueError, match="no layers"):
        ByLayer().restrictions(Dense(), SIZE)
