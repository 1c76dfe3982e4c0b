"""The rules by which an objective makes a coarse problem of itself."""

from __future__ import annotations

from abc import ABC
from typing import Annotated

from pinnml.settings import Between, setting


class AbstractCoarsening(ABC):  # noqa: B024 — a kind of record, with nothing to do below the waist
    """A rule that names a coarse problem; what it means for points or a network is known above the waist alone."""


@setting
class ShareOfPoints(AbstractCoarsening):
    """The same unknowns with about this share of every condition's points."""

    share: Annotated[float, Between(0, 1, (False, True))] = 0.25
