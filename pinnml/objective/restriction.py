"""Restrictions: linear maps from θ to fewer unknowns, with their exact adjoints."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pinnml.objective.structure import Part, Span, Structure, spans_of
from pinnml.settings import record


class AbstractRestriction(ABC):
    """A linear map R from θ (p,) to fewer unknowns (k,) with its exact adjoint: ⟨Rv, x⟩ = ⟨v, Rᵀx⟩."""

    by_products = False
    """Whether JRᵀ is made of one product with J for each of its few columns, rather than from the whole J."""

    is_dense = False
    """Whether R is a matrix without zeros, so that JRᵀ is a product of two matrices beside the whole J."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(k, p)."""

    @abstractmethod
    def __call__(self, v: Tensor) -> Tensor:
        """Return Rv, shape (…, k), for v of shape (…, p)."""

    @abstractmethod
    def adjoint(self, x: Tensor) -> Tensor:
        """Return Rᵀx, shape (…, p), for x of shape (…, k)."""

    @abstractmethod
    def structure(self, whole: Structure) -> Structure:
        """Return the structure of the unknowns, given that of θ."""

    def matrix(self, like: Tensor) -> Tensor:
        """Return R as a sparse tensor (k, p) on the device and in the precision of a vector; by default column-wise."""
        eye = torch.eye(self.shape[0], dtype=like.dtype, device=like.device)
        return self.adjoint(eye).to_sparse()

    def __matmul__(self, other: AbstractRestriction) -> AbstractRestriction:
        """Return R @ S: first the restriction S, then R."""
        return Composed(self, other)


@record
class Range(AbstractRestriction):
    """The entries start … stop − 1 of a θ with `size` entries."""

    start: int
    stop: int
    size: int

    @property
    def shape(self) -> tuple[int, int]:
        """(stop − start, p)."""
        return self.stop - self.start, self.size

    def __call__(self, v: Tensor) -> Tensor:
        """Return the entries."""
        return v[..., self.start : self.stop]

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend by zero."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        whole[..., self.start : self.stop] = x
        return whole

    def matrix(self, like: Tensor) -> Tensor:
        """Return a one in each row."""
        rows = torch.arange(self.shape[0], device=like.device)
        places, ones = torch.stack([rows, rows + self.start]), like.new_ones(len(rows))
        return torch.sparse_coo_tensor(places, ones, self.shape, check_invariants=False)

    def structure(self, whole: Structure) -> Structure:
        """Return the parts within the range."""
        return whole.chosen([(self.start, self.stop)])

    def __matmul__(self, other: AbstractRestriction) -> AbstractRestriction:
        """Return a range of a range as one range."""
        if self.shape[0] == self.size:
            return other
        if isinstance(other, Range):
            return Range(other.start + self.start, other.start + self.stop, other.size)
        return super().__matmul__(other)


def everything(size: int) -> Range:
    """Return the identity on vectors of `size` entries."""
    return Range(0, size, size)


@record
class Ranges(AbstractRestriction):
    """The entries of some spans that do not meet, one after another, of a θ with `size` entries."""

    ranges: tuple[Span, ...]
    size: int

    @property
    def shape(self) -> tuple[int, int]:
        """(all entries, p)."""
        return sum(stop - start for start, stop in self.ranges), self.size

    def __call__(self, v: Tensor) -> Tensor:
        """Return the entries."""
        return torch.cat([v[..., start:stop] for start, stop in self.ranges], -1)

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend by zero."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        begin = 0
        for start, stop in self.ranges:
            whole[..., start:stop] = x[..., begin : begin + stop - start]
            begin += stop - start
        return whole

    def structure(self, whole: Structure) -> Structure:
        """Return the parts within the spans."""
        return whole.chosen(self.ranges)


@record
class Entries(AbstractRestriction):
    """Chosen entries of a θ with `size` entries, by their numbers (k,)."""

    chosen: Tensor
    size: int

    @property
    def shape(self) -> tuple[int, int]:
        """(k, p)."""
        return len(self.chosen), self.size

    def __call__(self, v: Tensor) -> Tensor:
        """Return the entries, shape (…, k)."""
        return v[..., self._on(v.device)]

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend by zero."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        whole[..., self._on(x.device)] = x
        return whole

    def _on(self, device: torch.device) -> Tensor:
        """Return the numbers on a device, to which they move once."""
        kept: Tensor = self.__dict__.get("_kept", self.chosen)
        if kept.device != device:
            kept = self.__dict__["_kept"] = self.chosen.to(device)
        return kept

    def structure(self, whole: Structure) -> Structure:
        """Return the parts of which entries were chosen."""
        return whole.chosen(spans_of(self.chosen.tolist()))


@record
class Tied(AbstractRestriction):
    """R = Pᵀ for P that gives one increment to all spans of a group; all spans of a group have one length.

    The coarse problem is f(θ + Py) itself, with Jacobian JP: the sum of the block Jacobians over each group.
    """

    groups: tuple[tuple[Span, ...], ...]
    size: int

    @property
    def shape(self) -> tuple[int, int]:
        """(the lengths of all groups, p)."""
        return sum(group[0][1] - group[0][0] for group in self.groups), self.size

    def __call__(self, v: Tensor) -> Tensor:
        """Return Pᵀv: the sum over each group's spans, shape (…, k)."""
        coarse = v.new_zeros(self.shape[0], *v.shape[:-1])
        begin = 0
        for group in self.groups:
            stop = begin + group[0][1] - group[0][0]
            for first, last in group:
                coarse[begin:stop] += v[..., first:last].movedim(-1, 0)
            begin = stop
        return coarse.movedim(0, -1)

    def adjoint(self, x: Tensor) -> Tensor:
        """Return Px: each group's increment repeated."""
        whole = x.new_zeros(*x.shape[:-1], self.size)
        begin = 0
        for group in self.groups:
            stop = begin + group[0][1] - group[0][0]
            for first, last in group:
                whole[..., first:last] = x[..., begin:stop]
            begin = stop
        return whole

    def structure(self, whole: Structure) -> Structure:
        """Return each group as if it were its first member."""
        return whole.chosen([group[0] for group in self.groups])


@record
class Directions(AbstractRestriction):
    """R = D: the coordinates along some directions D (k, p), so that Rᵀβ = Σ β_s D_s."""

    directions: Tensor
    by_products = True

    @property
    def shape(self) -> tuple[int, int]:
        """(k, p)."""
        return self.directions.shape[0], self.directions.shape[1]

    def __call__(self, v: Tensor) -> Tensor:
        """Return Dv."""
        return v @ self.directions.T

    def adjoint(self, x: Tensor) -> Tensor:
        """Return Dᵀx."""
        return x @ self.directions

    def structure(self, whole: Structure) -> Structure:
        """Return one part: directions have no order."""
        count = len(self.directions)
        return Structure((Part("directions", 0, count, (count,), "direction"),))


@record
class Subspace(Directions):
    """R = D for so many directions that JDᵀ is made from the whole J."""

    by_products, is_dense = False, True


@record
class Composed(AbstractRestriction):
    """R @ S: a part of a block, for objectives that know how to restrict themselves to the block `first`."""

    second: AbstractRestriction
    first: AbstractRestriction

    @property
    def by_products(self) -> bool:  # type: ignore[override]
        """Whether one of the two has but few columns."""
        return self.second.by_products or self.first.by_products

    @property
    def is_dense(self) -> bool:  # type: ignore[override]
        """Whether one of the two is."""
        return self.second.is_dense or self.first.is_dense

    @property
    def shape(self) -> tuple[int, int]:
        """(k, p)."""
        return self.second.shape[0], self.first.shape[1]

    def __call__(self, v: Tensor) -> Tensor:
        """Restrict to the block, then to its part."""
        return self.second(self.first(v))

    def adjoint(self, x: Tensor) -> Tensor:
        """Extend to the block, then to all."""
        return self.first.adjoint(self.second.adjoint(x))

    def structure(self, whole: Structure) -> Structure:
        """Return that of the block's part."""
        return self.second.structure(self.first.structure(whole))
