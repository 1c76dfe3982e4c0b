"""Names of the parts of a boundary that is made of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pinnml.errors import DeclarationError, suggestion
from pinnml.problem.domain import AbstractDomain

Origins = Mapping[str, tuple[int, str]]
"""Parts of two domains by their names in the result: which domain, and the name there."""


def united(first: Sequence[str], second: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return the parts of two domains by names of which no two are the same: "rim", then "rim 2", "rim 3", …."""
    origins = {part: (0, part) for part in first}
    for part in second:
        name, number = part, 2
        while name in origins or (name != part and name in second):
            name, number = f"{part} {number}", number + 1
        origins[name] = (1, part)
    return origins


def found_part(text: str, origins: Origins, domains: Sequence[AbstractDomain], where: str) -> str:
    """Return the name of a part that a text names as the result or as one of the domains writes it."""
    if text in origins:
        return text
    for number, domain in enumerate(domains):
        try:
            own = domain.part(text, where)
        except DeclarationError:
            continue
        if origins.get(own) == (number, own):
            return own
    raise DeclarationError(f"No part of the boundary is called {text!r}", where, suggestion(text, origins))
