"""The fields of a checkpoint, each of its type and range: what everybody else may rely on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any

import torch
from torch import Tensor

from pinnml.adapt import Refinement
from pinnml.errors import DeclarationError
from pinnml.io.plain import decode, escaped
from pinnml.io.untrusted import REMEDY
from pinnml.network import Growth
from pinnml.objective import Counts
from pinnml.optim import Estimate, Status
from pinnml.settings import AtLeast, Between, misfits
from pinnml.setup import COLUMNS, INTEGERS

ROWS = 10_000_000
"""The most rows of a history that is read; each takes some 300 bytes of memory."""

NEEDED = len(COLUMNS) - 1
"""Columns that every checkpoint of this format has; those of the first such had no `neurons`."""

EXACT = 2**53
"""Whole numbers below this are kept exactly by a float."""

REAL = (torch.float64, torch.float32)


@dataclass(frozen=True)
class Finite:
    """Tensors of real, finite numbers with so many dimensions, none of them empty."""

    dimensions: int

    def holds(self, value: Any) -> bool:
        """Return whether a tensor is one."""
        return is_real(value, self.dimensions) and bool(value.isfinite().all())

    def __str__(self) -> str:
        return f"finite real numbers, {self.dimensions}-dimensional"


@dataclass(frozen=True)
class RandomState:
    """What a generator can be set to."""

    def holds(self, value: Any) -> bool:
        """Return whether a generator takes it."""
        fresh = torch.Generator().get_state()
        if value.dtype != fresh.dtype or value.shape != fresh.shape or value.device != fresh.device:
            return False
        try:
            torch.Generator().set_state(value)
        except RuntimeError:  # its own numbers do not fit together
            return False
        return True

    def __str__(self) -> str:
        return "the state of a generator of random numbers"


@dataclass(frozen=True)
class Rows:
    """Rows of a history as numbers: iterations rise, nothing is negative, NaN stands for what is not known."""

    def holds(self, value: Any) -> bool:
        """Return whether a tensor (rows, columns) is one."""
        if value.dtype != torch.float64 or value.ndim != 2 or not 1 <= len(value) <= ROWS:
            return False
        if not NEEDED <= value.shape[1] <= len(COLUMNS):
            return False
        column = dict(zip(COLUMNS, value.unbind(1), strict=False))
        unknown = torch.stack([column.pop("relative_l2"), column.pop("estimate")])
        known, whole = torch.stack(list(column.values())), [column[name] for name in INTEGERS if name in column]
        return (
            bool((known >= 0).all())
            and bool((unknown.isnan() | (unknown >= 0)).all())
            and all(bool(((one < EXACT) & (one == one.round())).all()) for one in whole)
            and bool((column["iteration"].diff() > 0).all())
        )

    def __str__(self) -> str:
        return f"one to {ROWS} rows of {NEEDED} or {len(COLUMNS)} numbers, iterations rising and nothing negative"


Whole = Annotated[int, Between(0, EXACT)]
NotNegative = Annotated[float, Between(0, math.inf, closed=(True, False))]


@dataclass(frozen=True)
class Stored:
    """What a checkpoint holds of a run; the parts of `points` are x, weights and data."""

    version: str
    config: Mapping[str, Any]
    theta: Annotated[Tensor, Finite(1)]
    f: Annotated[Tensor, Finite(0), AtLeast(0)]
    grad: Annotated[Tensor, Finite(1)]
    state: Any
    status: Status
    message: str
    iteration: Whole
    seconds: NotNegative
    counts: Counts
    points: Mapping[str, tuple[Annotated[Tensor, Finite(2)], Annotated[Tensor, Finite(1)], Mapping[str, Tensor]]]
    weights: Mapping[str, NotNegative]
    exhausted: bool
    pending: bool
    generator: Annotated[Tensor, RandomState()] | None
    history: Annotated[Tensor, Rows()]
    scales: tuple[Annotated[float, Between(0, math.inf, closed=(False, False))], ...] | None = None
    growth: Growth | None = None
    estimate: Estimate | None = None
    assessed: Estimate | None = None
    unassessed: bool = False
    adaptation: Any = None
    refinements: tuple[Refinement, ...] | None = None
    learned: Annotated[Tensor, Finite(2)] | None = None
    identity: str = ""


PLAIN = ("config", "theta", "f", "grad", "points", "history", "learned", "generator")
"""Fields that are not records, and hold names that are compared with others."""


def stored(checkpoint: Mapping[str, Any], where: str, compiles: bool = False) -> Stored:
    """Return the fields of a checkpoint; `compiles` is as in `decode`.

    Raises `DeclarationError` where one is missing, or not of its type and range.
    """
    parts = {}
    for part in fields(Stored):
        if part.name in checkpoint:
            value = checkpoint[part.name]
            parts[part.name] = value if part.name in PLAIN else decode(escaped(value), where, compiles)
        elif part.default is MISSING:
            raise DeclarationError(f"The checkpoint lacks {part.name!r}", where, REMEDY)
    parts["status"] = Status.__members__.get(str(parts["status"]), parts["status"])
    if isinstance(points := parts["points"], Mapping):
        parts["points"] = {name: tuple(p) if isinstance(p, list) else p for name, p in points.items()}
    found = Stored(**parts)
    for name, value, wanted in misfits(found, Stored):
        raise DeclarationError(f"{name!r} of the checkpoint is {value}", where, f"{REMEDY}: it is {wanted}")
    return found


def is_real(value: Any, dimensions: int) -> bool:
    """Return whether a value is a tensor of real numbers, at least one, with so many dimensions."""
    return isinstance(value, Tensor) and value.dtype in REAL and value.ndim == dimensions and value.numel() > 0
