"""Evaluations that now and then come back as NaN or infinity, as from a faulty machine."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from pinnml.loss.chunked import ChunkedLeastSquares

EVALUATIONS = ("at", "value", "residual", "jvp", "vjp", "jacobian", "tested", "gauss_newton", "square_root")


@contextmanager
def poison(share: float, seed: int) -> Iterator[list[str]]:
    """Spoil this share of all evaluations of a PDE's loss, of blocks of it, too, and of all Cholesky factors.

    Yields the names of what was spoilt.
    """
    chance, spoilt = random.Random(seed), list[str]()

    def faulty(name: str, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        def evaluated(*arguments: Any) -> Any:
            found = evaluate(*arguments)
            if chance.random() >= share:
                return found
            spoilt.append(name)
            return _spoilt(found, chance)

        return evaluated

    patches = [
        patch.object(ChunkedLeastSquares, name, faulty(name, getattr(ChunkedLeastSquares, name)))
        for name in EVALUATIONS
    ]
    patches.append(patch.object(torch.linalg, "cholesky_ex", faulty("factor", torch.linalg.cholesky_ex)))
    for one in patches:
        one.start()
    try:
        yield spoilt
    finally:
        for one in patches:
            one.stop()


def _spoilt(found: Any, chance: random.Random) -> Any:
    """The evaluation with one of its numbers made NaN, ∞ or −∞."""
    if isinstance(found, tuple):  # a factor, and whether it has failed, which is not told
        return _spoilt(found[0], chance), found[1]
    if isinstance(found, Tensor):
        found = found.clone(memory_format=torch.contiguous_format)
        found.view(-1)[chance.randrange(found.numel())] = chance.choice([math.nan, math.inf, -math.inf])
        return found
    held = [part.name for part in fields(found) if part.name != "theta"]
    names = [name for name in held if isinstance(getattr(found, name), Tensor)]
    name = chance.choice(names)
    return replace(found, **{name: _spoilt(getattr(found, name), chance)})
