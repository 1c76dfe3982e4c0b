"""Conditions that cannot all hold: at one point they are linear equations for the fields' values and derivatives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from pinnml.errors import Finding
from pinnml.problem.conditions import Term
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.regions import Pair
from pinnml.problem.sampling import UnitPoints
from pinnml.problem.symbols import FieldDerivative, Learned

PROBES = 16
LINEAR = 1e-9
NOTICED = 1e-6
"""A disagreement of so much of the data's size is told, …"""

FATAL = 1e-2
"""… and of so much is fatal: tables may be rounded, and no more."""

ROUNDING = 1e-8
"""Data are expanded about values of one, so that their own size is known no better."""

Sought = tuple[Learned, int]
"""A field's derivative at a point, or at its image; or an unknown parameter, which is the same at both."""


@dataclass(frozen=True)
class Rows:
    """Linear equations A v + b = 0 at n points: A (n, q, k) for k unknowns, b (n, q)."""

    name: str
    unknowns: tuple[Sought, ...]
    matrix: Tensor
    offset: Tensor


def contradictions(
    domain: AbstractDomain, terms: Mapping[str, Term], unit: UnitPoints, generator: torch.Generator
) -> list[Finding]:
    """Find conditions on one part of the boundary, on two that are periodic, or on the whole domain, that disagree.

    Conditions that are not linear in the fields are left out.
    """

    def rows(members: Collection[Term], x: Tensor, image: int) -> list[Rows]:
        return [found for term in members if (found := _rows(term, x, image, generator)) is not None]

    on = {part: [term for term in terms.values() if part in term.region.parts] for part in domain.parts}
    on = {part: members for part, members in on.items() if members}
    points = {part: domain.sample(unit, PROBES, part) for part in on}
    groups = [(f"the boundary part {part}", rows(members, points[part], 0)) for part, members in on.items()]
    for term in terms.values():
        if isinstance(term.region, Pair):
            sides = term.region.sides
            ends = term.region.sample(unit, domain, inside=PROBES, boundary=PROBES).chunk(2)
            linked = rows([term], torch.cat(ends), 0)
            for image, (side, x) in enumerate(zip(sides, ends, strict=True)):
                linked += rows(on.get(side, []), x, image)
            groups.append((" and ".join(sides), linked))
    everywhere = [term for term in terms.values() if term.is_equation and term.stencil.count == 1]
    groups.append(("the domain", rows(everywhere, domain.sample(unit, PROBES), 0)))
    return [finding for where, group in groups for finding in _found(where, group)]


def _rows(term: Term, x: Tensor, image: int, generator: torch.Generator) -> Rows | None:
    """Return a term as linear equations at points (n, d), None where it is not linear or cannot be evaluated.

    The unknowns of a pair are those at its points, and those at their images.
    """
    try:
        (matrix, offset), (again, _) = (_expanded(term, x, generator) for _ in range(2))
    except Exception:  # the check of the function itself tells why
        return None
    if not bool(torch.isfinite(matrix).all() & torch.isfinite(offset).all()):
        return None
    if float((matrix - again).abs().max()) > LINEAR * float(1 + matrix.abs().max()):
        return None
    images = range(2) if isinstance(term.region, Pair) else [image]
    at_image = [(symbol, i if isinstance(symbol, FieldDerivative) else 0) for i in images for symbol in term.learned]
    return Rows(term.name, tuple(at_image), matrix, offset)


def _expanded(term: Term, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return A (n, q, k) and b (n, q) of a term that is expanded about random values."""
    values = {symbol: value.requires_grad_() for symbol, value in term.drawn(len(x), generator).items()}
    with torch.enable_grad():
        residual = term.residual(x, values, term.region.data)
    leaves, count = list(values.values()), residual.shape[1]
    columns = [torch.autograd.grad(row.sum(), leaves, retain_graph=True, allow_unused=True) for row in residual]
    zero = torch.zeros(len(x), dtype=torch.float64, device="cpu")
    slopes = torch.stack([torch.stack([zero if g is None else g for g in row]) for row in columns])  # (q, k, n)
    about = torch.stack(leaves).detach()  # (k, n)
    # a pair of points has one residual, and the unknowns of both
    matrix = torch.cat(slopes.split(count, dim=2), dim=1).permute(2, 0, 1)
    about = torch.cat(about.split(count, dim=1))
    return matrix, residual.detach().T - torch.einsum("nqk,kn->nq", matrix, about)


def _found(where: str, group: Sequence[Rows]) -> list[Finding]:
    """Return one finding for each pair that disagrees, or one for all of them where only all together do."""
    pairs: list[tuple[Sequence[Rows], float]] = []
    pairs += [(pair, gap) for pair in combinations(group, 2) if (gap := _gap(pair)) > NOTICED]
    if not pairs and len(group) > 2 and (gap := _gap(group)) > NOTICED:
        pairs = [(group, gap)]
    remedy = "leave one of them out, or mend its values"
    return [
        Finding(
            f"No solution fulfils the conditions {' and '.join(repr(rows.name) for rows in members)}: "
            f"they disagree by {gap:.1e} of their size",
            where,
            remedy,
            fatal=gap > FATAL,
        )
        for members, gap in pairs
    ]


def _gap(group: Sequence[Rows]) -> float:
    """Return what is left of the equations, in parts of the data's size, at a point of the middle kind."""
    unknowns = list(dict.fromkeys(unknown for rows in group for unknown in rows.unknowns))
    blocks = []
    for rows in group:
        block = rows.matrix.new_zeros(*rows.matrix.shape[:2], len(unknowns))
        block[:, :, [unknowns.index(unknown) for unknown in rows.unknowns]] = rows.matrix
        blocks.append(block)
    matrix, offset = torch.cat(blocks, 1), torch.cat([rows.offset for rows in group], 1)
    size = matrix.norm(dim=2)
    size = torch.where(size > 0, size, torch.inf)  # an equation without unknowns is told of elsewhere
    matrix, offset = matrix / size[..., None], offset / size
    solved = torch.linalg.lstsq(matrix, -offset[..., None], driver="gelsd").solution
    left = (matrix @ solved)[..., 0] + offset
    return float((left.norm(dim=1) / offset.norm(dim=1).clamp(min=ROUNDING)).median())
