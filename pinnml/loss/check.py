"""Checks of a loss at its start, before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from pinnml.loss.balance import still, traces
from pinnml.loss.pinn import PinnObjective
from pinnml.loss.placed import place
from pinnml.network import Workspace
from pinnml.problem import Across, Finding, Term, probe_term, unresolved

PROBES = 64
HELD = 1e-6
DISPARITY = 1e4
LIGHT = 1e-3
ROUNDING = 100.0
SOLVED = 100.0
"""√f of N = 0 below so many roundings (ε) of √f of an N of g's size is no chance: g meets every condition."""

SHIFT = 0.1
"""θ is moved by so much, so that a network that begins with zeros is not taken for one that is zero."""

ALIKE = 1e-6
"""Values and derivatives on both sides of an interface that differ by less of their size are those of no kink."""

SAMPLE = 100
"""Points of a condition from which its trace is told well enough for a factor of a thousand."""


def check_start(objective: PinnObjective, theta: Tensor) -> list[Finding]:
    """Check dtype and device, functions, whether residuals are finite, hard conditions, and how they are weighed."""
    findings = (
        _check_placement(objective, theta) or _check_functions(objective, theta) or _check_smoothness(objective, theta)
    )
    if findings:
        return findings
    losses = objective.losses(theta)
    for name, loss in losses.items():
        if loss != loss or loss == float("inf"):
            what = "The residual of the untrained network is not finite"
            findings.append(Finding(what, f"condition {name!r}", "mend its function, or choose another seed"))
    for name, term in objective.problem.hard_terms.items():
        findings += _check_held(objective, theta, name, term)
    # a loss that was weighed by a rule, or by the noise of measurements, says nothing about the declaration
    soft, weighed = objective.problem.soft_terms, objective.discretisation.weights
    own = {name: loss for name, loss in losses.items() if not (name in weighed or soft[name].noisy or soft[name].prior)}
    told = _check_scales(own, torch.finfo(theta.dtype).eps) + _check_light(objective, theta)
    told += _check_sides(objective, theta)
    return findings or _check_solved(objective, theta) + told


def _check_placement(objective: PinnObjective, theta: Tensor) -> list[Finding]:
    findings = unresolved(objective.problem.domain, theta.dtype)
    for name, points in objective.collocation.items():
        if points.x.dtype != theta.dtype or points.x.device.type != theta.device.type:
            what = f"The points are {points.x.dtype} on {points.x.device}, θ is {theta.dtype} on {theta.device}"
            findings.append(Finding(what, f"condition {name!r}", "give both one dtype and one device"))
    return findings


def _check_functions(objective: PinnObjective, theta: Tensor) -> list[Finding]:
    """Probe the functions again as the run will call them, where that is not as the declaration was checked."""
    if theta.dtype == torch.float64 and theta.device.type == "cpu":
        return []
    generator, findings = torch.Generator().manual_seed(0), dict[str, list[Finding]]()
    for placed in objective.chunks:
        term = placed.term
        if term.name not in findings and not term.region.data:
            x = term.stencil.chosen(placed.x, slice(PROBES))
            values = {symbol: value.to(theta) for symbol, value in term.drawn(len(x), generator).items()}
            findings[term.name] = probe_term(term, x, values)
    return [finding for found in findings.values() for finding in found]


def _moved(theta: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(theta.shape, generator=generator, dtype=torch.float32, device="cpu")
    return theta + SHIFT * normal.to(theta)


def _check_smoothness(objective: PinnObjective, theta: Tensor) -> list[Finding]:
    """Find derivatives that the network does not have: they are zero at all points, whatever θ is."""
    problem = objective.problem
    names = problem.domain.names
    moved = _moved(theta)
    for placed in objective.chunks:
        jet = placed.fields(moved, Workspace())[0].values
        for symbol in placed.term.derivatives:
            along = [name for name, order in zip(names, symbol.index, strict=True) if order]
            depends = any(symbol.index[axis] for axis in problem.axes[symbol.field])
            if depends and len(along) == 1 and not jet[placed.indices.index(symbol.index), symbol.field].any():
                field, order = objective.problem.fields[symbol.field], sum(symbol.index)
                what = f"The network's derivative of order {order} along {along[0]} is zero at all points"
                remedy = "take a smooth activation, such as tanh in place of ReLU"
                return [Finding(what, f"field {field!r} in condition {placed.term.name!r}", remedy)]
    return []


def _check_sides(objective: PinnObjective, theta: Tensor) -> list[Finding]:
    """Find interfaces across which a network, such as a module of one's own, is smooth whatever θ is."""
    smooth: list[str] = []
    for placed in objective.chunks:
        if isinstance(placed.term.region, Across) and placed.term.name not in smooth:
            jet = placed.fields(_moved(theta), Workspace())[0].values
            minus, plus = jet.chunk(2, -1)
            # points of the two sides lie apart by more than rounding in single precision
            alike = max(ALIKE, torch.finfo(theta.dtype).eps ** 0.5)
            if float((plus - minus).abs().max()) <= alike * float(jet.abs().max()):
                smooth.append(placed.term.name)
    what = "The network is smooth across the interface, so that fields have neither kinks nor jumps there"
    remedy = "use an MLP or a ResNet, or let the module know on which side a point lies"
    return [Finding(what, f"condition {name!r}", remedy, fatal=False) for name in smooth]


def _check_held(objective: PinnObjective, theta: Tensor, name: str, term: Term) -> list[Finding]:
    """Evaluate a hard condition of the untrained network: it must hold whatever θ is."""
    generator = torch.Generator().manual_seed(0)
    problem, unit = objective.problem, partial(torch.rand, generator=generator, dtype=torch.float64, device="cpu")
    x = term.region.sample(unit, problem.domain, inside=PROBES, boundary=PROBES).to(theta)
    data = {key: values.to(theta) for key, values in term.region.data.items()}
    placed = place(problem, term, objective.network, x, x.new_ones(term.region.count(x)), data)
    with torch.no_grad():
        linearised = placed.at(theta, Workspace())
    scale = 1 + max(float(leaf.detach().abs().max()) for leaf in linearised.leaves)
    # single precision holds a condition to its own rounding only
    tolerance = max(HELD, 1e3 * torch.finfo(theta.dtype).eps) * scale
    gap = float(linearised.residual.abs().max())
    if gap <= tolerance:
        return []
    what = f"The untrained network misses a condition that should hold by construction, by {gap:.1e}"
    remedy = "take it out of hard, mend the lifting, or use a PeriodicEmbedding for a Periodic condition"
    return [Finding(what, f"hard condition {name!r}", remedy)]


def _check_solved(objective: PinnObjective, theta: Tensor) -> list[Finding]:
    """Find a problem that g solves: sums of functions of one coordinate, manufactured for hard faces, are such."""
    # N of g's size: the scales that a run has found are those of rounding here
    x, liftings = torch.cat([points.x for points in objective.collocation.values()]), objective.problem.liftings
    sizes = [float(lifting.offset(x).square().mean().sqrt()) or 1.0 for lifting in liftings]
    discretisation = objective.discretisation
    other = objective.on(replace(discretisation, network=discretisation.network.scaled(sizes)))
    rounding = SOLVED * torch.finfo(theta.dtype).eps
    if not bool(objective.value(torch.zeros_like(theta)) <= rounding**2 * other.value(_moved(theta))):
        return []
    has_lifting = not all(lifting.trivial for lifting in liftings)
    what = "The lifting g alone, with N = 0, is the solution" if has_lifting else "Zero is the solution"
    remedy = "measure accuracy on another problem: nothing is left to train here"
    return [Finding(f"{what}: it meets every condition to rounding", "problem", remedy, fatal=False)]


def _check_scales(losses: dict[str, float], eps: float) -> list[Finding]:
    """Find losses of different sizes; one at rounding belongs to a condition that holds by construction."""
    least = (ROUNDING * eps) ** 2 * max(losses.values(), default=0.0)
    positive = {name: loss for name, loss in losses.items() if loss > least}
    if not positive:
        return []
    largest, smallest = max(positive, key=positive.__getitem__), min(positive, key=positive.__getitem__)
    if positive[largest] <= DISPARITY * positive[smallest]:
        return []
    ratio = positive[largest] / positive[smallest]
    what = f"At the start the loss of {largest!r} is {ratio:.0e} times that of {smallest!r}"
    return [Finding(what, "the weights of the conditions", "weigh them alike with weight=…, or make one hard", False)]


def _check_light(objective: PinnObjective, theta: Tensor) -> list[Finding]:
    """Find soft conditions whose residuals descent would change a thousand times more slowly than another's."""
    problem = objective.problem
    soft = problem.soft_terms.items()
    light_ones = [n for n, term in soft if n not in problem.equations and not term.noisy and not term.prior]
    if not light_ones:
        return []
    found, balanced = traces(objective, theta, SAMPLE), objective.discretisation.weights
    heaviest = max(found, key=found.__getitem__)
    remedy = "leave out its weight, so that it is balanced, give a larger one, or say sigma=0 of data that are exact"
    return [
        Finding(
            f"With its weight it is {found[heaviest] / found[name]:.0e} times lighter than {heaviest!r} (trace of JJᵀ)",
            f"condition {name!r}",
            remedy,
            fatal=False,
        )
        for name in light_ones
        if name not in balanced and still(theta.dtype) * found[heaviest] < found[name] < LIGHT * found[heaviest]
    ]
