"""What is known of the parts of θ, and what of it outlives each kind of restriction."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from dense_least_squares import Dense, Plain, vector
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnml.objective import (
    AbstractObjective,
    AbstractRestriction,
    Composed,
    Directions,
    Entries,
    Meter,
    Part,
    Range,
    Ranges,
    Structure,
    Tied,
    everything,
    metered,
    tilted,
)

SHAPES = [((3, 2), "input"), ((2, 3), "layer"), ((2, 3), "tensor"), ((4,), "parameter")]


def structure_of(shapes: list[tuple[tuple[int, ...], str]]) -> Structure:
    """Layers with their biases, tensors without, in this order."""
    parts, start = [], 0
    for number, (shape, kind) in enumerate(shapes):
        has_biases = len(shape) == 2 and kind != "tensor"
        stop = start + math.prod(shape) + (shape[0] if has_biases else 0)
        parts.append(Part(f"part {number}", start, stop, shape, kind))
        start = stop
    return Structure(tuple(parts))


WHOLE = structure_of(SHAPES)
"""An input layer of 9 parameters, a layer of 8, a tensor of 6, and 4 parameters."""

SIZE = 27


def told(structure: Structure) -> list[tuple[str, int, int, tuple[int, ...], str]]:
    return [(part.name, part.start, part.stop, part.shape, part.kind) for part in structure.parts]


def test_whole_parts_keep_shape_and_kind() -> None:
    assert WHOLE.parts[-1].stop == SIZE
    assert everything(SIZE).structure(WHOLE) == WHOLE
    layer, tensor = ("part 1", 0, 8, (2, 3), "layer"), ("part 2", 8, 14, (2, 3), "tensor")
    numbers = torch.arange(9, 23)
    for restriction in (
        Range(9, 23, SIZE),
        Ranges(((9, 13), (13, 23)), SIZE),
        Entries(numbers, SIZE),
        Tied((((9, 17),), ((17, 23),)), SIZE),
        Composed(Range(5, 19, 22), Range(4, 26, SIZE)),
        Composed(Entries(torch.arange(5, 19), 22), Range(4, 26, SIZE)),
    ):
        assert told(restriction.structure(WHOLE)) == [layer, tensor], restriction


def test_tied_parts_are_one_like_the_first() -> None:
    """Three layers of two neurons with three inputs each, the second and third tied."""
    layers = structure_of([((2, 3), "input"), ((2, 3), "layer"), ((2, 3), "layer")])
    tied = Tied((((0, 8),), ((8, 16), (16, 24))), 24)
    assert told(tied.structure(layers)) == [("part 0", 0, 8, (2, 3), "input"), ("part 1", 8, 16, (2, 3), "layer")]


def test_pieces_keep_their_kind_alone() -> None:
    """Parts of rows, of neurons without their biases, of neurons that do not follow one another, in any other order."""
    rows, biases = ((0, 2), (2, 4), (4, 6)), ((6, 7), (7, 8), (8, 9))
    for spans in (
        ((1, 4),),
        rows[:2],
        (rows[0], biases[1]),
        (biases[0], rows[0]),
        (rows[0], rows[2], biases[0], biases[2]),
        (rows[1], rows[0], biases[0], biases[1]),
    ):
        size = sum(stop - start for start, stop in spans)
        numbers = torch.cat([torch.arange(start, stop) for start, stop in spans])
        for restriction in (Ranges(spans, SIZE), Entries(numbers, SIZE)):
            assert told(restriction.structure(WHOLE)) == [("part 0", 0, size, (size,), "input")]
    # a tensor has no neurons, though it is two-dimensional
    assert told(Range(17, 20, SIZE).structure(WHOLE)) == [("part 2", 0, 3, (3,), "tensor")]
    apart = Ranges(((0, 1), (9, 10), (1, 2)), SIZE).structure(WHOLE)
    assert [part.name for part in apart.parts] == ["part 0", "part 1", "part 0"]


def test_directions_have_no_order() -> None:
    directions = Directions(vector(3 * SIZE, 1).view(3, SIZE))
    one = [("directions", 0, 3, (3,), "direction")]
    assert told(directions.structure(WHOLE)) == told(directions.structure(Structure())) == one
    composed = Composed(Entries(torch.tensor([2, 0]), 3), directions)
    assert told(composed.structure(WHOLE)) == [("directions", 0, 2, (2,), "direction")]


layers = st.lists(st.tuples(st.tuples(st.integers(1, 5), st.integers(1, 4)), st.just("layer")), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(shapes=layers, data=st.data())
def test_groups_of_whole_neurons_have_rows_and_inputs(
    shapes: list[tuple[tuple[int, ...], str]], data: st.DataObject
) -> None:
    """By ranges, by entries, and within their layer; a group of a group, too."""
    whole = structure_of(shapes)
    size = whole.parts[-1].stop
    part = data.draw(st.sampled_from(whole.parts))
    outputs, inputs = part.shape
    first = data.draw(st.integers(0, outputs - 1))
    last = data.draw(st.integers(first + 1, outputs))
    spans = part.neuron_spans(first, last)
    shifted = tuple((part.start + start, part.start + stop) for start, stop in spans)
    numbers = torch.cat([torch.arange(start, stop) for start, stop in shifted])
    expected = [(part.name, 0, (last - first) * (inputs + 1), (last - first, inputs), "layer")]
    ways: list[AbstractRestriction] = [
        Ranges(shifted, size),
        Entries(numbers, size),
        Composed(Ranges(spans, part.size), Range(part.start, part.stop, size)),
        Composed(Ranges(spans, part.size), Entries(torch.arange(part.start, part.stop), size)),
    ]
    for way in ways:
        found = way.structure(whole)
        assert told(found) == expected
        assert found.parts[0].neurons == last - first
        inner = found.parts[0].neuron_spans(last - first - 1, last - first)
        one = Composed(Ranges(inner, way.shape[0]), way)
        assert told(one.structure(whole)) == [(part.name, 0, inputs + 1, (1, inputs), "layer")]
        marks = torch.arange(float(size))
        row = torch.arange(part.start + (last - 1) * inputs, part.start + last * inputs)
        assert one(marks).tolist() == [*row.tolist(), part.start + outputs * inputs + last - 1]


shapes_of_all_kinds = st.lists(
    st.one_of(
        st.tuples(st.tuples(st.integers(1, 4), st.integers(1, 4)), st.sampled_from(["layer", "block", "tensor"])),
        st.tuples(st.tuples(st.integers(1, 6)), st.just("parameter")),
    ),
    min_size=1,
    max_size=5,
)


def check_consistent(found: Structure, entries: list[int], whole: Structure) -> None:
    """Parts follow one another, hold `entries` of one part of the whole each, and are as large as their shapes say."""
    assert [part.start for part in found.parts] == [0, *(part.stop for part in found.parts)][:-1]
    assert sum(part.size for part in found.parts) == len(entries)
    for part in found.parts:
        owner = next(one for one in whole.parts if one.name == part.name)
        held = entries[part.start : part.stop]
        assert all(owner.start <= entry < owner.stop for entry in held) and part.kind == owner.kind
        rows = part.shape[0] if part.neurons else 0
        assert part.size == math.prod(part.shape) + rows
        if held == list(range(owner.start, owner.stop)):
            assert part.shape == owner.shape
        elif rows:
            inputs, first = owner.shape[1], (held[0] - owner.start) // owner.shape[1]
            spans = [(owner.start + a, owner.start + b) for a, b in owner.neuron_spans(first, first + rows)]
            assert part.shape == (rows, inputs)
            assert held == [entry for a, b in spans for entry in range(a, b)]
        else:
            assert part.shape == (part.size,)


@settings(max_examples=300, deadline=None)
@given(shapes=shapes_of_all_kinds, data=st.data())
def test_sizes_add_up_and_shapes_are_right_for_any_spans(
    shapes: list[tuple[tuple[int, ...], str]], data: st.DataObject
) -> None:
    whole = structure_of(shapes)
    size = whole.parts[-1].stop
    cuts = data.draw(st.lists(st.integers(0, size), min_size=2, max_size=7, unique=True).map(sorted))
    chosen = data.draw(st.lists(st.sampled_from(list(pairwise(cuts))), min_size=1, max_size=6, unique=True))
    ranges = Ranges(tuple(chosen), size)
    entries = [entry for start, stop in chosen for entry in range(start, stop)]
    found = ranges.structure(whole)
    assert ranges.shape == (len(entries), size)
    check_consistent(found, entries, whole)
    assert Entries(torch.tensor(entries), size).structure(whole) == found
    start = data.draw(st.integers(0, len(entries) - 1))
    stop = data.draw(st.integers(start + 1, len(entries)))
    part = Range(start, stop, len(entries)) @ ranges
    assert part.shape == (stop - start, size)
    inner = part.structure(whole)
    assert inner.parts[-1].stop == stop - start
    kinds = [one.kind for one in inner.parts for _ in range(one.size)]
    assert kinds == [one.kind for one in found.parts for _ in range(one.size)][start:stop]
    length = min(stop - start for start, stop in chosen)
    tied = Tied((tuple((start, start + length) for start, _ in chosen),), size)
    assert tied.structure(whole) == Range(chosen[0][0], chosen[0][0] + length, size).structure(whole)


@pytest.mark.parametrize("kind", [Dense, Plain])
def test_objectives_hand_their_structure_on(kind: type[Dense] | type[Plain]) -> None:
    """Through restrictions, linear terms and meters, in any order; nothing is made of nothing."""

    class Layered(kind):  # type: ignore[misc, valid-type]
        structure = structure_of([((1, 2), "input"), ((1, 2), "head")])

    objective: AbstractObjective = Layered()
    theta, slope = vector(6, 1), vector(6, 2)
    head = [("part 1", 0, 3, (1, 2), "head")]
    for block in (
        objective.restricted(Range(3, 6, 6), theta),
        metered(tilted(objective, slope, theta), Meter()).restricted(Range(3, 6, 6), theta),
        objective.restricted(Range(1, 6, 6), theta).restricted(Entries(torch.arange(2, 5), 5), theta[1:]),
    ):
        assert told(block.structure) == head
    assert kind().restricted(Range(3, 6, 6), theta).structure == kind().structure == Structure()
