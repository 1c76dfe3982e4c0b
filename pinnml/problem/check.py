"""Checks of a declaration before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, Finding
from pinnml.problem.conditions import Term
from pinnml.problem.contradictions import contradictions
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.extension import PointFunction
from pinnml.problem.lifting import FieldLifting
from pinnml.problem.probe import probe_lifting, probe_term
from pinnml.problem.reference import Reference
from pinnml.problem.symbols import FieldDerivative
from pinnml.problem.vocabulary import Vocabulary

PROBES = 64
EDGE_TOLERANCE = 1e-6

RESOLVED = 1e4
"""An interval of a coordinate holds at least so many floating-point numbers; derivatives need them."""

MOST_SCORED = 10**8
"""A reference's grid of more points takes gigabytes."""


def unresolved(domain: AbstractDomain, dtype: torch.dtype) -> list[Finding]:
    """Return the coordinates that are too narrow for derivatives in a precision."""
    findings = []
    for name, low, high in zip(domain.names, domain.lower, domain.upper, strict=True):
        if not high - low > RESOLVED * torch.finfo(dtype).eps * max(abs(low), abs(high)):
            what = f"[{low!r}, {high!r}] holds fewer than {RESOLVED:.0e} numbers of {dtype}"
            remedy = "measure the coordinate from one end, in units of its length"
            findings.append(Finding(what, f"coordinate {name!r}", remedy))
    return findings


def check_declaration(
    domain: AbstractDomain,
    vocabulary: Vocabulary,
    terms: Mapping[str, Term],
    hard: Collection[str],
    liftings: Sequence[FieldLifting],
) -> list[Finding]:
    """Try every term at random points with random field values, and compare boundary conditions with the equation."""
    found = unresolved(domain, torch.float64)
    if found:
        return found  # difference quotients would be rounding, and blame the functions
    generator = torch.Generator().manual_seed(0)

    def unit(count: int, dimension: int) -> Tensor:
        return torch.rand(count, dimension, generator=generator, dtype=torch.float64, device="cpu")

    def with_corners(count: int, dimension: int) -> Tensor:
        return _with_corners(unit(count, dimension))

    findings = contradictions(domain, terms, unit, generator)
    agree = not findings
    for name, term in terms.items():
        x = term.region.sample(unit, domain, inside=PROBES, boundary=PROBES)
        wrong = _check_residual(term, x, generator)
        if (
            not wrong
            and agree
            and name in hard
            and term.region.parts
            and not any(sum(s.index) > 1 for s in term.derivatives)
        ):
            x = term.region.sample(with_corners, domain, inside=PROBES, boundary=PROBES)
            wrong = _check_lifting(term, x, liftings)
        findings += wrong
    if any(finding.fatal for finding in findings):
        return findings
    findings += _check_derivatives(domain, vocabulary, terms, liftings, domain.sample(unit, PROBES))
    return findings + _check_coverage(domain, vocabulary, terms) if agree else findings


def _check_derivatives(
    domain: AbstractDomain,
    vocabulary: Vocabulary,
    terms: Mapping[str, Term],
    liftings: Sequence[FieldLifting],
    x: Tensor,
) -> list[Finding]:
    """Check liftings in as many derivatives as the terms need of each field."""
    needed = [symbol for term in terms.values() for symbol in term.derivatives]
    orders = [max((sum(s.index) for s in needed if s.field == i), default=0) for i in range(len(vocabulary.fields))]
    return [
        finding
        for field, lifting, order in zip(vocabulary.fields, liftings, orders, strict=True)
        if not lifting.trivial
        for finding in probe_lifting(field, lifting, x, domain.lengths, order)
    ]


def _check_residual(term: Term, x: Tensor, generator: torch.Generator) -> list[Finding]:
    """Evaluate a residual on a random field: shapes, dtypes, devices, finite numbers, derivatives."""
    where = f"condition {term.name!r}"
    x = term.stencil(x)
    values = term.drawn(len(x), generator)
    try:
        residual = term.residual(x, values, term.region.data)
    except DeclarationError as error:
        return [Finding(error.what, error.where or where, error.remedy)]
    except Exception as error:
        return [Finding(f"Its function raises {type(error).__name__}: {error}", where, "mend the function")]
    if not torch.isfinite(residual).all():
        bad = (~torch.isfinite(residual)).any(0).nonzero()[0, 0]
        inputs = ", ".join(f"{value:.3g}" for value in x[bad])
        what = f"Its function is not finite at the point ({inputs})"
        return [Finding(what, where, "avoid roots, logarithms and quotients outside their range")]
    return probe_term(term, x, values)


def _with_corners(unit: Tensor) -> Tensor:
    """Add corners of the unit cube, where data on neighbouring faces meet: all of them in up to ten dimensions."""
    if unit.shape[1] > 10:
        return torch.cat([unit, unit.round()])
    ends = unit.new_tensor([0.0, 1.0])
    return torch.cat([unit, torch.cartesian_prod(*[ends] * unit.shape[1]).reshape(-1, unit.shape[1])])


def _check_lifting(term: Term, x: Tensor, liftings: Sequence[FieldLifting]) -> list[Finding]:
    """Compare u = g with the condition, and ℓ with zero, at points of its faces and all their corners."""
    where = f"hard condition {term.name!r}"
    chosen = {symbol: liftings[symbol.field] for symbol in term.derivatives}
    try:
        offsets = {symbol: _first(lifting.offset, symbol, x) for symbol, lifting in chosen.items()}
        distance = max(float(_first(lifting.distance, s, x).abs().max()) for s, lifting in chosen.items())
    except DeclarationError as error:
        return [Finding(error.what, f"{error.where} for {where}", error.remedy)]
    except Exception as error:
        return [Finding(f"Its lifting raises {type(error).__name__}: {error}", where, "mend the function")]
    scale = 1.0 + max(float(offset.abs().max()) for offset in offsets.values())
    gap = float(term.residual(x, offsets, term.region.data).abs().max())
    if math.isfinite(gap) and gap <= EDGE_TOLERANCE * scale and distance <= EDGE_TOLERANCE:
        return []
    return [
        Finding(
            f"The lifting misses the prescribed values by {gap:.1e} and its distance to zero on the face by "
            f"{distance:.1e}: values of neighbouring faces disagree on an edge, or a lifting given by hand is wrong",
            where,
            "make the values agree where faces meet, take the condition out of hard, or mend lifting=…",
        )
    ]


def _first(function: PointFunction, symbol: FieldDerivative, x: Tensor) -> Tensor:
    """Return a function of points, or its first derivative along the axis of a symbol, shape (n,)."""
    if not any(symbol.index):
        return function(x)
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        total = function(points).sum()
        if not total.requires_grad:
            return torch.zeros_like(x[:, 0])
        (gradient,) = torch.autograd.grad(total, points, allow_unused=True, materialize_grads=True)
    return gradient[:, symbol.index.index(1)]


def _check_coverage(domain: AbstractDomain, vocabulary: Vocabulary, terms: Mapping[str, Term]) -> list[Finding]:
    """An equation of order k along a coordinate needs k conditions on the sides across it for every field."""
    findings = []
    for number, field in enumerate(vocabulary.fields):
        # how often each condition prescribes the field or a derivative of it
        named = [(term, [s for s in term.derivatives if s.field == number]) for term in terms.values()]
        for axis, coordinate in enumerate(domain.names):
            sides = domain.sides(axis)
            orders = [s.index[axis] for term, symbols in named if term.is_equation for s in symbols]
            order = max(orders, default=0)
            each = [(term, min(len(symbols), 1) if term.tied else len(symbols)) for term, symbols in named]
            counted = [(term, number * term.region.conditions_across(sides)) for term, number in each]
            given = sum(count for _, count in counted)
            held = sum(count for term, count in counted if term.region.parts)
            alone = len(vocabulary.fields) == 1  # of systems the orders are not told apart
            if sides and 0 < order < held and alone and not vocabulary.unknowns:  # which such conditions may determine
                findings.append(_too_many(order, held, coordinate, field, sides))
            if not sides or given >= order:
                continue
            taken = {part for term, symbols in named if symbols for part in term.region.parts}
            free = ", ".join(side for side in sides if side not in taken) or f"along {coordinate}"
            findings.append(
                Finding(
                    f"The equation is of order {order} in {coordinate}, {field} has {given} conditions there",
                    f"the boundary parts {free}",
                    "add a Value, Derivative or Periodic condition, unless data elsewhere determine the solution",
                    fatal=False,
                )
            )
    return findings


def _too_many(order: int, given: int, coordinate: str, field: str, sides: Sequence[str]) -> Finding:
    return Finding(
        f"The equation is of order {order} in {coordinate}, {field} has {given} conditions there: more than can hold",
        f"the boundary parts {', '.join(sides)}",
        "leave one of them out, unless their values were measured on one solution",
        fatal=False,
    )


def check_reference(domain: AbstractDomain, vocabulary: Vocabulary, reference: Reference | None) -> list[Finding]:
    """Compare the names in a reference with the problem's; its functions are not called."""
    if reference is None:
        return []
    findings = []
    for what, named, known in (
        ("fields", set(reference.fields), set(vocabulary.fields)),
        (reference.kind, set(reference.names), set(domain.names)),
    ):
        if named != known:
            sentence = f"It has {what} for {sorted(named)}, the problem has {sorted(known)}"
            findings.append(Finding(sentence, "reference", "give every name of the problem, and no other"))
    if (count := reference.count) > MOST_SCORED:
        sentence = f"It has {count:.1e} points"
        findings.append(Finding(sentence, "reference", f"take at most {MOST_SCORED:.0e}"))
    return findings
