"""A run's declaration and setup as words and numbers, and the setup read back from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pinnml.errors import DeclarationError
from pinnml.io.plain import decode, encode, is_known
from pinnml.points import Collocation
from pinnml.problem import Problem
from pinnml.settings import misfits
from pinnml.setup import Run, Setup, located

LONGEST = 1000
"""Letters of a domain's description that are kept; of what follows a digest is."""


def describe_run(run: Run) -> dict[str, Any]:
    """Return what config.json holds: the problem's declaration and the setup."""
    setup = run.setup
    return declaration(run.problem) | {
        "network": encode(setup.network),
        "solver": encode(setup.solver),
        "points": encode(setup.points) if is_known(setup.points) else "given",
        "refine": encode(setup.refine),
        "balance": encode(setup.balance),
        "scales": encode(setup.scales),
        "stop": encode(setup.stop),
        "seed": setup.seed,
        "device": setup.device,
        "dtype": str(setup.dtype),
        "chunk": setup.chunk,
        "jets": setup.jets,
        "machine": run.machine,
    }


def declaration(problem: Problem) -> dict[str, Any]:
    """Return what can be written down of a problem; it is compared with the given problem when a run is read."""
    domain = problem.domain
    return {
        "problem": problem.name,
        "domain": {
            n: [float(low), float(high)] for n, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)
        },
        "shape": _short(domain.description),
        "fields": problem.vocabulary.described,
        "equation_parameters": encode(problem.parameters),
        "conditions": {name: type(condition).__name__ for name, condition in problem.conditions.items()},
        "hard": sorted(problem.hard),
        "terms": {
            name: {"on": list(term.region.parts), "weight": None if term.balanced else term.weight}
            | {key: _short(text) for key, text in term.region.declared.items()}
            for name, term in problem.terms.items()
        },
    }


def _short(text: str) -> str:
    """Return a text, or its beginning with a digest where it is long, as that of a polygon of many corners."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def setup_of(
    config: Mapping[str, Any], given: Mapping[str, Any], collocation: Collocation, where: str, compiles: bool = False
) -> Setup:
    """Return the setup that a run was described with, with the `given` parts replaced; `compiles` is as in `decode`.

    Raises `DeclarationError` where a part is missing, or not of its type and range.
    """
    # run folders written before there was a balance had weights of one, and those before there were scales sizes of one
    kept = {"balance": None, "scales": None, "device": "cpu"} | dict(config)
    names = ("network", "solver", "points", "refine", "balance", "scales", "stop", "dtype", "seed")
    if missing := [name for name in names if name not in kept and name not in given]:
        raise DeclarationError(f"The configuration lacks {', '.join(missing)}", where, "restore the file")
    parts = {key: decode(kept[key], where, compiles) for key in names if key not in given}
    if parts["points"] == "given":
        parts["points"] = {name: points.x for name, points in collocation.items()}
    size = {key: config[key] for key in ("chunk", "jets") if key in config}  # older folders say nothing of jets
    setup = Setup(**(parts | dict(given)), device=located(str(kept["device"])), **size)
    for name, value, wanted in misfits(setup, Setup):
        raise DeclarationError(f"{name} of the configuration is {value}", where, f"restore the file: it is {wanted}")
    return setup
