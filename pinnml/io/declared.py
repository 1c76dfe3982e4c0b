"""A run's declaration and setup as words and numbers, and the setup read back from them."""

from __future__ import annotations

from typing import Any

import torch

from pinnml.io.plain import decode, encode, is_known
from pinnml.points import Collocation
from pinnml.problem import Problem
from pinnml.setup import Run, Setup


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
        "fields": list(problem.fields),
        "equation_parameters": dict(problem.parameters),
        "conditions": {name: type(condition).__name__ for name, condition in problem.conditions.items()},
        "hard": sorted(problem.hard),
        "terms": {
            name: {"on": list(term.region.parts), "weight": None if term.balanced else term.weight}
            for name, term in problem.terms.items()
        },
    }


def setup_of(config: dict[str, Any], given: dict[str, Any], collocation: Collocation, where: str) -> Setup:
    """Return the setup that a run was described with, with the `given` parts replaced."""
    # run folders written before there was a balance had weights of one, and those before there were scales sizes of one
    kept = {"balance": None, "scales": None} | config
    names = ("network", "solver", "points", "refine", "balance", "scales", "stop")
    parts = {key: decode(kept[key], where) for key in names if key not in given}
    if parts["points"] == "given":
        parts["points"] = {name: points.x for name, points in collocation.items()}
    dtype = decode(config["dtype"], where)
    size = {key: config[key] for key in ("chunk", "jets") if key in config}  # older folders say nothing of jets
    return Setup(
        **(parts | given), seed=config["seed"], device=located(str(config.get("device", "cpu"))), dtype=dtype, **size
    )


def located(device: str) -> str:
    """Return where what lay on a device goes here: there, to the first GPU for one that is missing, or to the CPU."""
    if not device.startswith("cuda") or not torch.cuda.is_available():
        return "cpu"
    number = torch.device(device).index
    return device if number is None or number < torch.cuda.device_count() else "cuda:0"
