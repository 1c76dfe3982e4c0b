"""Decompositions: every parameter is covered, adjoints are exact, overlaps are where they should be."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
import torch
from dense_least_squares import parts, vector
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnml.levels import tie
from pinnml.objective import AbstractRestriction, Part, Structure
from pinnml.schwarz import ByIndices, ByLayer, ByNeurons, Decomposition, multiplicity

LAYERED = parts(3, 5, 5, 5, 2)
SIZE = 20


def chain_of(widths: list[int]) -> Structure:
    """A chain of layers with these widths, from the inputs to the outputs."""
    stops = [0, *accumulate(b * (a + 1) for a, b in pairwise(widths))]
    layers = zip(pairwise(stops), pairwise(widths), strict=True)
    return Structure(
        tuple(Part(f"layer {n}", start, stop, (b, a), "layer") for n, ((start, stop), (a, b)) in enumerate(layers))
    )


DECOMPOSITIONS = {
    "layers": ByLayer(),
    "pairs": ByLayer(layers=2),
    "overlap": ByLayer(layers=2, overlap=1),
    "indices": ByIndices((range(0, 20, 2), range(1, 20, 2), [0, 1, 2])),
}


def restrictions(name: str) -> tuple[AbstractRestriction, ...]:
    return DECOMPOSITIONS[name].restrictions(LAYERED, SIZE)


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
    tied = tie(LAYERED, SIZE, group=2)
    assert tied.groups == (((0, 3),), ((3, 8), (8, 13)), ((13, 18),), ((18, 20),))
    v, x = vector(SIZE, 4), vector(tied.shape[0], 5)
    torch.testing.assert_close(tied(v)[3:8], v[3:8] + v[8:13])
    assert torch.equal(tied.adjoint(x)[8:13], x[3:8])
    torch.testing.assert_close(tied(v).dot(x), v.dot(tied.adjoint(x)), rtol=1e-14, atol=1e-14)
    rows = torch.stack([v, 2 * v])
    torch.testing.assert_close(tied(rows), torch.stack([tied(v), 2 * tied(v)]))


def test_wrong_declarations_are_refused() -> None:
    with pytest.raises(ValueError, match="ByLayer"):
        ByLayer(layers=0)
    with pytest.raises(ValueError, match="no block"):
        ByIndices(([0, 1],)).restrictions(LAYERED, SIZE)
    with pytest.raises(ValueError, match="no layers"):
        ByLayer().restrictions(Structure(), SIZE)
    with pytest.raises(ValueError, match="ByNeurons"):
        ByNeurons(neurons=0)
    with pytest.raises(ValueError, match="no neurons"):
        ByNeurons().restrictions(Structure(), SIZE)
    with pytest.raises(ValueError, match=r"Blocks \[1\] are empty or repeat"):
        ByIndices(([0, 1], [2, 2]))
    with pytest.raises(ValueError, match=r"Blocks \[0\] are empty or repeat"):
        ByIndices(([], [0]))


chains = st.lists(st.integers(1, 9), min_size=2, max_size=8).map(chain_of)
rules = st.one_of(
    st.builds(ByLayer, st.integers(1, 9), st.integers(0, 9)),
    st.builds(ByNeurons, st.integers(1, 10)),
)


@settings(max_examples=200, deadline=None)
@given(chain=chains, rule=rules, seed=st.integers(0, 99))
def test_any_rule_on_any_chain_is_a_partition_of_unity_with_exact_adjoints(
    chain: Structure, rule: Decomposition, seed: int
) -> None:
    """Every layer has a block, however the numbers are rounded; one block owns each parameter, and holds it."""
    size = chain.parts[-1].stop
    v = vector(size, seed)
    blocks = rule.restrictions(chain, size)
    counts = multiplicity(blocks, v)
    assert counts.min() >= 1
    weighted = [block.adjoint(block(1 / counts) * block(v)) for block in blocks]
    torch.testing.assert_close(torch.stack(weighted).sum(0), v, rtol=1e-14, atol=0)
    owners = rule.owners(chain, v)
    owned = [block.adjoint((block(owners) == number).to(v) * block(v)) for number, block in enumerate(blocks)]
    assert torch.equal(torch.stack(owned).sum(0), v)
    for block in blocks:
        x = vector(len(block(v)), seed + 1)
        torch.testing.assert_close(block(v).dot(x), v.dot(block.adjoint(x)), rtol=1e-13, atol=1e-13)
        assert torch.equal(block(block.adjoint(x)), x)
        assert torch.equal(block(torch.stack([v, 2 * v])), torch.stack([block(v), 2 * block(v)]))


@settings(max_examples=100, deadline=None)
@given(chain=chains, neurons=st.integers(1, 10))
def test_groups_of_neurons_are_rows_of_one_layer_and_their_biases(chain: Structure, neurons: int) -> None:
    size = chain.parts[-1].stop
    marks = torch.full((size,), -1.0, dtype=torch.float64)
    for number, block in enumerate(ByNeurons(neurons).restrictions(chain, size)):
        marks = marks + block.adjoint(torch.full_like(block(marks), number + 1.0))
    for part in chain.parts:
        outputs, stop = part.shape[0], part.stop
        weights, biases = marks[part.start : stop - outputs].view(part.shape), marks[stop - outputs : stop]
        assert torch.equal(weights, biases[:, None].expand_as(weights))
        groups = [int((biases == group).sum()) for group in biases.unique()]
        assert max(groups) <= neurons
        assert len(groups) == -(-outputs // neurons)
        assert max(groups) - min(groups) <= 1


def test_parts_without_neurons_are_blocks_of_their_own() -> None:
    """Of layers of unknown shape there are no rows; each is one group, whatever its size."""
    ranges = [(block.start, block.stop) for block in ByNeurons(1).restrictions(LAYERED, SIZE)]  # type: ignore[attr-defined]
    assert ranges == [(part.start, part.stop) for part in LAYERED.parts]


def test_owners_of_overlapping_layers_are_the_blocks_without_overlap() -> None:
    owners = DECOMPOSITIONS["overlap"].owners(LAYERED, vector(SIZE, 0))
    assert owners.tolist() == [0.0] * 8 + [1.0] * 10 + [2.0] * 2
