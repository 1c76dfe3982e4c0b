"""Fields that are the components of one vector, such as a velocity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pinnml.errors import DeclarationError, shown

USUAL = ("u", "v", "w")


def vectors_of(given: Any, fields: Sequence[str], space: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return groups of fields, each with one component along every coordinate of `space`, in their order.

    Without any `given`, u, v (and w) are one where there are as many as these coordinates. Raises `DeclarationError`
    for groups of other names or another length.
    """
    if given is None:
        usual = USUAL[: len(space)]
        return (usual,) if 2 <= len(space) == len(usual) and set(usual) <= set(fields) else ()
    remedy = f"give groups of {len(space)} of {list(fields)}, one for each of {list(space)}, or () for none"
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DeclarationError(f"vectors is {shown(given)}", "Problem", remedy)
    groups = [tuple(one) if isinstance(one, Iterable) and not isinstance(one, str) else one for one in given]
    for group in groups:
        known = isinstance(group, tuple) and all(isinstance(name, str) and name in fields for name in group)
        if not known or len(set(group)) != len(group) or not 2 <= len(space) == len(group):
            raise DeclarationError(f"vectors has {shown(group)}", "Problem", remedy)
    return tuple(groups)
