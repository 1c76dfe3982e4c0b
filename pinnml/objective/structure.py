"""The parts of θ: what belongs together, and of what shape and kind it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from pinnml.settings import record

LINEAR = {"head", "readout", "parameter"}
"""The kinds of parts that enter the fields linearly, or not at all."""

Span = tuple[int, int]
"""The entries start … stop − 1 of a vector."""


@record
class Part:
    """The entries θ[start:stop], of one `shape` and one `kind`, such as a layer's.

    For layers (kinds "input", "layer", "block", "head") the shape is (outputs, inputs) and the entries are W by rows,
    then b. Other kinds, such as "tensor", "direction" or "parameter", are as long as their shape says.
    """

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]
    kind: str

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.stop - self.start

    @property
    def neurons(self) -> int:
        """The number of rows of W with their biases, 0 where the part is not made of neurons."""
        is_affine = len(self.shape) == 2 and self.kind != "tensor"
        return self.shape[0] if is_affine and self.size == self.shape[0] * (self.shape[1] + 1) else 0

    def neuron_spans(self, first: int, last: int) -> tuple[Span, Span]:
        """Return where the rows first … last − 1 of W lie, and their biases, counted from the part's start."""
        outputs, inputs = self.shape
        biases = outputs * inputs
        return (first * inputs, last * inputs), (biases + first, biases + last)

    def is_alike(self, other: Part) -> bool:
        """Return whether both parts do the same thing, so that one increment makes sense for both."""
        return (self.shape, self.kind) == (other.shape, other.kind)


@record
class Structure:
    """The parts of θ in their order; none where nothing is known of them."""

    parts: tuple[Part, ...] = ()

    @property
    def size(self) -> int:
        """The number of entries of all parts."""
        return self.parts[-1].stop if self.parts else 0

    @property
    def is_linear(self) -> bool:
        """Whether all of θ enters the fields linearly, as outgoing weights do; not where nothing is known of it."""
        return bool(self.parts) and {part.kind for part in self.parts} <= LINEAR

    def chosen(self, spans: Sequence[Span]) -> Structure:
        """Return the structure of the entries in some spans of θ, one span after another.

        Whole parts keep shape and kind, and so do groups of whole neurons; of other pieces only the kind is known.
        """
        parts, begin = [], 0
        for part, group in groupby(self._pieces(spans), key=lambda piece: piece[0]):
            local = [(start - part.start, stop - part.start) for _, start, stop in group]
            size = sum(stop - start for start, stop in local)
            parts.append(Part(part.name, begin, begin + size, _shape(part, _joined(local)), part.kind))
            begin += size
        return Structure(tuple(parts))

    def _pieces(self, spans: Sequence[Span]) -> Iterator[tuple[Part, int, int]]:
        for start, stop in spans:
            for part in self.parts:
                first, last = max(start, part.start), min(stop, part.stop)
                if first < last:
                    yield part, first, last


def _joined(spans: list[Span]) -> list[Span]:
    """Join spans that follow one another without a gap."""
    joined = spans[:1]
    for start, stop in spans[1:]:
        if joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _shape(part: Part, spans: list[Span]) -> tuple[int, ...]:
    """Return the shape of the entries in some spans of a part."""
    if spans == [(0, part.size)]:
        return part.shape
    size = sum(stop - start for start, stop in spans)
    if part.neurons and len(spans) == 2 and size % (part.shape[1] + 1) == 0:
        first, rows = spans[0][0] // part.shape[1], size // (part.shape[1] + 1)
        if tuple(spans) == part.neuron_spans(first, first + rows):
            return rows, part.shape[1]
    return (size,)


def spans_of(numbers: Sequence[int]) -> list[Span]:
    """Return numbers in their order as spans of consecutive ones."""
    cuts = [0, *(place for place, (a, b) in enumerate(pairwise(numbers), 1) if b != a + 1), len(numbers)]
    return [(numbers[first], numbers[last - 1] + 1) for first, last in pairwise(cuts) if first < last]
