"""Checks of a declaration before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, Finding
from pinnml.problem.conditions import Term
from pinnml.problem.domain import Box
from pinnml.problem.lifting import FieldLifting
from pinnml.problem.reference import Reference
from pinnml.problem.regions import Everywhere, Faces, Pair
from pinnml.problem.vocabulary import FieldDerivative, Vocabulary

PROBES = 64
EDGE_TOLERANCE = 1e-6


def check_declaration(
    domain: Box,
    vocabulary: Vocabulary,
    terms: Mapping[str, Term],
    hard: Collection[str],
    liftings: Sequence[FieldLifting],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> list[Finding]:
    """Try every term at random points with random field values, and compare boundary conditions with the equation."""
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(PROBES, domain.dimension, generator=generator, dtype=torch.float64).to(device, dtype)
    findings: list[Finding] = []
    for name, term in terms.items():
        wrong = _check_residual(name, term, term.region.place(unit, domain), generator)
        findings += wrong
        if wrong:
            continue
        if name in hard and isinstance(term.region, Faces) and not any(any(s.index) for s in term.derivatives):
            findings += _check_lifting(name, term, term.region.place(_with_corners(unit), domain), liftings)
    return findings + _check_coverage(domain, vocabulary, terms)


def _check_residual(name: str, term: Term, x: Tensor, generator: torch.Generator) -> list[Finding]:
    """Evaluate a residual on a random field: shapes, dtypes, devices, and numbers that are finite."""
    where = f"condition {name!r}"
    values = {symbol: torch.rand(len(x), generator=generator, dtype=torch.float64).to(x) for symbol in term.derivatives}
    try:
        residual = term.residual(x, values)
    except DeclarationError as error:
        return [Finding(str(error), where, "return what the message asks for.")]
    except Exception as error:
        return [Finding(f"Its function raises {type(error).__name__}: {error}.", where, "mend the function.")]
    if not torch.isfinite(residual).all():
        bad = (~torch.isfinite(residual)).any(0).nonzero()[0, 0]
        inputs = ", ".join(f"{value:.3g}" for value in x[bad])
        what = f"Its function is not finite at the point ({inputs})."
        return [Finding(what, where, "avoid roots, logarithms and quotients outside their range.")]
    return []


def _with_corners(unit: Tensor) -> Tensor:
    """Add corners of the unit cube, where data on neighbouring faces meet: all of them in up to ten dimensions."""
    if unit.shape[1] > 10:
        return torch.cat([unit, unit.round()])
    ends = unit.new_tensor([0.0, 1.0])
    return torch.cat([unit, torch.cartesian_prod(*[ends] * unit.shape[1]).reshape(-1, unit.shape[1])])


def _check_lifting(name: str, term: Term, x: Tensor, liftings: Sequence[FieldLifting]) -> list[Finding]:
    """Hold u = g against the condition, and ℓ against zero, at points of its faces and all corners."""
    where = f"hard condition {name!r}"
    chosen = {symbol: liftings[symbol.field] for symbol in term.derivatives}
    try:
        offsets = {symbol: lifting.offset(x) for symbol, lifting in chosen.items()}
        distance = max(float(lifting.distance(x).abs().max()) for lifting in chosen.values())
    except DeclarationError as error:
        return [Finding(str(error), where, "return what the message asks for.")]
    except Exception as error:
        return [Finding(f"Its lifting raises {type(error).__name__}: {error}.", where, "mend the function.")]
    scale = 1.0 + max(float(offset.abs().max()) for offset in offsets.values())
    gap = float(term.residual(x, offsets).abs().max())
    if math.isfinite(gap) and gap <= EDGE_TOLERANCE * scale and distance <= EDGE_TOLERANCE:
        return []
    return [
        Finding(
            f"The lifting misses the prescribed values by {gap:.1e} and its distance to zero on the face by "
            f"{distance:.1e}: values of neighbouring faces disagree on an edge, or a lifting given by hand is wrong.",
            where,
            "make the values agree where faces meet, take the condition out of hard, or mend lifting=….",
        )
    ]


def _check_coverage(domain: Box, vocabulary: Vocabulary, terms: Mapping[str, Term]) -> list[Finding]:
    """An equation of order k along an axis needs k conditions on that axis' faces for every field."""
    findings = []
    for field, field_name in enumerate(vocabulary.fields):
        for axis, axis_name in enumerate(domain.names):
            order = max(
                (
                    symbol.index[axis]
                    for term in terms.values()
                    if isinstance(term.region, Everywhere)
                    for symbol in term.derivatives
                    if symbol.field == field
                ),
                default=0,
            )
            given = sum(_conditions_on(term, field, axis) for term in terms.values())
            if given < order:
                findings.append(
                    Finding(
                        f"The equation is of order {order} in {axis_name}, {field_name} has {given} conditions there.",
                        f"the boundary parts {_free_faces(domain, terms, field, axis)}",
                        "add a Value, Derivative or Periodic condition, unless data elsewhere determine the solution.",
                        fatal=False,
                    )
                )
    return findings


def _conditions_on(term: Term, field: int, axis: int) -> int:
    symbols: list[FieldDerivative] = [symbol for symbol in term.derivatives if symbol.field == field]
    if isinstance(term.region, Pair):
        return len(symbols) if term.region.axis == axis else 0
    if isinstance(term.region, Faces):
        return len(symbols) * sum(face.axis == axis for face in term.region.faces)
    return 0


def _free_faces(domain: Box, terms: Mapping[str, Term], field: int, axis: int) -> str:
    taken = {
        face
        for term in terms.values()
        if isinstance(term.region, Faces) and any(symbol.field == field for symbol in term.derivatives)
        for face in term.region.faces
    }
    free = [name for name, face in domain.faces.items() if face.axis == axis and face not in taken]
    return ", ".join(free) if free else f"along {domain.names[axis]}"


def check_reference(domain: Box, vocabulary: Vocabulary, reference: Reference | None) -> list[Finding]:
    """Hold the names in a reference against the problem's; its functions are not called."""
    if reference is None:
        return []
    findings = []
    for what, named, known in (
        ("fields", set(reference.fields), set(vocabulary.fields)),
        ("a grid", set(reference.grid), set(domain.names)),
    ):
        if named != known:
            sentence = f"It has {what} for {sorted(named)}, the problem has {sorted(known)}."
            findings.append(Finding(sentence, "reference", "give every name of the problem, and no other."))
    return findings
