"""The rules by which an objective makes a coarse problem of itself."""

from __future__ import annotations

from abc import ABC
from typing import Annotated

from pinnml.settings import Between, Count, setting


class AbstractCoarsening(ABC):  # noqa: B024 — a kind of record, with nothing to do below the waist
    """A rule that names a coarse problem; what it means for points or a network is known above the waist alone."""


@setting
class ShareOfPoints(AbstractCoarsening):
    """The same unknowns with about this share of every condition's points."""

    share: Annotated[float, Between(0, 1, (False, True))] = 0.25


@setting
class CosineModes(AbstractCoarsening):
    """The same unknowns with few residuals: r tested with the first `count` cosine modes of each condition's points.

    Products of cosines on the box around the points, by the sum of their squared wave numbers, for each residual of a
    condition, made orthonormal over the points.
    """

    count: Count = 40
